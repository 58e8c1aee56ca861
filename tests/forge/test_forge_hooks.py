"""Webhooks: what is told to whom, in which order, signed how; and receivers that are slow, gone or hostile."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, Queue
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from loreli_ray.forge import Forge, ForgeServer, hooks
from loreli_ray.forge.hooks import EVENTS, may_lead_to
from tests.forge.forge_kit import COLLABORATOR, HOME, OWNER, REPOSITORY, STRANGER, House
from tests.forge.graphql_kit import GARDEN, ask, change, repository_id

SECRET = "the sun and the rain"
HOOKS = f"{HOME}/hooks"
WAIT = 30.0


@dataclass(frozen=True)
class Delivered:
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> str:
        return self.headers["x-github-event"]

    @property
    def payload(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def what(self) -> str:
        """The event with its action."""
        return f"{self.event}.{self.payload['action']}" if "action" in self.payload else self.event


@dataclass
class Receiver:
    """An HTTP server that keeps what it is sent, and answers as it is told: the next status, or 200."""

    url: str
    taken: Queue[Delivered] = field(default_factory=Queue[Delivered])
    answers: Queue[int] = field(default_factory=Queue[int])
    held: threading.Event = field(default_factory=threading.Event)

    def next(self) -> Delivered:
        return self.taken.get(timeout=WAIT)

    def events(self, count: int) -> list[str]:
        return [self.next().what for _ in range(count)]

    def until(self, what: str) -> Delivered:
        while (delivered := self.next()).what != what:
            pass
        return delivered


def serve(receiver: Receiver) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.held.wait(WAIT)
            receiver.taken.put(Delivered({name.lower(): value for name, value in self.headers.items()}, body))
            try:
                status = receiver.answers.get_nowait()
            except Empty:
                status = 200
            self.send_response(status)
            self.send_header("location", receiver.url + "elsewhere")
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver("")
    made.held.set()
    with serve(made) as server:
        yield made
        made.held.set()
        server.shutdown()


@pytest.fixture
def other() -> Iterator[Receiver]:
    made = Receiver("")
    made.held.set()
    with serve(made) as server:
        yield made
        made.held.set()
        server.shutdown()


def add(client: httpx.Client, receiver: Receiver, *events: str, **config: Any) -> dict[str, Any]:
    """A hook, and its ping awaited."""
    body = {"events": events or ["*"], "config": {"url": receiver.url, "content_type": "json", **config}}
    answer = client.post(HOOKS, json=body)
    assert answer.status_code == 201, answer.text
    assert receiver.next().event == "ping"
    return answer.json()


def test_the_hooks_of_a_repository(
    owner: httpx.Client, collaborator: httpx.Client, stranger: httpx.Client, receiver: Receiver
) -> None:
    hook = add(owner, receiver, "issues", secret=SECRET)
    url = f"{HOOKS}/{hook['id']}"
    assert hook["config"] == {"url": receiver.url, "content_type": "json", "insecure_ssl": "0", "secret": "********"}
    assert (hook["active"], hook["events"], hook["type"], hook["name"]) == (True, ["issues"], "Repository", "web")
    assert [one["id"] for one in owner.get(HOOKS).json()] == [hook["id"]]
    assert owner.get(url).json() == hook
    for client in (collaborator, stranger):  # not theirs, not even to see
        for method, path in (("GET", HOOKS), ("POST", HOOKS), ("GET", url), ("DELETE", url), ("POST", f"{url}/pings")):
            body = {"config": {"url": receiver.url}}
            assert client.request(method, path, json=body).status_code == 404
    changed = owner.patch(url, json={"add_events": ["push"], "remove_events": ["issues"], "active": False}).json()
    assert (changed["events"], changed["active"]) == (["push"], False)
    config = owner.patch(f"{url}/config", json={"content_type": "form"}).json()
    assert config["content_type"] == "form"
    assert owner.get(f"{url}/config").json() == config
    refused: list[dict[str, Any]] = [
        {"config": {"url": receiver.url}, "events": ["nothing"]},
        {"config": {"url": receiver.url}, "events": []},
        {"config": {"url": "ftp://localhost/"}},
        {"config": {}},
        {"config": {"url": receiver.url, "content_type": "xml"}},
        {"config": {"url": "http://example.org/"}},
        {"config": {"url": receiver.url}, "events": ["push"]},  # it is there already
    ]
    for body in refused:
        answer = owner.post(HOOKS, json=body)
        assert answer.status_code == 422, (body, answer.text)
    assert owner.patch(url, json={"config": {"url": "http://192.0.2.1/"}}).status_code == 422
    assert owner.delete(url).status_code == 204
    assert owner.get(url).status_code == 404


def test_where_a_hook_may_lead(owner: httpx.Client, forge: Forge) -> None:
    near = [
        "http://127.0.0.1/",
        "https://localhost:1/x",
        "http://[::1]:80/",
        "http://a.localhost/",
        "http://127.9.9.9/",
    ]
    far = ["http://10.0.0.1/", "http://example.org/", "http://169.254.169.254/", "http://0.0.0.0/", "http://[::]/"]
    far += ["http://127.0.0.1@example.org/", "http://user:pw@127.0.0.1/", "file:///etc", "http://[oops", "http:///x"]
    far += ["http://localhost.example.org/", "http://127.0.0.1:99999/", "http://2130706433/"]
    assert [url for url in near + far if may_lead_to(url, trusted=())] == near
    assert may_lead_to("https://ci.example.org/hook", trusted=("ci.example.org",))
    with ForgeServer(forge, hook_hosts=["ci.example.org"]) as server:
        headers = {"Authorization": f"Bearer {forge.token(OWNER)}"}
        body = {"config": {"url": "http://ci.example.org/"}, "active": False}
        answer = httpx.post(f"{server.url}{HOOKS}", headers=headers, json=body, trust_env=False)
        assert answer.status_code == 201


def test_a_delivery_is_signed(owner: httpx.Client, receiver: Receiver) -> None:
    hook = add(owner, receiver, "issues", secret=SECRET)
    owner.post(f"{HOME}/issues", json={"title": "Grüße"})
    got = receiver.next()
    digest = hmac.new(SECRET.encode(), got.body, hashlib.sha256).hexdigest()
    assert got.headers["x-hub-signature-256"] == f"sha256={digest}"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["x-github-hook-id"] == str(hook["id"])
    assert len(got.headers["x-github-delivery"]) == 36
    assert got.payload["issue"]["title"] == "Grüße"
    owner.patch(f"{HOOKS}/{hook['id']}/config", json={"content_type": "form"})
    owner.post(f"{HOME}/issues", json={"title": "y"})
    form = receiver.next()
    assert form.headers["content-type"] == "application/x-www-form-urlencoded"
    digest = hmac.new(SECRET.encode(), form.body, hashlib.sha256).hexdigest()
    assert form.headers["x-hub-signature-256"] == f"sha256={digest}"
    assert json.loads(parse_qs(form.body.decode())["payload"][0])["issue"]["title"] == "y"


def test_the_life_of_an_issue(owner: httpx.Client, collaborator: httpx.Client, receiver: Receiver) -> None:
    add(owner, receiver)
    collaborator.post(f"{HOME}/issues", json={"title": "x", "labels": ["bug"]})
    opened, labeled = receiver.next(), receiver.next()
    assert [opened.what, labeled.what] == ["issues.opened", "issues.labeled"]
    assert opened.payload["issue"] == collaborator.get(f"{HOME}/issues/1").json()
    assert opened.payload["sender"]["login"] == COLLABORATOR
    assert opened.payload["repository"]["full_name"] == REPOSITORY
    assert labeled.payload["label"]["name"] == "bug"
    owner.patch(f"{HOME}/issues/1", json={"title": "y", "body": "z", "assignees": [COLLABORATOR]})
    edits = [receiver.next() for _ in range(3)]
    assert sorted(one.what for one in edits) == ["issues.assigned", "issues.edited", "issues.edited"]
    assert {name: change["from"] for one in edits for name, change in one.payload.get("changes", {}).items()} == {
        "title": "x",
        "body": None,
    }
    assert all(one.payload["sender"]["login"] == OWNER for one in edits)
    comment = collaborator.post(f"{HOME}/issues/1/comments", json={"body": "a"}).json()
    owner.patch(f"{HOME}/issues/comments/{comment['id']}", json={"body": "b"})
    owner.delete(f"{HOME}/issues/comments/{comment['id']}")
    said = [receiver.next() for _ in range(3)]
    assert [one.what for one in said] == [f"issue_comment.{word}" for word in ("created", "edited", "deleted")]
    assert said[1].payload["changes"] == {"body": {"from": "a"}}
    assert said[1].payload["sender"]["login"] == OWNER  # who did it, not whose comment it is
    assert said[2].payload["comment"]["body"] == "b"
    owner.delete(f"{HOME}/issues/1/labels/bug")
    owner.patch(f"{HOME}/issues/1", json={"state": "closed"})
    owner.patch(f"{HOME}/issues/1", json={"state": "open"})
    assert receiver.events(3) == ["issues.unlabeled", "issues.closed", "issues.reopened"]


def test_the_life_of_a_pull_request(
    house: House, owner: httpx.Client, collaborator: httpx.Client, receiver: Receiver, ci: httpx.Client
) -> None:
    add(owner, receiver)
    first = house.branch("bed", {"bed.md": "x\n"})
    pushed = receiver.until("push").payload
    assert (pushed["ref"], pushed["after"], pushed["created"]) == ("refs/heads/bed", first, True)
    house.pull(collaborator, "bed", body="please")
    opened = receiver.until("pull_request.opened").payload
    assert (opened["number"], opened["pull_request"]["head"]["sha"]) == (1, first)
    assert opened["pull_request"]["mergeable"] is True
    theirs = house.checkout(COLLABORATOR)
    second = theirs.commit("bed", {"more.md": "y\n"}, message="More", start="origin/bed")
    theirs.push("bed")
    pushed = receiver.until("push").payload
    assert (pushed["before"], pushed["after"], pushed["forced"]) == (first, second, False)
    assert [commit["message"] for commit in pushed["commits"]] == ["More"]
    assert pushed["pusher"]["name"] == pushed["sender"]["login"] == COLLABORATOR
    assert pushed["head_commit"]["id"] == second
    moved = receiver.until("pull_request.synchronize").payload
    assert (moved["before"], moved["after"], moved["pull_request"]["head"]["sha"]) == (first, second, second)
    assert moved["sender"]["login"] == COLLABORATOR
    review = {"event": "APPROVE", "body": "good", "comments": [{"path": "bed.md", "line": 1, "body": "nice"}]}
    owner.post(f"{HOME}/pulls/1/reviews", json=review)
    submitted = receiver.until("pull_request_review.submitted").payload
    assert (submitted["review"]["state"], submitted["pull_request"]["number"]) == ("approved", 1)
    assert receiver.until("pull_request_review_comment.created").payload["comment"]["body"] == "nice"
    run = ci.post(f"{HOME}/check-runs", json={"name": "tests", "head_sha": second}).json()
    assert receiver.until("check_run.created").payload["check_run"]["status"] == "queued"
    ci.patch(f"{HOME}/check-runs/{run['id']}", json={"conclusion": "success"})
    assert receiver.until("check_run.completed").payload["check_run"]["conclusion"] == "success"
    owner.post(f"{HOME}/statuses/{second}", json={"state": "success", "context": "lint"})
    status = receiver.until("status").payload
    assert (status["sha"], status["state"], status["context"]) == (second, "success", "lint")
    merged = owner.put(f"{HOME}/pulls/1/merge", json={"merge_method": "squash"}).json()["sha"]
    closed = receiver.until("pull_request.closed").payload
    assert (closed["pull_request"]["merged"], closed["pull_request"]["merge_commit_sha"]) == (True, merged)
    assert closed["sender"]["login"] == OWNER
    landed = receiver.until("push").payload
    assert (landed["ref"], landed["after"]) == ("refs/heads/main", merged)
    owner.delete(f"{HOME}/git/refs/heads/bed")
    gone = receiver.until("push").payload
    assert (gone["ref"], gone["deleted"], gone["commits"], gone["head_commit"]) == ("refs/heads/bed", True, [], None)


def test_discussions(owner: httpx.Client, stranger: httpx.Client, receiver: Receiver) -> None:
    category = ask(owner, "{" + GARDEN + ' { discussionCategory(slug: "q-a") { id } } }')["repository"]
    add(owner, receiver, "discussion", "discussion_comment")
    fields = {"repositoryId": repository_id(stranger), "categoryId": category["discussionCategory"]["id"]}
    made = change(stranger, "createDiscussion", "discussion { id number }", **fields, title="x", body="y")["discussion"]
    begun = receiver.next()
    assert begun.what == "discussion.created"
    assert (begun.payload["discussion"]["node_id"], begun.payload["discussion"]["title"]) == (made["id"], "x")
    assert begun.payload["discussion"]["category"]["slug"] == "q-a"
    assert begun.payload["sender"]["login"] == STRANGER
    said = change(owner, "addDiscussionComment", "comment { id }", discussionId=made["id"], body="z")["comment"]
    heard = receiver.next()
    assert (heard.what, heard.payload["comment"]["body"]) == ("discussion_comment.created", "z")
    change(stranger, "markDiscussionCommentAsAnswer", "clientMutationId", id=said["id"])
    change(owner, "closeDiscussion", "clientMutationId", discussionId=made["id"])
    assert receiver.events(2) == ["discussion.answered", "discussion.closed"]


def test_only_what_was_asked_for(owner: httpx.Client, receiver: Receiver, other: Receiver) -> None:
    owner.post(f"{HOME}/issues", json={"title": "before there was a hook"})
    add(owner, receiver, "issue_comment")
    hook = add(owner, other, "issues")
    owner.post(f"{HOME}/issues", json={"title": "x"})
    owner.post(f"{HOME}/issues/2/comments", json={"body": "y"})
    assert receiver.next().payload["comment"]["body"] == "y"
    assert other.next().payload["issue"]["title"] == "x"
    owner.patch(f"{HOOKS}/{hook['id']}", json={"active": False})
    owner.post(f"{HOME}/issues", json={"title": "not heard"})
    owner.patch(f"{HOOKS}/{hook['id']}", json={"active": True})
    owner.post(f"{HOME}/issues", json={"title": "heard"})
    assert other.next().payload["issue"]["title"] == "heard"
    owner.post(f"{HOOKS}/{hook['id']}/pings")
    assert other.next().event == "ping"
    owner.post(f"{HOOKS}/{hook['id']}/tests")
    assert other.taken.empty()  # it did not ask for pushes
    assert receiver.taken.empty()


def test_in_order_and_never_in_the_way(owner: httpx.Client, receiver: Receiver, other: Receiver) -> None:
    add(owner, receiver, "issues")
    add(owner, other, "issues")
    receiver.held.clear()  # it takes nothing for now
    for number in range(20):
        assert owner.post(f"{HOME}/issues", json={"title": f"{number}"}).status_code == 201
    assert [other.next().payload["issue"]["title"] for _ in range(20)] == [f"{number}" for number in range(20)]
    receiver.held.set()
    assert [receiver.next().payload["issue"]["title"] for _ in range(20)] == [f"{number}" for number in range(20)]


def test_a_receiver_that_fails(owner: httpx.Client, receiver: Receiver) -> None:
    hook = add(owner, receiver, "issues")
    receiver.answers.put(503)
    owner.post(f"{HOME}/issues", json={"title": "x"})
    first, second = receiver.next(), receiver.next()
    assert first.body == second.body
    assert first.headers["x-github-delivery"] == second.headers["x-github-delivery"]
    receiver.answers.put(302)  # not followed, and not tried again
    owner.post(f"{HOME}/issues", json={"title": "y"})
    owner.post(f"{HOME}/issues", json={"title": "z"})
    assert [receiver.next().payload["issue"]["title"] for _ in range(2)] == ["y", "z"]
    url = f"{HOOKS}/{hook['id']}/deliveries"
    listed = awaited(owner, url, 5)
    seen = [(one["event"], one["status_code"], one["status"], one["redelivery"]) for one in listed[::-1]]
    assert seen == [
        ("ping", 200, "OK", False),
        ("issues", 503, "Service Unavailable", False),
        ("issues", 200, "OK", True),
        ("issues", 302, "Found", False),
        ("issues", 200, "OK", False),
    ]
    shown = owner.get(f"{url}/{listed[1]['id']}").json()
    assert shown["request"]["payload"]["issue"]["title"] == "y"
    assert shown["request"]["headers"]["X-GitHub-Event"] == "issues"
    assert shown["response"]["payload"] == "ok"
    assert owner.post(f"{url}/{listed[1]['id']}/attempts").status_code == 202
    again = receiver.next()
    assert again.payload["issue"]["title"] == "y"
    assert again.headers["x-github-delivery"] == listed[1]["guid"]
    assert owner.get(f"{url}/999").status_code == 404


def awaited(client: httpx.Client, url: str, count: int) -> list[dict[str, Any]]:
    """The list at `url` once it has `count` items: a delivery is recorded a moment after it was taken."""
    waiting = threading.Event()
    for _ in range(int(WAIT / 0.05)):
        if len(found := client.get(url).json()) >= count:
            return found
        waiting.wait(0.05)
    raise AssertionError(f"{url} has not got {count} items")


def test_nobody_is_waited_for_for_ever(
    owner: httpx.Client, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, house: House
) -> None:
    monkeypatch.setattr(hooks, "BEHIND_MAX", 5)
    add(owner, receiver, "issues")
    receiver.held.clear()
    for number in range(30):
        owner.post(f"{HOME}/issues", json={"title": f"{number}"})
    assert house.forge.hooks.trim() > 0
    receiver.held.set()
    titles = [receiver.next().payload["issue"]["title"]]
    while titles[-1] != "29":
        titles.append(receiver.next().payload["issue"]["title"])
    assert titles == sorted(titles, key=int)
    assert len(titles) <= 7  # the one under way, and the last


def test_what_was_not_told_is_told_by_the_next_server(forge: Forge, receiver: Receiver) -> None:
    with ForgeServer(forge) as server, client(server, forge) as owner:
        add(owner, receiver, "issues")
        receiver.held.clear()
        owner.post(f"{HOME}/issues", json={"title": "x"})
    forge.create_issue(REPOSITORY, author=OWNER, title="by the command line")
    receiver.held.set()
    titles = set[str]()
    with ForgeServer(forge):
        while titles != {"x", "by the command line"}:  # what was under way may come twice, with one id; the ping too
            delivered = receiver.next()
            if delivered.event == "issues":
                titles.add(delivered.payload["issue"]["title"])


def client(server: ForgeServer, forge: Forge) -> httpx.Client:
    headers = {"Authorization": f"Bearer {forge.token(OWNER)}"}
    return httpx.Client(base_url=server.url, headers=headers, timeout=30, trust_env=False)


def test_another_process_is_heard_too(house: House, owner: httpx.Client, receiver: Receiver) -> None:
    add(owner, receiver, *EVENTS)
    program = (
        "import sys, pathlib; from loreli_ray.forge import Forge; f = Forge.open(pathlib.Path(sys.argv[1])); "
        f"f.create_issue({REPOSITORY!r}, author={OWNER!r}, title='from elsewhere'); f.close()"
    )
    subprocess.run([sys.executable, "-c", program, str(house.forge.root.parent)], check=True, timeout=60)
    assert receiver.until("issues.opened").payload["issue"]["title"] == "from elsewhere"


def test_nothing_is_noted_while_nobody_listens(owner: httpx.Client, house: House) -> None:
    owner.post(f"{HOME}/issues", json={"title": "x"})
    house.branch("bed", {"bed.md": "x\n"})
    assert house.forge.hooks.trim() == 0
    with house.forge._store.read() as db:  # pyright: ignore[reportPrivateUsage]
        assert db.value("SELECT count(*) FROM notes") == 0
        assert db.value("SELECT count(*) FROM hook_refs") == 0
