"""24 racers, 20 rounds, over git's smart HTTP: for a free issue, for an ended lease, and for the landing line.

Each racer is an orchestrator of its own, with its own repository, and races through git processes of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from loreli_ray.errors import Conflict
from loreli_ray.git import git
from loreli_ray.hub import Claims
from loreli_ray.model import LINE, Claim
from tests.hub.hub_kit import House

RACERS, ROUNDS = 24, 20
Race = Callable[[Claims, int], Awaitable[Claim]]


@pytest.fixture
async def racers(house: House) -> list[Claims]:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(RACERS))
    all_ = [house.claims(f"racer-{n}", session=f"session-{n}") for n in range(RACERS)]
    await asyncio.gather(*(one.open() for one in all_))
    return all_


async def race(racers: list[Claims], take: Callable[[Claims, int], Awaitable[Claim]]) -> Claim:
    """The only one who won; the others were told that they lost."""
    done = await asyncio.gather(*(take(one, n) for n, one in enumerate(racers)), return_exceptions=True)
    winners = [one for one in done if isinstance(one, Claim)]
    assert len(winners) == 1, done
    assert sum(isinstance(one, Conflict) for one in done) == RACERS - 1, done
    assert winners[0].session == f"session-{done.index(winners[0])}"
    return winners[0]


async def test_a_free_issue(house: House, racers: list[Claims]) -> None:
    """The first round also settles where the claims stand, by all of them at once."""
    for issue in range(1, ROUNDS + 1):

        async def take(one: Claims, n: int, issue: int = issue) -> Claim:
            return await one.take(issue, agent=f"agent-{n}", generation=1, until=100.0, replaces=None)

        winner = await race(racers, take)
        assert await racers[-1].get(issue) == winner
    assert {await one.root() for one in racers} == {"refs/loreli"}
    refs = git("for-each-ref", "--format=%(refname)", "refs/loreli", cwd=house.bare).split()
    assert sorted(refs) == sorted([*(f"refs/loreli/claims/{n + 1}" for n in range(ROUNDS)), "refs/loreli/landing"])


@pytest.mark.parametrize("issue", [1, LINE])
async def test_an_ended_lease(racers: list[Claims], issue: int) -> None:
    """A takeover, and the line of landings: each round from exactly what all have seen."""
    await racers[0].root()
    held = await racers[0].get(issue)
    for turn in range(1, ROUNDS + 1):

        async def take(one: Claims, n: int, turn: int = turn, held: Claim | None = held) -> Claim:
            return await one.take(issue, agent=f"agent-{n}", generation=turn, until=100.0, replaces=held)

        held = await race(racers, take)
        assert await racers[-1].get(issue) == held
