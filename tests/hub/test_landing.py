"""Landing at the host: one at a time for the repository, exactly what was judged, on exactly the base that was seen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from loreli_ray.config import ClaimsConfig, HubConfig
from loreli_ray.errors import Conflict, HubError, Refused
from loreli_ray.hub import Hub
from loreli_ray.model import Claim, Pull
from loreli_ray.policy.landing import gated
from tests.hub.hub_kit import House
from tests.hub.test_hub import rest, submitted

CLAIMS = ClaimsConfig()


@pytest.fixture
def house(still: House) -> House:
    return still


@pytest.fixture
async def other(house: House) -> AsyncIterator[Hub]:
    """Another team on the same repository."""
    hub = house.hub(session="other")
    try:
        await hub.open()
        yield hub
    finally:
        await hub.close()


async def land(hub: Hub, pull: Pull, *, base_head: str | None = None) -> str:
    base_head = base_head or (await hub.snapshot()).base_head
    return await hub.land(pull, base_head=base_head, title="Land it", message="So.", claims=CLAIMS)


async def mine(hub: Hub) -> Claim:
    return await hub.take_claim(1, agent="kira", generation=1, ttl=600, replaces=None)


async def left(house: House, hub: Hub, other: Hub, pull: Pull, *, merged: bool) -> None:
    """The line is free for others at once, and nothing was merged that should not be."""
    line = await other.enter_line("lee", claims=CLAIMS)
    assert line.session == "other"
    assert (await hub.merged_as(pull.number) is not None) is merged
    landed = [one["commit"]["message"].splitlines()[0] for one in rest(house, "GET", "/commits")]
    assert landed.count("Land it") == merged


async def test_it_lands_and_leaves_the_line(house: House, hub: Hub, other: Hub) -> None:
    pull = await submitted(house, hub)
    await mine(hub)
    commit = await land(hub, pull)
    assert (await hub.snapshot()).base_head == commit
    await left(house, hub, other, pull, merged=True)


async def test_another_team_is_landing(house: House, hub: Hub, other: Hub) -> None:
    pull = await submitted(house, hub)
    line = await other.enter_line("lee", claims=CLAIMS)
    with pytest.raises(Conflict, match="session other is landing"):
        await land(hub, pull)
    assert await hub.merged_as(pull.number) is None
    await other.leave_line(line)  # it is still theirs
    await land(hub, pull)
    await left(house, hub, other, pull, merged=True)


async def test_a_team_that_died_in_the_line_holds_up_nobody_for_ever(house: House, hub: Hub, other: Hub) -> None:
    pull = await submitted(house, hub)
    await other.enter_line("lee", claims=CLAIMS)
    house.clock.advance(120 + CLAIMS.grace + 1)
    await land(hub, pull)


@pytest.mark.parametrize("how", ["generation", "session", "released"])
async def test_the_claim_was_taken_over(house: House, hub: Hub, other: Hub, how: str) -> None:
    pull = await submitted(house, hub)
    claim = await mine(hub)
    if how == "generation":
        await other.take_claim(1, agent="lee", generation=2, ttl=600, replaces=claim)
    elif how == "session":
        await other.take_claim(1, agent="kira", generation=1, ttl=600, replaces=claim)
    else:
        released = await hub.release_claim(claim)
        await other.take_claim(1, agent="lee", generation=2, ttl=600, replaces=released)
    expected = "session other holds the claim" if how == "session" else "generation 2 has taken over from 1"
    with pytest.raises(Conflict, match=expected):
        await land(hub, pull)
    await left(house, hub, other, pull, merged=False)


@pytest.mark.parametrize("up_to_date", [True, False])
async def test_the_base_moved(house: House, other: Hub, up_to_date: bool) -> None:
    config = HubConfig(api_url=house.server.url, min_write_interval=0.0, up_to_date=up_to_date)
    hub = house.hub(config=config)
    try:
        await hub.open()
        pull = await submitted(house, hub)
        seen = (await hub.snapshot()).base_head
        now = house.branch("main", {"base.txt": "x\n"})
        if up_to_date:
            with pytest.raises(Conflict, match=f"main has moved on to {now[:12]}"):
                await land(hub, pull, base_head=seen)
        else:
            await land(hub, pull, base_head=seen)
        await left(house, hub, other, pull, merged=not up_to_date)
    finally:
        await hub.close()


async def test_the_head_moved(house: House, hub: Hub, other: Hub) -> None:
    pull = await submitted(house, hub)
    house.branch("kira/1-work", {"more.txt": "x\n"})
    with pytest.raises(Conflict):
        await land(hub, pull)
    await left(house, hub, other, pull, merged=False)


async def test_the_host_refuses(house: House, hub: Hub, other: Hub) -> None:
    pull = await submitted(house, hub)
    rules: dict[str, Any] = {"required_status_checks": {"strict": False, "contexts": ["ci"]}, "enforce_admins": True}
    rules |= {"required_pull_request_reviews": None, "restrictions": None}
    rest(house, "PUT", "/branches/main/protection", **rules)
    with pytest.raises(Refused) as caught:
        await land(hub, pull)
    assert gated(caught.value.message)
    await left(house, hub, other, pull, merged=False)


async def test_a_conflict_is_nothing_that_a_person_must_change(house: House, hub: Hub, other: Hub) -> None:
    pull = await submitted(house, hub, files={"README.md": "mine\n"})
    house.branch("main", {"README.md": "theirs\n"})
    with pytest.raises(Refused) as caught:
        await land(hub, pull)
    assert not gated(caught.value.message)
    await left(house, hub, other, pull, merged=False)


async def test_a_host_that_breaks_down_in_the_midst(house: House, hub: Hub, other: Hub) -> None:
    pull = await submitted(house, hub)
    seen = (await hub.snapshot()).base_head
    house.trouble.strike(502)
    with pytest.raises(HubError, match="502"):
        await land(hub, pull, base_head=seen)
    house.trouble.strike(None)
    await left(house, hub, other, pull, merged=False)
