"""Leases are reckoned by the host's clock: those of orchestrators may differ by minutes."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from loreli_ray.clock import ManualClock
from loreli_ray.config import ClaimsConfig
from loreli_ray.errors import Conflict
from loreli_ray.forge import Forge, ForgeServer
from loreli_ray.git import git
from loreli_ray.hub import Claims
from loreli_ray.model import Claim
from loreli_ray.policy import claims as policy
from tests.hub.hub_kit import REPOSITORY, House

LEASE = ClaimsConfig(ttl=600.0, grace=30.0)


@dataclass
class Orchestrator:
    """One with a clock of its own; `told` is what it believes the host's clock to be ahead by."""

    claims: Claims
    clock: ManualClock

    async def take(self, replaces: Claim | None = None) -> Claim:
        until = self.clock.now() + LEASE.ttl
        generation = policy.next_generation(replaces)
        return await self.claims.take(1, agent="kira", generation=generation, until=until, replaces=replaces)

    async def sees(self) -> Claim:
        found, _ = await self.claims.read("main")
        return found[0]

    async def finds_it_free(self) -> bool:
        return policy.free(await self.sees(), now=self.clock.now(), claims=LEASE)


@pytest.fixture(params=[-1200.0, -45.0, 0.0, 45.0, 1200.0])
async def pair(request: pytest.FixtureRequest, house: House) -> tuple[Orchestrator, Orchestrator]:
    """Two whose clocks differ from the host's, in opposite directions, so by up to 40 minutes from each other."""
    made: list[Orchestrator] = []
    for name, skew in (("a", request.param), ("b", -request.param)):
        clock = ManualClock(house.clock.now() + skew)
        made.append(Orchestrator(house.claims(name, session=name, ahead=-skew), clock))
        await made[-1].claims.open()
    return made[0], made[1]


def pass_(seconds: float, house: House, *all_: Orchestrator) -> None:
    for clock in (house.clock, *(one.clock for one in all_)):
        clock.advance(seconds)


async def test_a_lease_holds_for_as_long_as_it_says(house: House, pair: tuple[Orchestrator, Orchestrator]) -> None:
    a, b = pair
    mine = await a.take()
    assert mine.until == a.clock.now() + LEASE.ttl
    said = json.loads(git("log", "-1", "--format=%s", "refs/loreli/claims/1", cwd=house.bare))
    assert said["until"] == house.clock.now() + LEASE.ttl
    assert (await b.sees()).until == b.clock.now() + LEASE.ttl
    assert await a.sees() == mine
    assert not policy.due(mine, now=a.clock.now(), claims=LEASE)
    for _ in range(4):
        pass_(201, house, a, b)
        assert not await b.finds_it_free()
        assert policy.due(mine, now=a.clock.now(), claims=LEASE)
        mine = await a.claims.renew(mine, until=a.clock.now() + LEASE.ttl)
    pass_(629, house, a, b)
    assert not (await b.sees()).held(b.clock.now())
    assert not await b.finds_it_free()
    pass_(2, house, a, b)
    assert await b.finds_it_free()
    theirs = await b.take(await b.sees())
    with pytest.raises(Conflict):
        await a.claims.renew(mine, until=a.clock.now() + LEASE.ttl)
    assert not await a.finds_it_free()
    assert (await a.sees()).generation == theirs.generation == 2


async def test_released_is_released_everywhere(house: House, pair: tuple[Orchestrator, Orchestrator]) -> None:
    a, b = pair
    await a.claims.release(await a.take())
    assert (await b.sees()).released
    assert await b.finds_it_free()
    assert json.loads(git("log", "-1", "--format=%s", "refs/loreli/claims/1", cwd=house.bare))["until"] == 0


async def test_hubs_learn_the_difference_from_the_host(tmp_path: Path, source: Path) -> None:
    """A forge with a clock of its own, and two teams that are 20 minutes before and behind it."""
    clocks = {name: ManualClock(1_700_000_000.0 + skew) for name, skew in (("host", 0), ("a", 1200), ("b", -1200))}
    forge = Forge.open(tmp_path / "data", clock=clocks["host"])
    async with AsyncExitStack() as stack:
        stack.callback(forge.close)
        forge.add_repository(REPOSITORY, source=source)
        house = House(forge, stack.enter_context(ForgeServer(forge)), tmp_path, clocks["host"])
        a, b = (house.hub(session=name, clock=clocks[name]) for name in ("a", "b"))
        for hub in (a, b):
            stack.push_async_callback(hub.close)
            await hub.open()
        mine = await a.take_claim(1, agent="kira", generation=1, ttl=LEASE.ttl, replaces=None)
        line = await a.enter_line("kira", claims=LEASE)
        assert mine.until == pytest.approx(clocks["a"].now() + LEASE.ttl, abs=2)
        for clock in clocks.values():
            clock.advance(LEASE.ttl + LEASE.grace - 3)
        theirs = await b.claim(1)
        assert theirs is not None
        assert not policy.free(theirs, now=clocks["b"].now(), claims=LEASE)
        assert (await b.enter_line("lee", claims=LEASE)).generation == line.generation + 1  # two minutes are over
        with pytest.raises(Conflict, match="session b is landing"):
            await a.enter_line("kira", claims=LEASE)
        for clock in clocks.values():
            clock.advance(6)
        assert policy.free(theirs, now=clocks["b"].now(), claims=LEASE)
        await b.take_claim(1, agent="lee", generation=2, ttl=LEASE.ttl, replaces=theirs)
        with pytest.raises(Conflict):
            await a.renew_claim(mine, ttl=LEASE.ttl)
