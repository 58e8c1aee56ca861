"""One hour: the hub as the product runs it, and naive pollers beside it, each with an account of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from benchmarks.hub.ground import AUTHOR, OWNER, Count, Ground
from benchmarks.hub.naive import Naive
from benchmarks.hub.people import People
from loreli_ray.config import HubConfig, WatchConfig
from loreli_ray.hub import Hub

#: Seconds between two looks at the doorbells, and between two ticks: the product's own.
POLL, TICK = HubConfig().poll, WatchConfig().interval
_RINGS = round(TICK / POLL)


@dataclass(frozen=True)
class Hour:
    """`first` is the hub's first look, before the hour; `told` what the hub itself counts as paid in it.

    `naive` is by number of workflows.
    """

    ticks: int
    changes: int
    first: Count
    hub: Count
    told: int
    naive: Mapping[int, Count]


async def spend(ground: Ground, *, ticks: int, changes: int, workflows: Sequence[int]) -> Hour:
    """As many `ticks` of a minute, over which the `changes` are spread evenly."""
    first, ours = Count(), Count()
    naive = {number: Count() for number in workflows}
    async with AsyncExitStack() as stack:
        people = await stack.enter_async_context(ground.client(OWNER))
        world = People(ground, people, await stack.enter_async_context(ground.hub("team")))
        with ground.counting(AUTHOR, first):
            hub = await stack.enter_async_context(ground.hub("measured"))
            await hub.snapshot()
        pollers = [
            Naive(await stack.enter_async_context(ground.client(_login(number))), workflows=number)
            for number in workflows
        ]
        told, changed = hub.budget.paid, 0
        for step in range(ticks * _RINGS):
            ground.clock.advance(POLL)
            while changed * ticks * _RINGS < changes * (step + 1):
                await world.change()
                changed += 1
            due = (step + 1) % _RINGS == 0
            with ground.counting(AUTHOR, ours):
                await _look(hub, due=due)
            for poller in pollers if due else ():
                with ground.counting(_login(poller.workflows), naive[poller.workflows]):
                    await poller.tick()
        return Hour(ticks=ticks, changes=changed, first=first, hub=ours, told=hub.budget.paid - told, naive=naive)


async def _look(hub: Hub, *, due: bool) -> None:
    """As the Hub and the Reactor do: a tick when one is due, or when a doorbell rings."""
    if await hub.ring() or due:
        await hub.snapshot()


def _login(workflows: int) -> str:
    return f"naive-{workflows}"
