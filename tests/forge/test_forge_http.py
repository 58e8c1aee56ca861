"""The protocol around the answers: tokens, errors, ETags, pages, the rate limit, and bodies of every shape."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from loreli_ray.clock import ManualClock
from loreli_ray.errors import ForgeError
from loreli_ray.forge import Forge, ForgeServer, create_app
from loreli_ray.forge.rest import ROUTES
from tests.forge.forge_kit import HOME, OWNER, House


def test_tokens(house: House, owner: httpx.Client) -> None:
    token = house.forge.token(OWNER)
    with house.http(None) as nobody:
        assert nobody.get("/user").status_code == 401
        answer = nobody.get("/user", headers={"Authorization": "Bearer wrong"})
        assert answer.status_code == 401
        assert answer.json() == {
            "message": "Bad credentials",
            "documentation_url": "https://docs.github.com/rest",
            "status": "401",
        }
        for header in (f"token {token}", f"bearer {token}"):
            assert nobody.get("/user", headers={"Authorization": header}).json()["login"] == OWNER
        assert nobody.get("/user", auth=("x", token)).json()["login"] == OWNER
        assert nobody.get("/user", auth=(token, "x-oauth-basic")).json()["login"] == OWNER
        for header in ("Basic !", "Basic /w==", "Digest x", "Bearer"):
            assert nobody.get("/user", headers={"Authorization": header}).status_code == 401


def test_what_was_read_and_has_not_changed(owner: httpx.Client) -> None:
    for index in range(3):
        owner.post(f"{HOME}/issues", json={"title": f"{index}"})
    for path in ("/user", HOME, f"{HOME}/issues?state=all&sort=updated", f"{HOME}/issues/1", f"{HOME}/pulls"):
        first = owner.get(path)
        tag = first.headers["etag"]
        assert tag.startswith('W/"')
        for condition in (tag, f'"x", {tag}', tag.removeprefix("W/"), "*"):
            again = owner.get(path, headers={"If-None-Match": condition})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert owner.get(path, headers={"If-None-Match": '"x"'}).status_code == 200
    tag = owner.get(f"{HOME}/issues").headers["etag"]
    owner.patch(f"{HOME}/issues/1", json={"title": "new"})
    assert owner.get(f"{HOME}/issues", headers={"If-None-Match": tag}).status_code == 200
    assert owner.head(f"{HOME}/issues").content == b""


def links(answer: httpx.Response) -> dict[str, str]:
    return {name: url for url, name in re.findall(r'<([^>]+)>; rel="(\w+)"', answer.headers.get("link", ""))}


def test_pages(owner: httpx.Client) -> None:
    for index in range(5):
        owner.post(f"{HOME}/issues", json={"title": f"{index}", "labels": ["loreli", "needs care"]})
    url, seen = f"{HOME}/issues?per_page=2&labels=needs%20care&direction=asc", list[int]()
    while url:
        answer = owner.get(url)
        seen += [issue["number"] for issue in answer.json()]
        url = links(answer).get("next", "")
    assert seen == [1, 2, 3, 4, 5]
    middle = links(owner.get(f"{HOME}/issues", params={"per_page": 2, "page": 2}))
    assert set(middle) == {"prev", "first", "next", "last"}
    assert middle["last"].endswith("page=3")
    assert links(owner.get(f"{HOME}/issues")) == {}
    assert owner.get(f"{HOME}/issues", params={"page": 10**25, "per_page": "null"}).status_code == 200
    assert len(owner.get(f"{HOME}/issues", params={"page": "x", "per_page": -5}).json()) == 5
    assert len(owner.get(f"{HOME}/issues", params={"page": 0, "per_page": 0}).json()) == 1
    assert owner.get(f"{HOME}/issues", params={"page": 99}).json() == []


def test_links_lead_to_the_host_that_was_asked(owner: httpx.Client) -> None:
    answer = owner.get(HOME, headers={"Host": "forge.localhost:1234"})
    assert answer.json()["url"] == f"http://forge.localhost:1234{HOME}"
    assert owner.get(f"{HOME}/issues?per_page=1", headers={"Host": "[oops"}).status_code == 200


@pytest.fixture
def slow_clock(tmp_path: Path) -> Iterator[tuple[Forge, ManualClock]]:
    clock = ManualClock()
    forge = Forge.open(tmp_path / "limited", clock=clock)
    forge.add_user(OWNER)
    yield forge, clock
    forge.close()


def test_the_rate_limit(slow_clock: tuple[Forge, ManualClock]) -> None:
    forge, clock = slow_clock
    headers = {"Authorization": f"Bearer {forge.token(OWNER)}"}
    with ForgeServer(forge, rate_limit=3) as server, httpx.Client(base_url=server.url, headers=headers) as client:
        first = client.get("/user")
        assert first.headers["x-ratelimit-limit"] == "3"
        assert first.headers["x-ratelimit-remaining"] == "2"
        assert parsedate_to_datetime(first.headers["date"]) == datetime.fromtimestamp(clock.now(), UTC)
        for _ in range(5):  # what has not changed is free
            again = client.get("/user", headers={"If-None-Match": first.headers["etag"]})
            assert (again.status_code, again.headers["x-ratelimit-remaining"]) == (304, "2")
        assert client.get("/rate_limit").json()["resources"]["core"]["used"] == 1
        assert [client.get("/user").status_code for _ in range(3)] == [200, 200, 403]
        spent = client.get("/user")
        assert spent.headers["x-ratelimit-remaining"] == "0"
        assert "rate limit" in spent.json()["message"]
        assert float(spent.headers["x-ratelimit-reset"]) == clock.now() + 3600
        assert client.get("/rate_limit").status_code == 200
        clock.advance(3600)
        assert client.get("/user").status_code == 200


def test_a_window_that_is_shorter_than_an_hour(slow_clock: tuple[Forge, ManualClock]) -> None:
    forge, clock = slow_clock
    headers = {"Authorization": f"Bearer {forge.token(OWNER)}"}
    app = create_app(forge, rate_limit=1, rate_window=30.0)
    with (
        ForgeServer(forge, around=lambda _: app) as server,
        httpx.Client(base_url=server.url, headers=headers) as client,
    ):
        assert [client.get("/user").status_code for _ in range(2)] == [200, 403]
        clock.advance(29)
        assert client.get("/user").status_code == 403
        clock.advance(1)
        assert client.get("/user").status_code == 200


def test_the_server_keeps_to_this_machine(forge: Forge) -> None:
    for host in ("0.0.0.0", "192.0.2.1", "example.org", "::"):
        with pytest.raises(ForgeError):
            ForgeServer(forge, host=host)
    with ForgeServer(forge) as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(ForgeError, match="can't be listened on"):
            ForgeServer(forge, port=port).start()
        with pytest.raises(ForgeError, match="running already"):
            server.start()
        assert httpx.get(f"{server.url}/nothing").json()["message"] == "Not Found"
    server.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/user")
    with ForgeServer(forge, port=port) as again:  # the port is free again
        assert httpx.get(f"{again.url}/user").status_code == 401


# Bodies of every shape ---------------------------------------------------------------------------------------------

WRITES = [
    (method, route.path)
    for route in ROUTES
    for method in sorted((route.methods or set()) & {"POST", "PUT", "PATCH", "DELETE"})
]
FIELDS = sorted(
    {"title", "body", "labels", "assignees", "state", "state_reason", "name", "color", "description", "head", "base"}
    | {"draft", "sha", "ref", "force", "message", "tree", "parents", "author", "committer", "event", "comments", "path"}
    | {"commit_id", "commit_title", "commit_message", "merge_method", "expected_head_sha", "context", "target_url"}
    | {"head_sha", "status", "conclusion", "started_at", "output", "line", "side", "email", "date"}
)
TEXTS = st.text(max_size=20) | st.sampled_from(["open", "closed", "main", "bed", "refs/heads/x", "\x00", "a\nb", "-x"])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXTS
    | st.sampled_from(["0" * 40, "APPROVE", "COMMENT", "success", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4)
)
BODIES = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=8) | VALUES


@pytest.fixture
def busy(house: House, owner: httpx.Client, ci: httpx.Client) -> httpx.Client:
    """A forge in which every route has something to work on."""
    owner.post(f"{HOME}/issues", json={"title": "x"})
    owner.post(f"{HOME}/issues/1/comments", json={"body": "x"})
    head = house.branch("bed", {"bed.md": "x\n"})
    house.pull(owner, "bed")
    ci.post(f"{HOME}/check-runs", json={"name": "x", "head_sha": head})
    return owner


@given(data=st.data())
@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_no_body_breaks_a_route(busy: httpx.Client, data: st.DataObject) -> None:
    method, template = data.draw(st.sampled_from(WRITES))
    body = data.draw(BODIES)
    values: dict[str, Any] = {"owner": OWNER, "repo": "garden", "number": data.draw(st.sampled_from([1, 2, 2**64]))}
    values |= {
        "id": 1,
        "delivery": 1,
        "name": "bug",
        "ref": "heads/bed",
        "sha": "bed",
        "branch": "bed",
        "reaction": 1,
        "login": OWNER,
        "path": "new.md",
    }
    path = re.sub(r"{(\w+)(?::\w+)?}", lambda found: str(values[found[1]]), template)
    answer = busy.request(method, path, content=json.dumps(body))
    assert answer.status_code < 500, (method, path, body, answer.text)
    if answer.status_code >= 400:
        assert answer.json()["message"]
        assert answer.json()["documentation_url"]
    if not isinstance(body, dict) and answer.status_code < 400:
        assert method == "DELETE" or body is None or path.endswith("/labels")  # which may be a bare list


READS = [r.path for r in ROUTES if r.methods and "GET" in r.methods]
ODD = st.text(min_size=1, max_size=12) | st.sampled_from(
    ["..", "%00", "-x", "main^{tree}", "main...bed", "\x00", "src/../src/a.py"]
)


@given(template=st.sampled_from(READS), odd=ODD, query=st.dictionaries(st.sampled_from(["sha", "ref", "state"]), ODD))
@example(template="/repos/{owner}/{repo}/contents/{path:path}", odd="../x", query={})
@example(template="/repos/{owner}/{repo}/git/matching-refs/{ref:path}", odd="\x00", query={})
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_path_breaks_a_route(busy: httpx.Client, template: str, odd: str, query: dict[str, str]) -> None:
    values = {"owner": OWNER, "repo": "garden", "number": "2", "id": "1"}

    def fill(found: re.Match[str]) -> str:
        return values.get(found[1]) or "".join(f"%{byte:02x}" for byte in odd.encode(errors="replace"))

    answer = busy.get(re.sub(r"{(\w+)(?::\w+)?}", fill, template), params=query)
    assert answer.status_code < 500, (template, odd, query, answer.text)
