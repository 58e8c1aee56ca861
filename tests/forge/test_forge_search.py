"""The search of issues, in GitHub's words."""

from __future__ import annotations

import httpx
import pytest

from tests.forge.forge_kit import COLLABORATOR, HOME, OWNER, REPOSITORY, STRANGER, House


def found(client: httpx.Client, q: str, **query: str) -> list[int]:
    answer = client.get("/search/issues", params={"q": q, **query})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["total_count"] == len(body["items"])
    return [issue["number"] for issue in body["items"]]


@pytest.fixture
def garden(house: House, owner: httpx.Client, collaborator: httpx.Client, stranger: httpx.Client) -> House:
    """1: an open bug; 2: a closed one of a stranger's; 3: a merged pull request; 4: an open draft."""
    owner.post(f"{HOME}/issues", json={"title": "Weeds in bed", "labels": ["bug", "good first issue"], "body": "100%"})
    stranger.post(f"{HOME}/issues", json={"title": "Slugs", "body": "They eat weeds\\too"})
    owner.patch(f"{HOME}/issues/2", json={"state": "closed", "assignees": [COLLABORATOR]})
    for name in ("bed", "path"):
        house.branch(name, {f"{name}.md": "x\n"})
        house.pull(collaborator, name, draft=name == "path")
    owner.put(f"{HOME}/pulls/3/merge", json={})
    collaborator.post(f"{HOME}/issues/1/comments", json={"body": "a spade helps"})
    return house


EXPECTED = {
    "is:issue": [2, 1],
    "is:pr is:open": [4],
    "is:closed": [3, 2],
    "is:merged": [3],
    "type:pr -is:merged": [4],
    "is:pr is:unmerged": [4],
    "draft:true": [4],
    "state:open is:issue": [1],
    'label:"good first issue" label:BUG': [1],
    "-label:bug is:issue": [2],
    f"author:{STRANGER}": [2],
    f"assignee:{COLLABORATOR}": [2],
    f"commenter:{COLLABORATOR}": [1],
    f"involves:{COLLABORATOR}": [4, 3, 2, 1],
    "no:assignee is:issue": [1],
    "no:label is:issue": [2],
    "head:bed": [3],
    "base:main": [4, 3],
    "weeds": [2, 1],
    "weeds in:title": [1],
    "spade": [],
    "spade in:comments": [1],
    "100%": [1],
    "0%0": [],
    r"weeds\too": [2],
    '"eat weeds"': [2],
    "created:>2100-01-01": [],
    "created:>=2020-01-01 merged:2020-01-01..*": [3],
    "-merged:*..* is:pr": [4],
    "updated:<2020-01-01T00:00:00Z": [],
    f"repo:{REPOSITORY.upper()} is:draft": [4],
    f"user:{OWNER} is:draft": [4],
    "nothing:here": [],
}


def test_what_is_found(garden: House, owner: httpx.Client) -> None:
    assert {query: found(owner, query) for query in EXPECTED} == EXPECTED


def test_order_and_pages(garden: House, owner: httpx.Client) -> None:
    assert found(owner, "repo:olive/garden", sort="comments", order="desc")[0] == 1
    assert found(owner, "repo:olive/garden", sort="created", order="asc") == [1, 2, 3, 4]
    page = owner.get("/search/issues", params={"q": "is:open", "per_page": 1})
    assert (page.json()["total_count"], len(page.json()["items"])) == (2, 1)
    assert 'rel="next"' in page.headers["link"]


NO_QUERIES = [
    "",
    " ",
    "x" * 300,
    "repo:olive/nothing",
    "user:nobody",
    "is:purple",
    "state:ajar",
    'label:""',
    "created:soon",
]


def test_what_is_no_query(owner: httpx.Client) -> None:
    for query in NO_QUERIES:
        answer = owner.get("/search/issues", params={"q": query})
        assert (answer.status_code, answer.json()["message"]) == (422, "Validation Failed"), query
        assert answer.json()["errors"][0]["resource"] == "Search"


def test_nobody_finds_what_they_may_not_see(garden: House, owner: httpx.Client, stranger: httpx.Client) -> None:
    assert found(stranger, "is:draft") == [4]
    owner.patch(HOME, json={"private": True})
    assert found(stranger, "is:draft") == []
    assert stranger.get("/search/issues", params={"q": f"repo:{REPOSITORY}"}).status_code == 422
    assert found(owner, f"repo:{REPOSITORY} is:draft is:private") == [4]
