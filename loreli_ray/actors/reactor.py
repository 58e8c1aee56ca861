"""The Reactor actor: the tick. Snapshot → roles → intents → demand → reap (SPEC S17).

A tick ends before the next begins. A role that raises is logged, counted and skipped for that tick. Intents are carried
out one after the other for each issue, and side by side for different issues. An event only makes it look sooner.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress

from loreli_ray.actors.calls import Peer
from loreli_ray.actors.deeds import Deeds
from loreli_ray.actors.edge import Edge
from loreli_ray.actors.report import Board, BoardRow
from loreli_ray.actors.settings import SessionSettings
from loreli_ray.errors import RateLimited
from loreli_ray.identity import names_of_branches
from loreli_ray.model import Cause, Demand, Fleet, Intent, Land, ScalePlan, Show, Snapshot, Team
from loreli_ray.observe import logger
from loreli_ray.policy import Ignored, claims, ignored, reapable, stage
from loreli_ray.roles import DEMANDS, HANDLERS, UPKEEP, Handler, Tick

_SETTLE = 0.05
_LONG = 600.0


class Reactor:
    """One per session, restarted for ever; it keeps nothing between ticks."""

    async def __init__(self, settings: SessionSettings) -> None:  # pyright: ignore[reportGeneralTypeIssues]
        self._settings = settings
        self._config = settings.config
        self._clock = settings.clock()
        self._log = logger("reactor", folder=settings.logs, session=settings.id)
        self._edge = Edge("reactor", log=self._log)
        timeouts = self._config.timeouts
        self._supervisor = Peer(settings.id, "supervisor", deadline=timeouts.call)
        self._scaler = Peer(settings.id, "scaler", deadline=timeouts.start)
        self._hub = Peer(settings.id, "hub", deadline=timeouts.start)
        self._deeds = Deeds(settings, hub=self._hub, supervisor=self._supervisor)
        self._woken = asyncio.Event()
        self._plan = ScalePlan()
        self._paused = False
        self._told = frozenset[Ignored]()
        self._showing: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop().create_task(self._edge.forever("tick", self._turn, self._clock))

    async def wake(self) -> None:
        """Look sooner."""
        self._woken.set()

    async def pause(self) -> None:
        """No further tick begins: the session is being stopped."""
        self._paused = True

    async def _turn(self) -> float:
        """One tick, then the wait for the next. Returns the pause on top of it, in seconds."""
        self._woken.clear()
        if not self._paused:
            try:
                acted = await asyncio.wait_for(self._tick(), _LONG)
            except RateLimited as error:
                self._log.info("the git host is to be left alone", seconds=error.retry_after, error=str(error))
                acted = False
            if acted:
                self._woken.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), self._config.watch.interval)
        return _SETTLE

    async def _tick(self) -> bool:
        """True when something was landed, so that what it unblocks is looked at now."""
        await self._hub.call("ready")
        # The fleet first: an assignment that is over in the snapshot is then still seen as given out.
        team: Team = await self._supervisor.call("team")
        snapshot: Snapshot = await self._hub.call("snapshot")
        tick = Tick(
            session=self._settings.id,
            snapshot=snapshot,
            fleet=team.fleet,
            config=self._config,
            single=team.single,
            deaths=team.deaths,
        )
        self._tell_ignored(snapshot)
        await self._post(tick)
        if snapshot.stale:
            await self._carry_out(self._intents(tick, UPKEEP))
            return False
        with self._edge.guard("settling"):
            if await self._deeds.settle_all(snapshot):
                return True
        intents = self._intents(tick, HANDLERS)
        landed = await self._land_one([intent for intent in intents if isinstance(intent, Land)])
        rest = [intent for intent in intents if not isinstance(intent, Land | Show)]
        await self._carry_out([intent for intent in rest if landed is None or intent.issue != landed.issue])
        self._show([intent for intent in intents if isinstance(intent, Show)])
        await self._scale(tick)
        await self._reap(team.fleet, snapshot)
        return landed is not None

    def _intents(self, tick: Tick, handlers: Mapping[str, Handler]) -> list[Intent]:
        wanted: list[Intent] = []
        for name, handler in handlers.items():
            with self._edge.guard("a role failed", handler=name):
                wanted += list(handler(tick))
        return wanted

    async def _land_one(self, line: list[Land]) -> Land | None:
        """Lands the first in line that the host does not refuse: the base has moved then, and all others look again."""
        for intent in line:
            with self._edge.guard("not landed", intent=intent.key):
                await self._deeds.do(intent)
                return intent
        return None

    def _show(self, intents: Sequence[Intent]) -> None:
        """What only people look at must not hold up a tick: the host allows a write a second, and work goes first."""
        if self._showing is None or self._showing.done():
            self._showing = asyncio.get_running_loop().create_task(self._carry_out(intents))

    async def _carry_out(self, intents: Sequence[Intent]) -> None:
        by_issue: dict[int, list[Intent]] = defaultdict(list)
        for intent in intents:
            by_issue[intent.issue].append(intent)
        await asyncio.gather(*(self._carry_out_in_turn(group) for group in by_issue.values()))

    async def _carry_out_in_turn(self, intents: list[Intent]) -> None:
        for intent in intents:
            with self._edge.guard("an intent failed", intent=intent.key):
                await self._deeds.do(intent)

    async def _scale(self, tick: Tick) -> None:
        demands: list[Demand] = []
        for name, demand in DEMANDS.items():
            with self._edge.guard("a demand failed", role=name):
                demands.append(demand(tick))
        with self._edge.guard("scaling"):
            self._plan = await self._scaler.call("scale", demands)

    async def _reap(self, fleet: Fleet, snapshot: Snapshot) -> None:
        for name in reapable(fleet, snapshot=snapshot):
            with self._edge.guard("reaping", agent=name):
                await self._supervisor.call("stop", name, Cause.SHUTDOWN, "all work is done")

    def _tell_ignored(self, snapshot: Snapshot) -> None:
        """What steers nothing, and why, once each into the log."""
        found = frozenset(ignored(snapshot, config=self._config))
        for one in found - self._told:
            self._log.info("ignored", what=one.what, why=one.why)
        self._told = found

    async def _post(self, tick: Tick) -> None:
        """Tells the supervisor what is seen, before anything is done about it."""
        snapshot = tick.snapshot
        rows: list[BoardRow] = []
        for issue in sorted(snapshot.issues, key=lambda issue: issue.number):
            pull, claim = snapshot.pull_for(issue.number), snapshot.claim(issue.number)
            rows.append(
                BoardRow(
                    issue=issue.number,
                    title=issue.title,
                    stage=stage(issue, snapshot=snapshot, config=self._config).value,
                    agent=claim.agent if claim is not None and claim.held(snapshot.at) else "",
                    pull=pull.number if pull is not None else None,
                    rounds=len(pull.verdicts) if pull is not None else 0,
                )
            )
        board = Board(
            at=snapshot.at,
            stale=snapshot.stale,
            rows=tuple(rows),
            pulls=len(snapshot.ours),
            refusals=self._plan.refusals,
            budgets=await self._hub.call("spending"),
        )
        taken = names_of_branches(pull.head_ref for pull in snapshot.pulls)
        rules = self._config.claims
        taken |= {c.agent for c in snapshot.claims if not claims.free(c, now=snapshot.at, claims=rules)}
        await self._supervisor.call("post", board, taken)
