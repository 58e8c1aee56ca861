"""Reactions, single review comments, labels, locks, people, files: what clients expect beside the great things."""

from __future__ import annotations

import base64
import logging

import httpx
import pytest

from tests.forge.forge_kit import COLLABORATOR, HOME, OWNER, REPOSITORY, House


def test_reactions(house: House, owner: httpx.Client, collaborator: httpx.Client) -> None:
    owner.post(f"{HOME}/issues", json={"title": "weeds"})
    comment = owner.post(f"{HOME}/issues/1/comments", json={"body": "hm"}).json()["id"]
    for thing in ("issues/1", f"issues/comments/{comment}"):
        path = f"{HOME}/{thing}/reactions"
        first = owner.post(path, json={"content": "eyes"})
        assert (first.status_code, first.json()["content"]) == (201, "eyes")
        assert owner.post(path, json={"content": "eyes"}).status_code == 200
        assert collaborator.post(path, json={"content": "+1"}).status_code == 201
        assert owner.post(path, json={"content": "clap"}).status_code == 422
        assert [one["user"]["login"] for one in owner.get(path).json()] == [OWNER, COLLABORATOR]
        assert [one["content"] for one in owner.get(path, params={"content": "+1"}).json()] == ["+1"]
        counts = owner.get(f"{HOME}/{thing}").json()["reactions"]
        assert (counts["total_count"], counts["eyes"], counts["+1"], counts["-1"]) == (2, 1, 1, 0)
        assert collaborator.delete(f"{path}/{first.json()['id']}").status_code == 403
        assert owner.delete(f"{path}/{first.json()['id']}").status_code == 204
        assert owner.delete(f"{path}/{first.json()['id']}").status_code == 404
    assert owner.get(f"{HOME}/issues/9/reactions").status_code == 404


def test_review_comments_one_by_one(house: House, owner: httpx.Client, collaborator: httpx.Client) -> None:
    house.branch("bed", {"bed.md": "tulips\n"})
    house.pull(owner, "bed")
    place = {"path": "bed.md", "line": 1}
    first = collaborator.post(f"{HOME}/pulls/1/comments", json={"body": "why?", **place})
    assert first.status_code == 201
    comment = first.json()["id"]
    for path in (f"{HOME}/pulls/1/comments/{comment}/replies", f"{HOME}/pulls/1/comments"):
        reply = owner.post(path, json={"body": "because", "in_reply_to": comment})
        assert (reply.status_code, reply.json()["in_reply_to_id"], reply.json()["line"]) == (201, comment, 1)
    assert owner.post(f"{HOME}/pulls/1/comments", json={"body": "x", "path": "bed.md"}).status_code == 422
    assert owner.post(f"{HOME}/pulls/1/comments/99/replies", json={"body": "x"}).status_code == 404
    assert len(owner.get(f"{HOME}/pulls/1/reviews").json()) == 3  # each speaks in a review of its own
    edited = collaborator.patch(f"{HOME}/pulls/comments/{comment}", json={"body": "why, though?"})
    assert edited.json()["body"] == owner.get(f"{HOME}/pulls/comments/{comment}").json()["body"] == "why, though?"
    house.forge.add_user("sam")
    with house.http("sam") as stranger:
        assert stranger.patch(f"{HOME}/pulls/comments/{comment}", json={"body": "x"}).status_code == 403
        assert stranger.delete(f"{HOME}/pulls/comments/{comment}").status_code == 403
    react = owner.post(f"{HOME}/pulls/comments/{comment}/reactions", json={"content": "heart"})
    assert react.status_code == 201
    assert owner.get(f"{HOME}/pulls/comments/{comment}").json()["reactions"]["heart"] == 1
    last = owner.get(f"{HOME}/pulls/comments", params={"direction": "desc"}).json()[0]["id"]
    assert owner.delete(f"{HOME}/pulls/comments/{last}").status_code == 204
    assert owner.get(f"{HOME}/pulls/comments/{last}").status_code == 404
    again = owner.post(f"{HOME}/pulls/1/comments", json={"body": "new", **place}).json()["id"]
    assert again > last  # what was deleted never comes back as something else


def test_a_review_is_asked_for(house: House, owner: httpx.Client, collaborator: httpx.Client) -> None:
    house.branch("bed", {"bed.md": "tulips\n"})
    house.pull(owner, "bed")
    path = f"{HOME}/pulls/1/requested_reviewers"
    assert owner.post(path, json={"reviewers": [OWNER]}).status_code == 422
    assert owner.post(path, json={"reviewers": ["sam"]}).status_code == 422
    assert owner.post(path, json={"reviewers": [COLLABORATOR]}).status_code == 201
    assert [user["login"] for user in owner.get(path).json()["users"]] == [COLLABORATOR]
    gone = owner.request("DELETE", path, json={"reviewers": [COLLABORATOR]})
    assert gone.json()["requested_reviewers"] == []
    review = collaborator.post(f"{HOME}/pulls/1/reviews", json={"event": "COMMENT", "body": "hm"}).json()
    edited = collaborator.put(f"{HOME}/pulls/1/reviews/{review['id']}", json={"body": "well"})
    assert edited.json()["body"] == "well"
    assert owner.put(f"{HOME}/pulls/1/reviews/{review['id']}", json={"body": "well"}).status_code == 403


def test_labels_change(owner: httpx.Client) -> None:
    owner.post(f"{HOME}/issues", json={"title": "weeds", "labels": ["bug"]})
    changed = owner.patch(f"{HOME}/labels/bug", json={"new_name": "pest", "color": "FF0000"}).json()
    assert (changed["name"], changed["color"]) == ("pest", "ff0000")
    assert owner.get(f"{HOME}/issues/1").json()["labels"] == [changed]
    assert owner.patch(f"{HOME}/labels/pest", json={"new_name": "loreli"}).status_code == 422
    assert owner.delete(f"{HOME}/labels/pest").status_code == 204
    assert owner.get(f"{HOME}/issues/1").json()["labels"] == []
    assert owner.delete(f"{HOME}/labels/pest").status_code == 404


def test_a_locked_issue(owner: httpx.Client, collaborator: httpx.Client, stranger: httpx.Client) -> None:
    owner.post(f"{HOME}/issues", json={"title": "weeds"})
    assert stranger.put(f"{HOME}/issues/1/lock", json={}).status_code == 403
    assert owner.put(f"{HOME}/issues/1/lock", json={"lock_reason": "spam"}).status_code == 204
    issue = owner.get(f"{HOME}/issues/1").json()
    assert (issue["locked"], issue["active_lock_reason"]) == (True, "spam")
    assert stranger.post(f"{HOME}/issues/1/comments", json={"body": "x"}).status_code == 403
    assert collaborator.post(f"{HOME}/issues/1/comments", json={"body": "x"}).status_code == 201
    assert owner.delete(f"{HOME}/issues/1/lock").status_code == 204
    assert stranger.post(f"{HOME}/issues/1/comments", json={"body": "x"}).status_code == 201


def test_people(owner: httpx.Client, stranger: httpx.Client) -> None:
    assert [user["role_name"] for user in owner.get(f"{HOME}/collaborators").json()] == ["admin", "write"]
    assert stranger.get(f"{HOME}/collaborators").status_code == 403
    assert owner.get(f"{HOME}/collaborators/{COLLABORATOR}").status_code == 204
    assert owner.get(f"{HOME}/collaborators/sam").status_code == 404
    assert [user["login"] for user in stranger.get(f"{HOME}/assignees").json()] == [OWNER, COLLABORATOR]
    assert owner.get(f"/users/{COLLABORATOR}").json()["login"] == COLLABORATOR
    assert owner.get("/users/nobody").status_code == 404
    assert [one["full_name"] for one in owner.get("/user/repos").json()] == [REPOSITORY]


def test_files_are_written_by_one_request(house: House, owner: httpx.Client, collaborator: httpx.Client) -> None:
    path = f"{HOME}/contents/notes/new.txt"
    data = base64.b64encode(bytes(range(256))).decode()
    made = collaborator.put(path, json={"message": "Write", "content": data})
    assert made.status_code == 201, made.text
    blob = made.json()["content"]["sha"]
    assert owner.get(f"{HOME}/git/blobs/{blob}").json()["size"] == 256
    assert owner.get(path, headers={"Accept": "application/vnd.github.raw"}).content == bytes(range(256))
    tip = owner.get(f"{HOME}/commits/main").json()
    assert (tip["sha"], tip["author"]["login"]) == (made.json()["commit"]["sha"], COLLABORATOR)
    text = base64.encodebytes(b"hello\n").decode()
    assert owner.put(path, json={"message": "x", "content": text}).status_code == 422  # sha is missing
    assert owner.put(path, json={"message": "x", "content": text, "sha": "0" * 40}).status_code == 409
    assert owner.put(path, json={"message": "x", "content": "%"}).status_code == 422
    assert owner.put(f"{HOME}/contents/notes", json={"message": "x", "content": text}).status_code == 422
    assert owner.put(path, json={"message": "x", "content": text, "branch": "none"}).status_code == 404
    changed = owner.put(path, json={"message": "Change", "content": text, "sha": blob})
    assert changed.status_code == 200
    tree = owner.get(f"{HOME}/git/trees/main", params={"recursive": "1"}).json()
    assert {entry["path"]: entry["type"] for entry in tree["tree"]} == {
        "README.md": "blob",
        "notes": "tree",
        "notes/new.txt": "blob",
        "src": "tree",
        "src/a.py": "blob",
    }
    assert len(owner.get(f"{HOME}/git/trees/{tree['sha']}").json()["tree"]) == 3
    sha = changed.json()["content"]["sha"]
    gone = owner.request("DELETE", path, json={"message": "Remove", "sha": sha})
    assert (gone.status_code, gone.json()["content"]) == (200, None)
    assert owner.get(path).status_code == 404
    assert owner.request("DELETE", path, json={"message": "Remove", "sha": sha}).status_code == 404
    assert owner.get(f"{HOME}/git/trees/nothing").status_code == 404
    assert owner.get(f"{HOME}/git/blobs/{'0' * 40}").status_code == 404


def test_what_is_no_route_is_logged_once(owner: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="loreli_ray.forge"):
        for _ in range(3):
            answer = owner.get(f"{HOME}/milestones")
            assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")
        assert owner.put(f"{HOME}/issues").status_code == 404
        for path in (f"{HOME}/issues/{'9' * 5000}", f"{HOME}/issues/{10**18}"):
            assert owner.get(path).status_code == 404
    assert [record.getMessage()[:60] for record in caplog.records][:2] == [
        f"no such route: GET {HOME}/milestones",
        f"no such route: PUT {HOME}/issues",
    ]
