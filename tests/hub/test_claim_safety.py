"""Whatever orchestrators do, and whatever their clocks say: never two that both may push, over real git.

Each story is a list of steps, out of a seed, by three orchestrators that look, take, renew, release, push and crash at
any moment, with what they saw long ago. Their clocks are off by up to an hour; what they believe to be the difference
is off by less than half of the grace. The truth is kept beside: who holds, and until when the holder believes so.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from loreli_ray.clock import ManualClock
from loreli_ray.config import ClaimsConfig
from loreli_ray.errors import Conflict
from loreli_ray.git import git
from loreli_ray.hub import Claims
from loreli_ray.model import Claim, Fence
from loreli_ray.policy import claims as policy
from loreli_ray.workspace.outlet import Outlet, Swap
from tests.hub.hub_kit import AUTHOR, no_keys

LEASE = ClaimsConfig(ttl=60.0, grace=30.0)
ISSUE = 1
STORIES, STEPS = 6, 300
NAMES = ("ann", "bob", "cleo")


@dataclass
class Truth:
    """What the host's clock says, and who really holds the claim."""

    clock: ManualClock = field(default_factory=ManualClock)
    generation: int = 0
    holder: str = ""
    believed_until: float = 0.0
    pushes: int = 0
    takeovers: int = 0

    def taken(self, claim: Claim) -> None:
        assert claim.generation > self.generation, "the generation only ever rises"
        assert self.clock.now() > self.believed_until, f"taken from {self.holder}, who believed to hold it"
        self.takeovers += bool(self.holder) and self.holder != claim.session
        self.renewed(claim)

    def renewed(self, claim: Claim) -> None:
        self.generation, self.holder = claim.generation, claim.session
        self.believed_until = self.clock.now() + LEASE.ttl

    def released(self, claim: Claim) -> None:
        self.believed_until = 0.0
        assert (claim.session, claim.generation) == (self.holder, self.generation)

    def pushed(self, fence: Fence, *, until: float) -> None:
        """`until` was written when the push was begun."""
        claim = fence.claim
        assert (claim.session, claim.generation) == (self.holder, self.generation), "pushed without the claim"
        self.pushes += 1
        self.believed_until = until


class Orchestrator:
    """One session. After a crash it knows only what it finds on the host."""

    def __init__(self, name: str, place: Path, *, remote: Path, truth: Truth, skew: float, error: float) -> None:
        self.name = name
        self._place = place
        self._remote = remote
        self._truth = truth
        self._clock = ManualClock(truth.clock.now() + skew)
        self._claims = Claims(
            place, remote=str(remote), keys=no_keys, session=name, offset=lambda: error - skew
        )  # fmt: skip
        self.seen: Claim | None = None
        self.fence: tuple[Fence, float] | None = None

    def pass_(self, seconds: float) -> None:
        self._clock.advance(seconds)

    @property
    def _mine(self) -> bool:
        return self.seen is not None and self.seen.session == self.name and not self.seen.released

    async def open(self) -> None:
        await self._claims.open()

    async def look(self) -> None:
        self.seen = await self._claims.get(ISSUE)

    async def act(self) -> None:
        """As the roles do: renew what is ours, take what is free."""
        until = self._clock.now() + LEASE.ttl
        if self.seen is not None and self._mine:
            if policy.due(self.seen, now=self._clock.now(), claims=LEASE):
                self.seen = await self._claims.renew(self.seen, until=until)
                self._truth.renewed(self.seen)
        elif policy.free(self.seen, now=self._clock.now(), claims=LEASE):
            generation = policy.next_generation(self.seen)
            self.seen = await self._claims.take(
                ISSUE, agent=self.name, generation=generation, until=until, replaces=self.seen
            )
            self._truth.taken(self.seen)

    async def release(self) -> None:
        if self.seen is not None and self._mine:
            self._truth.released(await self._claims.release(self.seen))

    async def prepare(self) -> None:
        """A push is begun: its fence is made from what was seen."""
        if self.seen is not None and self._mine:
            until = self._clock.now() + LEASE.ttl
            made = await self._claims.fence(self.seen, until=until, ttl=LEASE.ttl)
            self.fence = made, self._truth.clock.now() + LEASE.ttl

    async def push(self) -> bool:
        """Whether the host let the push through."""
        prepared, self.fence = self.fence, None
        if prepared is None:
            return False
        fence, until = prepared
        outlet = Outlet(mirror=self._place, remote=str(self._remote), credential=None, timeout=20.0)
        work = git(
            "commit-tree", git("mktree", cwd=self._place, stdin=""), cwd=self._place, stdin="x", extra_env=AUTHOR
        )
        branch = f"refs/heads/{self.name}/{next(_NUMBERS)}"
        with suppress(Conflict):
            await asyncio.to_thread(outlet.push_fenced, Swap(ref=branch, seen="", oid=work), fence)
            self._truth.pushed(fence, until=until)
            return True
        return False

    async def crash(self) -> None:
        self.seen = self.fence = None


_NUMBERS = itertools.count(1)
_STEPS = {"look": 7, "act": 7, "prepare": 6, "push": 3, "release": 1, "crash": 1, "rush": 2, "pass": 4}
_PASSES = (1.0, 9.0, 15.0, 20.0, 24.0, 30.0, 75.0)


def invented(dice: random.Random) -> list[tuple[str, Any]]:
    kinds = dice.choices(list(_STEPS), weights=list(_STEPS.values()), k=STEPS)
    return [(kind, dice.choice(_PASSES) if kind == "pass" else dice.choice(NAMES)) for kind in kinds]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("safety")
    git("init", "--quiet", "--bare", str(folder / "remote"))
    return folder


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


async def tell(story: list[tuple[str, Any]], place: Path, skews: list[float], errors: list[float]) -> Truth:
    remote, truth = place / "remote", Truth()
    for ref in git("for-each-ref", "--format=%(refname)", cwd=remote).split():
        git("update-ref", "-d", ref, cwd=remote)
    team = {
        name: Orchestrator(name, place / name, remote=remote, truth=truth, skew=skew, error=error)
        for name, skew, error in zip(NAMES, skews, errors, strict=True)
    }
    for one in team.values():
        await one.open()
    for what, argument in story:
        if what == "pass":
            truth.clock.advance(argument)
            for one in team.values():
                one.pass_(argument)
        elif what == "rush":
            through = await asyncio.gather(*(one.push() for one in team.values()))
            assert sum(through) <= 1, "two pushed at once"
        else:
            with suppress(Conflict):
                await getattr(team[argument], what)()
    return truth


@pytest.mark.parametrize("seed", range(STORIES))
def test_never_two_that_both_may_push(place: Path, runner: asyncio.Runner, seed: int) -> None:
    dice = random.Random(seed)
    skews = [dice.uniform(-3600, 3600) for _ in NAMES]
    errors = dice.sample([-14.0, 0.0, 14.0], len(NAMES))
    truth = runner.run(tell(invented(dice), place, skews, errors))
    assert truth.takeovers > 1, "or the story shows nothing"
    assert truth.pushes > 2


def test_a_story_with_everything_in_it(place: Path, runner: asyncio.Runner) -> None:
    """That stories do come to takeovers and pushes, and late pushes are refused."""
    held = [("act", "ann"), ("prepare", "ann"), ("push", "ann"), ("look", "ann"), ("prepare", "ann")]
    late = [("pass", 61.0), ("look", "bob"), ("act", "bob"), ("pass", 61.0), ("act", "bob"), ("prepare", "bob")]
    again = [("rush", ""), ("crash", "bob"), ("look", "bob"), ("release", "bob"), ("look", "ann"), ("act", "ann")]
    truth = runner.run(tell([*held, *late, *again], place, [3600.0, -3600.0, 0.0], [14.0, -14.0, 0.0]))
    assert (truth.takeovers, truth.pushes, truth.holder, truth.generation) == (2, 2, "ann", 3)
