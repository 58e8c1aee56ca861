"""What the forge remembers of what happened, with who did it."""

from __future__ import annotations

from typing import Any

import httpx

from tests.forge.forge_kit import COLLABORATOR, HOME, OWNER, House


def told(client: httpx.Client, number: int, kind: str = "events") -> list[dict[str, Any]]:
    answer = client.get(f"{HOME}/issues/{number}/{kind}", params={"per_page": 100})
    assert answer.status_code == 200, answer.text
    return answer.json()


def names(events: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    return [(event["event"], event["actor"] and event["actor"]["login"]) for event in events]


def test_an_issue_tells_who_did_what(house: House, owner: httpx.Client, collaborator: httpx.Client) -> None:
    owner.post(f"{HOME}/issues", json={"title": "weeds", "labels": ["bug"]})
    collaborator.post(f"{HOME}/issues/1/labels", json={"labels": ["loreli", "bug"]})
    collaborator.put(f"{HOME}/issues/1/labels", json={"labels": ["loreli"]})
    owner.delete(f"{HOME}/issues/1/labels/loreli")
    owner.post(f"{HOME}/issues/1/assignees", json={"assignees": [COLLABORATOR]})
    collaborator.post(f"{HOME}/issues/1/comments", json={"body": "on it"})
    collaborator.delete(f"{HOME}/issues/1/assignees", params={}, headers={})  # no body: nobody
    collaborator.request("DELETE", f"{HOME}/issues/1/assignees", json={"assignees": [COLLABORATOR]})
    owner.patch(f"{HOME}/issues/1", json={"title": "slugs", "state": "closed"})
    owner.patch(f"{HOME}/issues/1", json={"state": "open"})
    events = told(owner, 1)
    assert names(events) == [
        ("labeled", OWNER),
        ("labeled", COLLABORATOR),
        ("unlabeled", COLLABORATOR),
        ("unlabeled", OWNER),
        ("assigned", OWNER),
        ("unassigned", COLLABORATOR),
        ("closed", OWNER),
        ("renamed", OWNER),
        ("reopened", OWNER),
    ]
    assert [event["label"]["name"] for event in events[:4]] == ["bug", "loreli", "bug", "loreli"]
    assert events[4]["assignee"]["login"] == COLLABORATOR
    assert events[7]["rename"] == {"from": "weeds", "to": "slugs"}
    line = names(told(owner, 1, "timeline"))
    assert ("commented", COLLABORATOR) in line
    assert len(line) == len(events) + 1
    every = owner.get(f"{HOME}/issues/events").json()
    assert [event["id"] for event in every] == [event["id"] for event in reversed(events)]
    one = owner.get(f"{HOME}/issues/events/{events[0]['id']}").json()
    assert one["issue"]["number"] == 1
    assert owner.get(f"{HOME}/issues/events/99").status_code == 404
    assert owner.get(f"{HOME}/issues/9/timeline").status_code == 404


def test_a_pull_request_tells_its_life(house: House, owner: httpx.Client, collaborator: httpx.Client) -> None:
    owner.post(f"{HOME}/issues", json={"title": "weeds"})
    head = house.branch("bed", {"bed.md": "tulips\n"})
    house.pull(owner, "bed", body="Closes #1, not a/b#1 nor &#1")
    asked = owner.post(f"{HOME}/pulls/2/requested_reviewers", json={"reviewers": [COLLABORATOR]})
    assert [user["login"] for user in asked.json()["requested_reviewers"]] == [COLLABORATOR]
    review = collaborator.post(f"{HOME}/pulls/2/reviews", json={"event": "APPROVE"}).json()
    assert owner.get(f"{HOME}/pulls/2/requested_reviewers").json() == {"users": [], "teams": []}
    gone = owner.put(f"{HOME}/pulls/2/reviews/{review['id']}/dismissals", json={"message": "stale"})
    assert gone.json()["state"] == "DISMISSED"
    assert owner.put(f"{HOME}/pulls/2/reviews/{review['id']}/dismissals", json={"message": "x"}).status_code == 422
    sha = collaborator.put(f"{HOME}/pulls/2/merge", json={"merge_method": "squash"}).json()["sha"]
    owner.delete(f"{HOME}/git/refs/heads/bed")
    line = told(owner, 2, "timeline")
    assert sorted(event["event"] for event in line) == sorted(
        ["committed", "review_requested", "reviewed", "review_dismissed", "merged", "closed", "head_ref_deleted"]
    )
    by_name = {event["event"]: event for event in line}
    assert by_name["committed"]["sha"] == head
    assert by_name["review_requested"]["requested_reviewer"]["login"] == COLLABORATOR
    assert by_name["review_dismissed"]["dismissed_review"] == {
        "state": "approved",
        "review_id": review["id"],
        "dismissal_message": "stale",
    }
    assert (by_name["merged"]["commit_id"], by_name["merged"]["actor"]["login"]) == (sha, COLLABORATOR)
    assert by_name["head_ref_deleted"]["actor"]["login"] == OWNER
    mentioned = told(owner, 1, "timeline")
    assert names(mentioned) == [("cross-referenced", OWNER), ("closed", COLLABORATOR)]
    assert mentioned[0]["source"]["issue"]["pull_request"]["merged_at"]
    assert mentioned[1]["commit_id"] == sha
    assert names(told(owner, 1)) == [("closed", COLLABORATOR)]


def test_pushes_are_told(house: House, owner: httpx.Client) -> None:
    first = house.branch("bed", {"bed.md": "tulips\n"})
    house.pull(owner, "bed")
    copy = house.copies[0]
    copy.git("reset", "-q", "--hard", f"{first}~1")
    copy.commit("bed", {"bed.md": "lilies\n"})
    copy.push("+bed")
    copy.push(":bed")
    assert names(told(owner, 1)) == [(name, OWNER) for name in ("head_ref_force_pushed", "head_ref_deleted", "closed")]


def test_githubkit_reads_the_timeline(house: House, owner: httpx.Client, collaborator: httpx.Client) -> None:
    house.branch("bed", {"bed.md": "tulips\n"})
    house.pull(owner, "bed")
    owner.post(f"{HOME}/issues/1/labels", json={"labels": ["loreli"]})
    owner.post(f"{HOME}/issues/1/assignees", json={"assignees": [OWNER]})
    owner.post(f"{HOME}/issues/1/comments", json={"body": "on it"})
    owner.post(f"{HOME}/issues", json={"title": "see #1"})
    owner.patch(f"{HOME}/issues/2", json={"body": "see #1"})
    collaborator.post(f"{HOME}/pulls/1/reviews", json={"event": "APPROVE"})
    collaborator.put(f"{HOME}/pulls/1/merge", json={})
    with house.github() as gh:
        parsed = gh.rest.issues.list_events_for_timeline(OWNER, "garden", 1).parsed_data
        assert {getattr(event, "event", "") for event in parsed} == {
            "committed", "labeled", "assigned", "commented", "cross-referenced", "reviewed", "merged", "closed",
        }  # fmt: skip
