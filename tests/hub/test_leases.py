"""Leases as the team asks for them: two hands of one session, fences, and the line of landings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from loreli_ray.config import ClaimsConfig
from loreli_ray.errors import Conflict, GitError
from loreli_ray.git import git
from loreli_ray.hub import Hub
from loreli_ray.model import LINE, Claim
from loreli_ray.workspace.outlet import Outlet, Swap
from tests.hub.hub_kit import Answer, Asked, House, Wire, by, forward

LEASE = ClaimsConfig(ttl=600.0, grace=30.0)


@pytest.fixture
async def other(house: House) -> AsyncIterator[Hub]:
    """A second orchestrator."""
    opened = house.hub(session="other")
    try:
        await opened.open()
        yield opened
    finally:
        await opened.close()


async def take(hub: Hub, issue: int = 1, *, replaces: Claim | None = None, ttl: float = 600.0) -> Claim:
    generation = replaces.generation + 1 if replaces else 1
    return await hub.take_claim(issue, agent="kira", generation=generation, ttl=ttl, replaces=replaces)


async def test_a_claim_that_another_hand_renewed_is_renewed(house: House, hub: Hub) -> None:
    seen = await take(hub)
    newer = await hub.renew_claim(seen, ttl=700)
    assert await hub.renew_claim(seen, ttl=600) == newer
    released = await hub.release_claim(seen)
    assert released.released
    for late in (hub.renew_claim(newer, ttl=600), hub.release_claim(newer)):
        with pytest.raises(Conflict):
            await late
    assert await hub.claim(1) == released


async def test_a_claim_that_is_lost(house: House, hub: Hub, other: Hub) -> None:
    seen = await take(hub)
    theirs = await take(other, replaces=seen)
    for late in (hub.renew_claim(seen, ttl=600), hub.release_claim(seen)):
        with pytest.raises(Conflict):
            await late
    await other.remove_claim(1)
    for late in (hub.renew_claim(seen, ttl=600), hub.release_claim(seen), other.renew_claim(theirs, ttl=1)):
        with pytest.raises(Conflict):
            await late
    await other.remove_claim(1)  # nothing is there any more


async def test_a_lease_that_ended_is_renewed_if_nobody_took_it(house: House, hub: Hub, other: Hub) -> None:
    seen = await take(hub)
    house.clock.advance(10_000)
    renewed = await hub.renew_claim(seen, ttl=600)
    assert renewed.until == pytest.approx(house.clock.now() + 600, abs=2)
    assert renewed.generation == 1
    house.clock.advance(10_000)
    await take(other, replaces=renewed)
    with pytest.raises(Conflict):
        await hub.renew_claim(renewed, ttl=600)


async def test_renewing_while_releasing(hub: Hub) -> None:
    """Whatever the order at the host, in the end it is released."""
    for issue in range(1, 4):
        seen = await take(hub, issue)
        done = await asyncio.gather(
            hub.renew_claim(seen, ttl=600), hub.release_claim(seen), hub.renew_claim(seen, ttl=600),
            return_exceptions=True,
        )  # fmt: skip
        assert isinstance(done[1], Claim)
        now = await hub.claim(issue)
        assert now is not None
        assert now.released


# Fences


def outlet(house: House, *, url: str | None = None) -> Outlet:
    """The way out of a repository that has the main branch."""
    mirror = house.folder / "mirror"
    if not mirror.exists():
        git("clone", "--quiet", "--bare", str(house.bare), str(mirror))
    remote = house.remote.replace(house.server.url, url or house.server.url)
    return Outlet(mirror=mirror, remote=remote, credential=house.credential(url=url), timeout=20.0)


async def test_a_fence_renews_what_it_was_made_for(house: House, hub: Hub, other: Hub) -> None:
    assert await hub.fence(1, ttl=600) is None
    seen = await take(hub, ttl=100)
    house.clock.advance(150)  # ended, and nobody's yet
    fence = await hub.fence(1, ttl=600)
    assert fence is not None
    assert (fence.claim, fence.ref, fence.ttl) == (seen, "refs/loreli/claims/1", 600)
    main = git("rev-parse", "main", cwd=house.bare)
    await asyncio.to_thread(outlet(house).push_fenced, Swap(ref="refs/heads/kira/1", seen="", oid=main), fence)
    renewed = await other.claim(1)
    assert renewed is not None
    assert renewed.continues(seen)
    assert renewed.until == pytest.approx(house.clock.now() + 600, abs=2)
    with pytest.raises(Conflict):
        await take(other, replaces=seen)
    # Made before somebody took over, used after.
    fence = await hub.fence(1, ttl=600)
    assert fence is not None
    theirs = await take(other, replaces=renewed)
    with pytest.raises(Conflict):
        await asyncio.to_thread(outlet(house).push_fenced, Swap(ref="refs/heads/kira/2", seen="", oid=main), fence)
    assert "kira/2" not in git("for-each-ref", cwd=house.bare)
    assert await hub.claim(1) == theirs


@pytest.mark.parametrize("lost", [None, Answer(502, b"<html>"), Answer(200, b"")])
@pytest.mark.parametrize("reached", [True, False])
async def test_a_fenced_push_without_an_answer(house: House, hub: Hub, lost: Answer | None, reached: bool) -> None:
    """What the host holds decides: both refs moved, or none."""
    seen = await take(hub)
    fence = await hub.fence(1, ttl=700)
    assert fence is not None

    def respond(asked: Asked) -> Answer | None:
        if asked.method == "POST" and asked.path.endswith("git-receive-pack"):
            if reached:
                forward(asked, to=house.server.url)
            return lost
        return forward(asked, to=house.server.url)

    main = git("rev-parse", "main", cwd=house.bare)
    with Wire(respond, clock=house.clock) as wire:
        cut = outlet(house, url=wire.url)
        swap = Swap(ref="refs/heads/kira/1", seen="", oid=main)
        if reached:
            await asyncio.to_thread(cut.push_fenced, swap, fence)
        else:
            with pytest.raises(GitError):
                await asyncio.to_thread(cut.push_fenced, swap, fence)
    now = await hub.claim(1)
    assert now is not None
    assert (now.oid != seen.oid) is reached
    assert now.continues(seen)
    assert ("kira/1" in git("for-each-ref", cwd=house.bare)) is reached


# Landing


async def test_one_at_a_time(house: House, hub: Hub, other: Hub) -> None:
    line = await hub.enter_line("kira", claims=LEASE)
    assert (line.issue, line.session, line.agent) == (LINE, "s", "kira")
    with pytest.raises(Conflict, match="session s is landing"):
        await other.enter_line("lee", claims=LEASE)
    await hub.leave_line(line)
    theirs = await other.enter_line("lee", claims=LEASE)
    assert theirs.generation == line.generation + 1
    with pytest.raises(Conflict, match="session other is landing"):
        await hub.enter_line("kira", claims=LEASE)
    await hub.leave_line(line)  # long gone: theirs stands
    with pytest.raises(Conflict, match="session other is landing"):
        await hub.enter_line("kira", claims=LEASE)
    assert (await hub.snapshot()).claims == ()


async def test_who_died_in_the_line_does_not_keep_it(house: House, hub: Hub, other: Hub) -> None:
    line = await hub.enter_line("kira", claims=LEASE)
    house.clock.advance(149)  # two minutes and the grace are not over
    with pytest.raises(Conflict):
        await other.enter_line("lee", claims=LEASE)
    house.clock.advance(2)
    theirs = await other.enter_line("lee", claims=LEASE)
    with pytest.raises(Conflict):
        await hub.fence_merge(by(), line=line, claims=LEASE)
    assert (await other.fence_merge(by(), line=theirs, claims=LEASE)).continues(theirs)


async def test_a_session_that_comes_back_enters_at_once(hub: Hub) -> None:
    """Its reactor died in the line; what the dead one still wants is too late."""
    first = await hub.enter_line("kira", claims=LEASE)
    second = await hub.enter_line("kira", claims=LEASE)
    with pytest.raises(Conflict):
        await hub.fence_merge(by(), line=first, claims=LEASE)
    await hub.leave_line(first)
    assert (await hub.fence_merge(by(), line=second, claims=LEASE)).continues(second)


async def test_a_merge_is_fenced_by_the_claim(house: House, hub: Hub, other: Hub) -> None:
    line = await hub.enter_line("kira", claims=LEASE)
    line = await hub.fence_merge(by(generation=1), line=line, claims=LEASE)  # no claim is in the way
    mine = await take(hub)
    line = await hub.fence_merge(by(generation=1), line=line, claims=LEASE)
    with pytest.raises(Conflict, match="generation 1 has taken over from 2"):
        await hub.fence_merge(by(generation=2), line=line, claims=LEASE)
    theirs = await take(other, replaces=mine)
    with pytest.raises(Conflict, match="generation 2 has taken over from 1"):
        await hub.fence_merge(by(generation=1), line=line, claims=LEASE)
    with pytest.raises(Conflict, match="session other holds"):
        await hub.fence_merge(by(generation=2), line=line, claims=LEASE)
    # What they left behind may be brought home by us, once nobody is on it.
    await other.release_claim(theirs)
    line = await hub.fence_merge(by(generation=2), line=line, claims=LEASE)
    assert line.until == pytest.approx(house.clock.now() + 120, abs=2)


async def test_the_line_is_renewed_by_what_is_done_in_it(house: House, hub: Hub, other: Hub) -> None:
    line = await hub.enter_line("kira", claims=LEASE)
    for _ in range(5):
        house.clock.advance(100)
        line = await hub.fence_merge(by(), line=line, claims=LEASE)
        with pytest.raises(Conflict):
            await other.enter_line("lee", claims=LEASE)
