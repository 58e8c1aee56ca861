"""Whatever goes wrong between the team and the host: nothing is written twice, nothing is lost."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from loreli_ray.config import HubConfig
from loreli_ray.errors import Conflict, Unavailable
from loreli_ray.git import git
from loreli_ray.hub import Hub, markers
from loreli_ray.hub.queue import Priority
from loreli_ray.identity import Side
from loreli_ray.model import Outcome
from tests.hub.hub_kit import JUDGE, REPOSITORY, TEAM, Answer, Asked, House, Wire, by, forward
from tests.hub.test_hub import issue, rest

PAGE = b"<html><h1>Unicorn!</h1></html>"
Fault = Callable[[Asked, str], Answer | None]


def _lost(answer: Answer | None) -> Fault:
    """The host does it, and this is what comes back."""

    def fault(asked: Asked, to: str) -> Answer | None:
        forward(asked, to=to)
        return answer

    return fault


def _instead(answer: Answer | None) -> Fault:
    """The host does nothing, and this is what comes back."""
    return lambda asked, to: answer  # noqa: ARG005


def _half(asked: Asked, to: str) -> Answer:
    done = forward(asked, to=to)
    return Answer(done.status, done.body[: len(done.body) // 2], done.headers)


FAULTS: dict[str, Fault] = {
    "502, carried out": _lost(Answer(502, PAGE)),
    "502, not carried out": _instead(Answer(502, PAGE)),
    "cut, carried out": _lost(None),
    "cut, not carried out": _instead(None),
    "half an answer": _half,
    "a page instead of an answer": _lost(Answer(200, PAGE)),
    "429": _instead(Answer(429, headers={"retry-after": "3"})),
    "secondary limit": _instead(Answer(403, b'{"message": "You have exceeded a secondary rate limit"}')),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_every_write_meets_it_once(house: House, name: str) -> None:
    """All that a team writes, each request of it struck at its first attempt."""
    struck: Counter[tuple[str, str]] = Counter()

    def respond(asked: Asked) -> Answer | None:
        key = (asked.method, asked.path)
        if asked.method != "GET":
            struck[key] += 1
            if struck[key] == 1:
                return FAULTS[name](asked, house.server.url)
        return forward(asked, to=house.server.url)

    first, second = issue(house, "One"), issue(house, "Two")
    house.branch("kira/1-work", {"work.txt": "done\n"})
    house.branch("lee/2-work", {"more.txt": "done\n"})
    with Wire(respond, clock=house.clock) as wire:
        hub = house.hub(reviewer=JUDGE, config=HubConfig(api_url=wire.url, min_write_interval=0.0, patience=100.0))
        try:
            await hub.open()
            await _everything(hub, house, first, second)
        finally:
            await hub.close()
    assert len(struck) >= 14
    _assert_once(house, first, second)


async def _everything(hub: Hub, house: House, first: int, second: int) -> None:
    await hub.ensure_labels(["loreli:human", "loreli:new"])
    await hub.show(first, add=["loreli:new"], assigned=True)
    await hub.show(second, assigned=True)
    await hub.show(second, assigned=False)
    for text in ("First.", "Second."):
        await hub.comment(first, key="status", text=text, priority=Priority.SHOW)
    await hub.hold(second, why="Why?")
    number = await hub.submit_pull(head="kira/1-work", title="Work", body="Did it.", by=by(issue=first))
    assert await hub.submit_pull(head="kira/1-work", title="Better", body="Did it.", by=by(issue=first)) == number
    house.branch("main", {"base.txt": "base\n"})
    pull = await hub.pull(number)
    assert pull is not None
    with suppress(Conflict):  # when only the answer was lost, its own update moved the head
        await hub.update_branch(pull)
    pull = await hub.pull(number)
    assert pull is not None
    remarks = [{"path": "work.txt", "line": 1, "side": "RIGHT", "body": "Here."}]
    await hub.submit_review(
        pull, outcome=Outcome.APPROVE, text="Fine.", comments=remarks, by=by("lee", issue=first, side=Side.YANG)
    )
    await hub.status(pull.head, state="success", context="loreli/review", description="Approved")
    await hub.merge(pull, title="Land it", message="At last")
    await hub.delete_branch("kira/1-work")
    await hub.close_issue(first)
    other = await hub.submit_pull(head="lee/2-work", title="More", body="More.", by=by("lee", issue=second))
    await hub.close_pull(other, why="No more.")


def _assert_once(house: House, first: int, second: int) -> None:
    assert {one["name"] for one in rest(house, "GET", "/labels")} >= {"loreli:human", "loreli:new"}
    one, two = (rest(house, "GET", f"/issues/{number}") for number in (first, second))
    assert ({label["name"] for label in one["labels"]}, one["state"]) == ({"loreli", "loreli:new"}, "closed")
    assert [[person["login"] for person in number["assignees"]] for number in (one, two)] == [[TEAM], []]
    assert {label["name"] for label in two["labels"]} == {"loreli", "loreli:human"}
    for number, text in ((first, "Second."), (second, "Why?")):
        comments = rest(house, "GET", f"/issues/{number}/comments")
        assert [markers.strip(comment["body"]) for comment in comments] == [text]
    merged, closed = sorted(rest(house, "GET", "/pulls?state=all"), key=lambda pull: pull["number"])
    assert (merged["title"], merged["merged_at"] is not None) == ("Better", True)
    assert (closed["title"], closed["state"], closed["merged_at"]) == ("More", "closed", None)
    assert [r["state"] for r in rest(house, "GET", f"/pulls/{merged['number']}/reviews")] == ["APPROVED"]
    assert len(rest(house, "GET", f"/pulls/{merged['number']}/comments")) == 1
    assert len(rest(house, "GET", f"/commits/{merged['head']['sha']}/statuses")) == 1
    assert len(rest(house, "GET", f"/issues/{closed['number']}/comments")) == 1
    subjects = git("log", "--format=%s", "main", cwd=house.bare).splitlines()
    assert subjects == ["Land it", "Work on main", "Begin"]
    assert git("branch", "--list", "kira/*", cwd=house.bare) == ""


@pytest.mark.parametrize("carried_out", [True, False])
async def test_a_host_that_is_away_for_long(house: House, carried_out: bool) -> None:
    """The write is given up with an error; asked for again when the host is back, it is there once."""
    number, away = issue(house, "One"), True

    def respond(asked: Asked) -> Answer | None:
        if away and asked.method != "GET":
            if carried_out:
                forward(asked, to=house.server.url)
            return Answer(502, PAGE)
        return Answer(503, PAGE) if away and "comments" in asked.path else forward(asked, to=house.server.url)

    with Wire(respond, clock=house.clock) as wire:
        hub = house.hub(config=HubConfig(api_url=wire.url, min_write_interval=0.0))
        try:
            await hub.open()
            with pytest.raises(Unavailable):
                await hub.comment(number, key="status", text="First.")
            away = False
            await hub.comment(number, key="status", text="First.")
        finally:
            await hub.close()
    assert len(rest(house, "GET", f"/issues/{number}/comments")) == 1


async def test_a_listing_that_lags(house: House) -> None:
    """It does not show what was written within the last 0.8 seconds, as GitHub's may."""
    number, written = issue(house, "One"), float("-inf")

    def respond(asked: Asked) -> Answer | None:
        nonlocal written
        if asked.method == "GET" and "comments" in asked.path and house.clock.now() - written < 0.8:
            return Answer(body=b"[]")
        if asked.method == "POST" and "comments" in asked.path and written < 0:
            written = house.clock.now()
            forward(asked, to=house.server.url)
            return None
        return forward(asked, to=house.server.url)

    with Wire(respond, clock=house.clock) as wire:
        hub = house.hub(config=HubConfig(api_url=wire.url, min_write_interval=0.0))
        try:
            await hub.open()
            await hub.comment(number, key="status", text="First.")
            written = house.clock.now()
            await hub.comment(number, key="status", text="First.")
        finally:
            await hub.close()
    assert len(rest(house, "GET", f"/issues/{number}/comments")) == 1


async def test_many_calls_for_one_thing(house: House, hub: Hub) -> None:
    number = issue(house, "One")
    house.branch("kira/1-work", {"work.txt": "done\n"})
    await asyncio.gather(*(hub.comment(number, key="status", text=f"{n}.") for n in range(5)))
    assert len(rest(house, "GET", f"/issues/{number}/comments")) == 1
    numbers = await asyncio.gather(
        *(hub.submit_pull(head="kira/1-work", title="Work", body="Did it.", by=by()) for _ in range(3))
    )
    assert len(set(numbers)) == 1
    pull = await hub.pull(numbers[0])
    assert pull is not None
    lee = by("lee", side=Side.YANG)
    await asyncio.gather(
        *(hub.submit_review(pull, outcome=Outcome.COMMENT, text="So.", comments=[], by=lee) for _ in range(3))
    )
    assert len(rest(house, "GET", f"/pulls/{pull.number}/reviews")) == 1


async def test_a_comment_that_somebody_deleted(house: House, hub: Hub) -> None:
    number = issue(house, "One")
    await hub.comment(number, key="status", text="First.")
    (comment,) = rest(house, "GET", f"/issues/{number}/comments")
    rest(house, "DELETE", f"/issues/comments/{comment['id']}")
    await hub.comment(number, key="status", text="Second.")
    assert [markers.strip(one["body"]) for one in rest(house, "GET", f"/issues/{number}/comments")] == ["Second."]


async def test_a_repository_that_was_renamed(house: House) -> None:
    """Its old name answers with redirects; once opened, the new one is asked."""
    number = issue(house, "One")

    def respond(asked: Asked) -> Answer:
        if asked.path.startswith("/repos/old/name"):
            return Answer(301, headers={"location": asked.path.replace("old/name", REPOSITORY)})
        return forward(asked, to=house.server.url)

    with Wire(respond, clock=house.clock) as wire:
        hub = house.hub(repo="old/name", config=HubConfig(api_url=wire.url, min_write_interval=0.0))
        try:
            await hub.open()
            await hub.close_issue(number)
        finally:
            await hub.close()
    assert len([asked for asked in wire.asked if "old/name" in asked.path]) == 1


async def test_a_limit_holds_all_writes(house: House) -> None:
    """One answer says to wait: those behind it wait as well, and then all are written."""
    numbers = [issue(house, f"{n}") for n in range(4)]
    answers: Iterator[Answer] = iter([Answer(429, headers={"retry-after": "20"})])

    def respond(asked: Asked) -> Answer:
        found = next(answers, None) if asked.method == "POST" else None
        return found or forward(asked, to=house.server.url)

    with Wire(respond, clock=house.clock) as wire:
        hub = house.hub(config=HubConfig(api_url=wire.url, min_write_interval=1.0))
        try:
            await hub.open()
            await asyncio.gather(*(hub.relabel(number, add=["held"]) for number in numbers))
            assert hub.budget.queued == 0
        finally:
            await hub.close()
    times = [asked.at for asked in wire.asked if asked.method == "POST"]
    assert [round(after - times[0], 3) for after in times] == [0, 20, 21, 22, 23]
    for number in numbers:
        names = {label["name"] for label in rest(house, "GET", f"/issues/{number}")["labels"]}
        assert names == {"loreli", "held"}
    assert json.loads(hub.budget.model_dump_json())["errors"] == {}
