"""Issues over HTTP: what is listed, what a stranger may do, and how GitHub's fields behave."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.forge.forge_kit import COLLABORATOR, HOME, STRANGER, House


def make(client: httpx.Client, title: str, **fields: object) -> dict[str, object]:
    answer = client.post(f"{HOME}/issues", json={"title": title, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


def numbers(client: httpx.Client, **query: str) -> list[int]:
    answer = client.get(f"{HOME}/issues", params=query)
    assert answer.status_code == 200, answer.text
    return [issue["number"] for issue in answer.json()]


def test_lists_filter_and_sort(owner: httpx.Client, stranger: httpx.Client) -> None:
    make(owner, "a", labels=["bug", "loreli"])
    make(owner, "b", labels=["loreli"], assignees=[COLLABORATOR])
    make(stranger, "c")
    owner.patch(f"{HOME}/issues/2", json={"state": "closed"})
    assert numbers(owner) == [3, 1]
    assert numbers(owner, direction="asc", state="all") == [1, 2, 3]
    assert numbers(owner, state="closed") == [2]
    assert numbers(owner, labels="loreli", state="all") == [2, 1]
    assert numbers(owner, labels="loreli, BUG", state="all") == [1]
    assert numbers(owner, creator=STRANGER) == [3]
    assert numbers(owner, assignee=COLLABORATOR, state="all") == [2]
    assert numbers(owner, since="2100-01-01T00:00:00Z", state="all") == []
    assert owner.get(f"{HOME}/issues", params={"state": "ajar"}).status_code == 422
    assert owner.get(f"{HOME}/issues", params={"since": "yesterday"}).status_code == 422


def test_a_comment_moves_the_issue_to_the_top_of_the_recently_updated(house: House, owner: httpx.Client) -> None:
    make(owner, "a")
    make(owner, "b")
    before = owner.get(f"{HOME}/issues/1").json()["updated_at"]
    while owner.get(f"{HOME}/issues/1").json()["updated_at"] == before:
        time.sleep(0.2)  # the field is in whole seconds: comment until it moves
        owner.post(f"{HOME}/issues/1/comments", json={"body": "still here"})
    assert numbers(owner, sort="updated") == [1, 2]
    assert numbers(owner, sort="comments") == [1, 2]


def test_a_stranger_may_speak_but_not_steer(owner: httpx.Client, stranger: httpx.Client) -> None:
    issue = make(stranger, "please", labels=["loreli"], assignees=[COLLABORATOR])
    assert (issue["labels"], issue["assignees"], issue["author_association"]) == ([], [], "NONE")
    comment = stranger.post(f"{HOME}/issues/1/comments", json={"body": "hello"})
    assert comment.status_code == 201
    for answer in (
        stranger.post(f"{HOME}/issues/1/labels", json={"labels": ["loreli"]}),
        stranger.put(f"{HOME}/issues/1/labels", json={"labels": []}),
        stranger.patch(f"{HOME}/issues/1", json={"labels": ["loreli"]}),
        stranger.post(f"{HOME}/labels", json={"name": "mine"}),
        stranger.post(f"{HOME}/issues/1/assignees", json={"assignees": [STRANGER]}),
    ):
        assert (answer.status_code, set(answer.json())) == (403, {"message", "documentation_url", "status"})
    assert stranger.patch(f"{HOME}/issues/1", json={"title": "pretty please", "state": "closed"}).status_code == 200
    make(owner, "mine")
    assert stranger.patch(f"{HOME}/issues/2", json={"state": "closed"}).status_code == 403
    mine = owner.post(f"{HOME}/issues/1/comments", json={"body": "no"}).json()["id"]
    assert stranger.patch(f"{HOME}/issues/comments/{mine}", json={"body": "yes"}).status_code == 403
    assert stranger.delete(f"{HOME}/issues/comments/{mine}").status_code == 403
    assert stranger.delete(f"{HOME}/issues/comments/{comment.json()['id']}").status_code == 204


def test_reopening_and_reasons(owner: httpx.Client) -> None:
    make(owner, "a")
    closed = owner.patch(f"{HOME}/issues/1", json={"state": "closed"}).json()
    assert (closed["state_reason"], closed["closed_by"]["login"]) == ("completed", "olive")
    opened = owner.patch(f"{HOME}/issues/1", json={"state": "open", "body": None}).json()
    assert (opened["state"], opened["state_reason"], opened["closed_at"]) == ("open", "reopened", None)


def test_what_is_refused(owner: httpx.Client) -> None:
    make(owner, "a")
    cases = [
        owner.post(f"{HOME}/issues", json={}),
        owner.post(f"{HOME}/issues", json={"title": "  "}),
        owner.post(f"{HOME}/issues", json={"title": "x", "body": "x" * 65_537}),
        owner.post(f"{HOME}/issues", json={"title": "x", "assignees": ["nobody"]}),
        owner.post(f"{HOME}/issues", json=["title"]),
        owner.post(f"{HOME}/issues/1/comments", json={"body": " "}),
        owner.post(f"{HOME}/labels", json={"name": "BUG"}),
        owner.patch(f"{HOME}/issues/1", json={"state": "ajar"}),
    ]
    assert [case.status_code for case in cases] == [422] * len(cases)
    error = cases[0].json()
    assert error["errors"][0]["field"] == "title"
    assert error["errors"][0]["code"] == "missing_field"
    assert error["documentation_url"]
    assert cases[6].json()["errors"] == [{"resource": "Label", "field": "name", "code": "already_exists"}]
    assert owner.post(f"{HOME}/issues", content=b"{").status_code == 400
    assert owner.post(f"{HOME}/issues", content=b"x" * (9 << 20)).status_code == 413
    for path in ("issues/99", f"issues/{10**30}", "issues/comments/5", "labels/none", "nothing", "issues/1/nothing"):
        answer = owner.get(f"{HOME}/{path}")
        assert (answer.status_code, answer.json()["message"]) == (404, "Not Found"), path
    assert owner.delete(f"{HOME}/issues/1").status_code == 404


def test_numbers_have_no_twins(house: House, owner: httpx.Client) -> None:
    house.branch("bed", {"bed.md": "tulips\n"})

    def open_one(index: int) -> int:
        with house.http() as client:
            return house.pull(client, "bed")["number"] if index == 5 else int(str(make(client, f"{index}")["number"]))

    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(open_one, range(24)))
    assert sorted(drawn) == list(range(1, 25))


@pytest.mark.parametrize("text", ["ünïcode ✓ 🌱", "<script>", "'; DROP TABLE issues; --", "line\r\nline\ttab"])
def test_text_comes_back_as_it_went(owner: httpx.Client, text: str) -> None:
    make(owner, "a", body=text)
    assert owner.get(f"{HOME}/issues/1").json()["body"] == text
