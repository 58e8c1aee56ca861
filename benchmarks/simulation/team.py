"""One session in virtual time: what the supervisor, the scaler, the reactor and the agents do, without any I/O.

Every decision is the project's own (`policy`, `roles`); what is imitated here is only the carrying out, as the actors
do it: a fleet read before the snapshot, intents serial for each issue, one way out, tools that check and stamp.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from typing import assert_never

from benchmarks.simulation.agents import Agents
from benchmarks.simulation.cluster import Cluster
from benchmarks.simulation.costs import Meter
from benchmarks.simulation.faults import Dice, Fault
from benchmarks.simulation.host import Host
from benchmarks.simulation.invariants import must
from benchmarks.simulation.roster import Roster
from benchmarks.simulation.supervisor import Supervisor
from loreli_ray.config import Config
from loreli_ray.errors import LoreliError
from loreli_ray.identity import Sides, names_of_branches
from loreli_ray.model import (
    AskHuman,
    Cause,
    ClaimIssue,
    ClosePull,
    Complete,
    Dispatch,
    Forward,
    Intent,
    Land,
    NodeView,
    ReleaseClaim,
    RenewClaim,
    Role,
    Settle,
    Show,
    Snapshot,
    Stamp,
    UpdateBranch,
)
from loreli_ray.policy import plan, reapable
from loreli_ray.roles import DEMANDS, HANDLERS, Tick

_AT_ONCE = 40  # programs that act between two intents


class Crashed(Exception):
    """The reactor died; the next tick is its successor's."""


class Team:
    """One session on `host`; `pace` is how many acts a piece of work takes."""

    def __init__(
        self, session: str, host: Host, *, config: Config, nodes: Sequence[NodeView], dice: Dice, pace: int
    ) -> None:
        self.session = session
        self.config = config
        self.meter = Meter()
        self.cluster = Cluster(nodes, patience=config.timeouts.stall, dice=dice)
        roster = Roster(scaling=config.scaling, slots={node.id: node.slots for node in nodes})
        self.supervisor = Supervisor(session, host, config=config, roster=roster, dice=dice, meter=self.meter)
        self.agents = Agents(self.supervisor, host, cluster=self.cluster, dice=dice, pace=pace)
        self._host = host
        self._dice = dice
        self._sides = Sides(config.sides)
        self._landing: dict[int, int] = {}  # on record: what was about to be merged
        self._last_spawn: dict[Role, float] = {}

    def turn(self) -> None:
        """What happens between two steps of the clock."""
        self.meter.begin()
        for node in self.cluster.turn(self._host.now):
            self.supervisor.lose(node)
        self.supervisor.sweep()
        if self._dice.perhaps(4):
            self.supervisor.answer()
        self.agents.act()
        if self._tick():
            self._tick()
        self.supervisor.roster.check()
        self.meter.end()

    # ── the reactor ──

    def _tick(self) -> bool:
        """True when something that was being landed is finished now, so that it has to look again at once."""
        fleet = self.supervisor.fleet()
        self.agents.act()
        snapshot = self._host.snapshot()
        if self._settle_all(snapshot):
            return True
        tick = Tick(session=self.session, snapshot=snapshot, fleet=fleet, config=self.config, single=self._host.single)
        held = {claim.agent for claim in snapshot.claims if claim.held(snapshot.at)}
        self.supervisor.taken = names_of_branches(pull.head_ref for pull in snapshot.pulls) | held
        with self.meter("roles"):
            intents = [intent for handler in HANDLERS.values() for intent in handler(tick)]
        keys = [intent.key for intent in intents]
        must(len(keys) == len(set(keys)), f"the same intent twice in one tick: {_twice(keys)}")
        again = [intent.key for handler in HANDLERS.values() for intent in handler(tick)]
        must(keys == again, "asked twice about one tick, the roles want different things")
        try:
            self._carry_out(intents)
            self._maybe(Fault.CRASH)
            self._scale(tick)
            for name in reapable(fleet, snapshot=snapshot):
                self.supervisor.stop(name, Cause.SHUTDOWN)
        except Crashed:
            self.supervisor.happened["reactor crashed"] += 1
        return False

    def _carry_out(self, intents: list[Intent]) -> None:
        """Serial for each issue, side by side for different ones."""
        by_issue: dict[int, deque[Intent]] = defaultdict(deque)
        for intent in intents:
            by_issue[intent.issue].append(intent)
        groups = list(by_issue.values())
        sweep_at = self._dice.number(2 * len(groups) + 1)
        while groups:
            if len(groups) == sweep_at:
                self.supervisor.sweep()
                sweep_at = 0
            chosen = self._dice.number(len(groups))
            intent = groups[chosen].popleft()
            if not groups[chosen]:
                groups[chosen] = groups[-1]
                groups.pop()
            try:
                self.supervisor.refused()
                self._do(intent)
                self.supervisor.refused()
            except LoreliError:
                pass
            if self._dice.perhaps(8):
                self.agents.act(_AT_ONCE)
            self._maybe(Fault.CRASH)

    def _do(self, intent: Intent) -> None:
        host, until = self._host, self._host.now + self.config.claims.ttl
        match intent:
            case ClaimIssue():
                work = intent.assignment
                host.take(
                    intent.issue,
                    session=self.session,
                    agent=intent.agent,
                    generation=work.generation,
                    until=until,
                    seen=intent.replaces,
                )
                self.supervisor.unheard()
                self._maybe(Fault.CRASH)
                self.supervisor.assign(intent.agent, work)
            case RenewClaim():
                host.move(intent.claim, until=until)
            case ReleaseClaim():
                host.move(intent.claim, until=0)
            case Dispatch():
                self.supervisor.assign(intent.agent, intent.assignment)
            case Forward():
                self.supervisor.forward(intent.agent, intent.feedback)
            case Land():
                self._landing[intent.issue] = intent.pull.number
                host.merge(intent.pull)
                self.supervisor.unheard()
                self._maybe(Fault.CRASH)
                self._settle(intent.issue)
            case ClosePull():
                host.close_pull(intent.pull.number, delete=True)
            case Settle():
                must(intent.issue in host.landed, f"settled though not landed: #{intent.issue}")
                self._settle(intent.issue)
            case UpdateBranch():
                host.update(intent.pull)
            case Stamp():
                must(False, "a verdict is stamped though nobody asks for it")
            case Show():
                host.show(intent.issue, add=intent.add, remove=intent.remove, note=intent.note)
            case Complete():
                self.supervisor.complete(intent.agent, intent.assignment_key)
            case AskHuman():
                self.supervisor.hold(intent.issue, intent.why)
            case _:
                assert_never(intent)

    def _settle_all(self, snapshot: Snapshot) -> bool:
        """Finishes what was being landed when something died."""
        open_ = {pull.number for pull in snapshot.pulls}
        gone = [issue for issue, pull in self._landing.items() if pull not in open_]
        merged = [issue for issue in gone if issue in self._host.landed]
        for issue in merged:
            self._settle(issue)
        self._landing = {issue: pull for issue, pull in self._landing.items() if pull in open_}
        return bool(merged)

    def _settle(self, issue: int) -> None:
        self._host.close_issue(issue)
        self._host.drop(issue)

    # ── the scaler ──

    def _scale(self, tick: Tick) -> None:
        with self.meter("roles"):
            demands = [demand(tick) for demand in DEMANDS.values()]
        fleet = self.supervisor.fleet()
        nodes = list(self.supervisor.breakers.seen(self.cluster.there(), now=self._host.now))
        with self.meter("scaling"):
            decided = plan(
                demands,
                fleet=fleet,
                nodes=nodes,
                sides=self._sides,
                scaling=self.config.scaling,
                last_spawn=self._last_spawn,
                now=self._host.now,
            )
        for placement in decided.placements:
            self._maybe(Fault.CRASH)
            program = self.supervisor.start(placement)
            self._last_spawn[placement.role] = self._host.now
            self.agents.launched(program)
        for name in decided.retire:
            self.supervisor.stop(name, Cause.SHUTDOWN)

    def _maybe(self, fault: Fault) -> None:
        if self._dice.strikes(fault, one_in=30):
            raise Crashed


def _twice(keys: list[str]) -> list[str]:
    return [key for key, times in Counter(keys).items() if times > 1]
