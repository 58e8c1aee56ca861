"""What moves `updated_at`: a poller looks at nothing else before it asks for more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from loreli_ray.clock import ManualClock
from loreli_ray.forge import Forge, ForgeServer
from tests.forge.forge_kit import COLLABORATOR, HOME, OWNER, REPOSITORY, House


@pytest.fixture
def timed(tmp_path: Path, source: Path) -> Iterator[tuple[House, ManualClock]]:
    clock = ManualClock()
    forge = Forge.open(tmp_path / "data", clock=clock)
    forge.add_repository(REPOSITORY, source=source)
    forge.add_collaborator(REPOSITORY, COLLABORATOR)
    with ForgeServer(forge) as server:
        yield House(forge, server, tmp_path), clock
    forge.close()


def newest(client: httpx.Client, path: str) -> dict[str, Any]:
    query = {"state": "all", "sort": "updated", "direction": "desc", "per_page": 1}
    return client.get(f"{HOME}/{path}", params=query).json()[0]


def test_whatever_happens_to_a_pull_request_is_seen(timed: tuple[House, ManualClock]) -> None:
    house, clock = timed
    with house.http(OWNER) as owner, house.http(COLLABORATOR) as cole:
        house.branch("bed", {"bed.md": "tulips\n"})
        house.pull(owner, "bed")
        copy = house.copies[0]
        pull, issue = f"{HOME}/pulls/1", f"{HOME}/issues/1"
        place = {"path": "bed.md", "line": 1}

        def push() -> None:
            copy.commit("bed", {"bed.md": f"{clock.now()}\n"})
            copy.push("bed")

        review = 0

        def approve() -> None:
            nonlocal review
            review = cole.post(f"{pull}/reviews", json={"event": "APPROVE"}).raise_for_status().json()["id"]

        happenings: dict[str, Callable[[], object]] = {
            "comment": lambda: cole.post(f"{issue}/comments", json={"body": "hm"}).raise_for_status(),
            "edited comment": lambda: cole.patch(f"{HOME}/issues/comments/1", json={"body": "ah"}).raise_for_status(),
            "label": lambda: owner.post(f"{issue}/labels", json={"labels": ["bug"]}).raise_for_status(),
            "unlabel": lambda: owner.delete(f"{issue}/labels/bug").raise_for_status(),
            "assign": lambda: owner.post(f"{issue}/assignees", json={"assignees": [OWNER]}).raise_for_status(),
            "push": push,
            "ask": lambda: owner.post(f"{pull}/requested_reviewers", json={"reviewers": [COLLABORATOR]}),
            "approve": approve,
            "remark": lambda: cole.post(f"{pull}/comments", json={"body": "hm", **place}).raise_for_status(),
            "reply": lambda: owner.post(f"{pull}/comments/1/replies", json={"body": "so"}).raise_for_status(),
            "edited remark": lambda: cole.patch(f"{HOME}/pulls/comments/1", json={"body": "x"}).raise_for_status(),
            "dismiss": lambda: owner.put(f"{pull}/reviews/{review}/dismissals", json={"message": "x"}),
            "retitle": lambda: owner.patch(pull, json={"title": "Flower bed"}).raise_for_status(),
            "merge": lambda: cole.put(f"{pull}/merge", json={}).raise_for_status(),
        }
        for name, happen in happenings.items():
            owner.post(f"{HOME}/issues", json={"title": f"before {name}"})
            clock.advance(10)
            happen()
            listed = newest(owner, "issues")
            assert listed["number"] == newest(owner, "pulls")["number"] == 1, name
            assert listed["updated_at"] == newest(owner, "pulls")["updated_at"] == owner.get(pull).json()["updated_at"]
        assert newest(owner, "issues")["pull_request"]["merged_at"] == newest(owner, "pulls")["merged_at"]
        assert newest(owner, "pulls/comments")["body"] == "x"
        assert newest(owner, "issues/comments")["body"] == "ah"
