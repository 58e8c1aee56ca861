"""What the hub asks of a git host's REST API, on the forge and on `emulate`, which other people wrote.

Claims go through git, which `emulate` does not speak; nor does it compute conflicts or let a head follow its branch.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from loreli_ray.clock import ManualClock
from loreli_ray.config import HubConfig
from loreli_ray.hub import Hub, markers
from loreli_ray.model import Credentials, Outcome, Pull, Snapshot
from tests.hub.hub_kit import JUDGE, REPOSITORY, STRANGER, TEAM, House, by
from tests.node_kit import Emulated

HOME = f"/repos/{REPOSITORY}"


@dataclass
class Place:
    """A git host with the team's two accounts, a stranger and one repository that has one commit on main."""

    url: str
    token: Callable[[str], str]
    http: Callable[[str], AbstractContextManager[httpx.Client]]
    folder: Path
    clock: ManualClock
    lists_pulls: bool  # among the issues, as GitHub does

    def hub(self, *, reviewer: bool = False) -> Hub:
        return Hub(
            REPOSITORY,
            config=HubConfig(api_url=self.url, min_write_interval=0.0),
            credentials=Credentials(token=self.token(TEAM), reviewer_token=self.token(JUDGE) if reviewer else None),
            session="s",
            home=self.folder / "home",
            clock=self.clock,
        )

    def ask(self, method: str, path: str, *, login: str = TEAM, **fields: Any) -> Any:
        with self.http(login) as http:
            answer = http.request(method, f"{HOME}{path}", json=fields or None)
            assert answer.is_success, answer.text
            return answer.json() if answer.content else None

    def issue(self, title: str, *, login: str = TEAM, labels: tuple[str, ...] = ("loreli",)) -> int:
        number = self.ask("POST", "/issues", login=login, title=title, body=f"About {title}")["number"]
        self.ask("PUT", f"/issues/{number}/labels", labels=list(labels))
        return number

    def branch(self, name: str) -> str:
        """A branch with one more commit; the commit."""
        main = self.ask("GET", "/git/ref/heads/main")["object"]["sha"]
        self.ask("POST", "/git/refs", ref=f"refs/heads/{name}", sha=main)
        text = base64.b64encode(b"done\n").decode()
        self.ask("PUT", "/contents/work.txt", message="Work", content=text, branch=name)
        return self.ask("GET", f"/git/ref/heads/{name}")["object"]["sha"]


@pytest.fixture(params=["forge", "emulate"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "forge":
        house: House = request.getfixturevalue("house")

        def http(login: str) -> AbstractContextManager[httpx.Client]:
            headers = {"Authorization": f"Bearer {house.forge.token(login)}"}
            return httpx.Client(base_url=house.server.url, headers=headers, timeout=30, trust_env=False)

        return Place(house.server.url, house.forge.token, http, tmp_path, ManualClock(), lists_pulls=True)
    emulated: Emulated = request.getfixturevalue("emulated")
    return Place(emulated.url, emulated.tokens.__getitem__, emulated.http, tmp_path, ManualClock(), lists_pulls=False)


@pytest.fixture
async def hub(place: Place) -> AsyncIterator[Hub]:
    """With one account."""
    opened = place.hub()
    try:
        await opened.open()
        yield opened
    finally:
        await opened.close()


@pytest.fixture
async def two(place: Place) -> AsyncIterator[Hub]:
    """With an account for each side."""
    opened = place.hub(reviewer=True)
    try:
        await opened.open()
        yield opened
    finally:
        await opened.close()


async def looked(hub: Hub) -> Snapshot:
    """What the hub sees, but for what comes through git."""
    return await hub.look(claims=(), base_head="")


async def submitted(place: Place, hub: Hub, *, branch: str = "kira/1-work") -> Pull:
    place.branch(branch)
    number = await hub.submit_pull(head=branch, title="Work", body="Did it.", by=by())
    pull = await hub.pull(number)
    assert pull is not None
    return pull


async def test_what_is_open_and_labelled_is_seen(place: Place, hub: Hub) -> None:
    wanted = place.issue("One", labels=("loreli", "urgent"))
    other, closed = place.issue("Two", labels=()), place.issue("Three")
    place.ask("POST", f"/issues/{wanted}/comments", body="Mind the gap.")
    place.ask("PATCH", f"/issues/{closed}", state="closed")
    (seen,) = (await looked(hub)).issues
    assert (seen.number, seen.title, seen.body, seen.author) == (wanted, "One", "About One", TEAM)
    assert set(seen.labels) == {"loreli", "urgent"}
    assert [comment.body for comment in seen.comments] == ["Mind the gap."]
    place.clock.advance(5)
    place.ask("PUT", f"/issues/{other}/labels", labels=["loreli"])
    place.ask("PATCH", f"/issues/{wanted}", state="closed")
    assert [issue.number for issue in (await looked(hub)).issues] == [other]


async def test_a_comment_is_there_once(place: Place, hub: Hub) -> None:
    number = place.issue("One")
    for text in ("First", "First", "Second"):
        await hub.comment(number, key="status", text=text)
    (comment,) = place.ask("GET", f"/issues/{number}/comments")
    assert markers.strip(comment["body"]) == "Second"
    (seen,) = (await looked(hub)).issues
    assert [(note.key, note.body) for note in seen.notes] == [("status", "Second")]
    assert seen.comments == ()


async def test_labels_and_assignees(place: Place, hub: Hub) -> None:
    number = place.issue("One")
    await hub.ensure_labels(["loreli", "loreli:human", "loreli:working"])
    await hub.show(number, add=["loreli:working"], assigned=True)
    (seen,) = (await looked(hub)).issues
    assert (set(seen.labels), seen.assignees) == ({"loreli", "loreli:working"}, (TEAM,))
    await hub.show(number, assigned=False)
    await hub.hold(number, why="A human is needed.")
    place.clock.advance(5)
    (seen,) = (await looked(hub)).issues
    assert (set(seen.labels), seen.assignees) == ({"loreli", "loreli:working", "loreli:human"}, ())


async def test_a_pull_request_is_submitted_once(place: Place, hub: Hub) -> None:
    pull = await submitted(place, hub)
    again = await hub.submit_pull(head="kira/1-work", title="Better", body="Did it well.", by=by())
    assert again == pull.number
    (seen,) = (await looked(hub)).pulls
    assert (seen.title, seen.by, seen.head_ref, seen.base) == ("Better", by(), "kira/1-work", "main")
    assert seen.body.startswith("Did it well.")


@pytest.mark.parametrize("outcome", [Outcome.APPROVE, Outcome.REQUEST_CHANGES])
async def test_a_verdict(place: Place, two: Hub, outcome: Outcome) -> None:
    pull = await submitted(place, two)
    for _ in range(2):
        await two.submit_review(pull, outcome=outcome, text="My view.", comments=[], by=by("lee"))
    seen = await two.pull(pull.number)
    assert seen is not None
    (review,) = seen.reviews
    assert (review.outcome, review.author, review.by, review.commit) == (outcome, JUDGE, by("lee"), pull.head)
    assert seen.approved is (outcome is Outcome.APPROVE)


async def test_a_merge_and_what_follows(place: Place, two: Hub) -> None:
    number = place.issue("One")
    place.branch("kira/1-work")
    opened = await two.submit_pull(head="kira/1-work", title="Work", body="Did it.", by=by(issue=number))
    pull = await two.pull(opened)
    assert pull is not None
    commit = await two.merge(pull, title="Work (#2)", message="Closes it.")
    assert await two.merged_as(opened) == commit
    await two.delete_branch("kira/1-work")
    await two.delete_branch("kira/1-work")
    await two.close_issue(number)
    assert not await two.issue_open(number)
    seen = await looked(two)
    assert (seen.issues, seen.pulls) == ((), ())
    assert [merged.number for merged in seen.merged] == ([opened] if place.lists_pulls else [])


async def test_a_stranger_is_told_from_the_team(place: Place, hub: Hub) -> None:
    number = place.issue("One", login=STRANGER)
    place.ask("POST", f"/issues/{number}/comments", login=STRANGER, body=markers.render("comment", key="status"))
    (seen,) = (await looked(hub)).issues
    assert seen.author == STRANGER
    assert seen.notes == ()
