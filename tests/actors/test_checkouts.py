"""A node's pushes, from a clone to the git host: through a real hub, the forge and the mirror."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from loreli_ray.actors.calls import Peer
from loreli_ray.actors.checkouts import Checkouts
from loreli_ray.clock import ManualClock
from loreli_ray.config import HubConfig
from loreli_ray.errors import RemoteUnavailable, ToolRefused
from loreli_ray.forge import Forge, ForgeServer
from loreli_ray.git import git
from loreli_ray.hub import Hub
from loreli_ray.model import Claim, Credentials, Fence
from tests.policy.kit import spec
from tests.workspace.conftest import AUTHOR, commit

REPOSITORY, BRANCH = "team/garden", "kira/1-start"


class Near(Peer):
    """A hub in this very process."""

    def __init__(self, hub: Hub) -> None:
        super().__init__("s", "hub", deadline=30.0)
        self._hub = hub

    async def call(self, method: str, *arguments: Any, deadline: float | None = None, **named: Any) -> Any:
        if method == "base_branch":
            return self._hub.base
        answer = getattr(self._hub, method)(*arguments, **named)
        return await answer if asyncio.iscoroutine(answer) else answer


@dataclass
class Place:
    """One agent with a claim, a clone and a commit in it."""

    hub: Hub
    checkouts: Checkouts
    bare: Path
    claim: Claim
    commit: str

    async def fence(self) -> Fence:
        fence = await self.hub.fence(1, ttl=600.0)
        if fence is None or not fence.claim.continues(self.claim):
            raise ToolRefused("the claim is no longer yours", subject="kira")
        return fence

    @property
    def pushed(self) -> str:
        return git("for-each-ref", "--format=%(objectname)", f"refs/heads/{BRANCH}", cwd=self.bare)

    async def take_over(self) -> Claim:
        now = await self.hub.claim(1)
        return await self.hub.take_claim(1, agent="lee", generation=2, ttl=600.0, replaces=now)


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[tuple[Forge, ForgeServer]]:
    source = tmp_path / "source"
    git("init", "--quiet", str(source))
    git("commit", "--quiet", "--allow-empty", "-m", "Begin", cwd=source, extra_env=AUTHOR)
    forge = Forge.open(tmp_path / "data")
    try:
        forge.add_repository(REPOSITORY, source=source)
        with ForgeServer(forge) as server:
            yield forge, server
    finally:
        forge.close()


@pytest.fixture
async def place(forge: tuple[Forge, ForgeServer], tmp_path: Path) -> AsyncIterator[Place]:
    hub = Hub(
        REPOSITORY,
        config=HubConfig(api_url=forge[1].url, min_write_interval=0.0),
        credentials=Credentials(token=forge[0].token("team")),
        session="s",
        home=tmp_path / "home",
        clock=ManualClock(),
    )
    try:
        await hub.open()
        checkouts = Checkouts(tmp_path / "node", hub=Near(hub))
        agent = spec("kira")
        clone = await checkouts.prepare(agent)
        git("checkout", "--quiet", "-b", BRANCH, cwd=clone)
        made = await asyncio.to_thread(commit, clone, {"a": "1"})
        claim = await hub.take_claim(1, agent="kira", generation=1, ttl=600.0, replaces=None)
        yield Place(hub, checkouts, forge[0].repository_path(REPOSITORY), claim, made)
    finally:
        await hub.close()


def after(count: int, deed: Callable[[], Awaitable[object]], fence: Callable[[], Awaitable[Fence]]) -> Any:
    """`fence`, with `deed` done after each of its first `count` answers: in the midst of a push."""
    left = count

    async def asked() -> Fence:
        nonlocal left
        answer = await fence()
        if left:
            left -= 1
            await deed()
        return answer

    return asked


async def test_a_push_is_let_through_and_renews_the_claim(place: Place) -> None:
    assert await place.checkouts.push("kira", branch=BRANCH, base="main", fence=place.fence) == place.commit
    assert place.pushed == place.commit
    now = await place.hub.claim(1)
    assert now is not None
    assert now.continues(place.claim)
    assert now.oid != place.claim.oid
    # The same once more, as a tool is done again whose answer was lost.
    assert await place.checkouts.push("kira", branch=BRANCH, base="main", fence=place.fence) == place.commit


async def test_the_reactor_was_faster(place: Place) -> None:
    async def renew() -> None:
        place.claim = await place.hub.renew_claim(place.claim, ttl=600.0)

    fence = after(2, renew, place.fence)
    assert await place.checkouts.push("kira", branch=BRANCH, base="main", fence=fence) == place.commit
    assert place.pushed == place.commit


async def test_somebody_else_was_faster(place: Place) -> None:
    """It is taken over after the claim was read and before the push."""
    fence = after(1, place.take_over, place.fence)
    with pytest.raises(ToolRefused, match="no longer yours"):
        await place.checkouts.push("kira", branch=BRANCH, base="main", fence=fence)
    assert place.pushed == ""
    now = await place.hub.claim(1)
    assert now is not None
    assert now.agent == "lee"


async def test_a_claim_that_never_holds_still(place: Place) -> None:
    """No verdict on the agent: it is tried again later."""

    async def renew() -> None:
        place.claim = await place.hub.renew_claim(place.claim, ttl=600.0)

    with pytest.raises(RemoteUnavailable, match="hold still"):
        await place.checkouts.push("kira", branch=BRANCH, base="main", fence=after(100, renew, place.fence))
    assert place.pushed == ""


async def test_a_branch_that_somebody_moved_is_the_agents_business(place: Place) -> None:
    async def meddle() -> None:
        git("update-ref", f"refs/heads/{BRANCH}", "main", cwd=place.bare)

    with pytest.raises(ToolRefused, match="not where it was expected"):
        await place.checkouts.push("kira", branch=BRANCH, base="main", fence=after(1, meddle, place.fence))
    assert await place.hub.claim(1) == place.claim
