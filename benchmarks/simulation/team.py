"""One session in virtual time: what the supervisor, the scaler, the reactor and the agents do, without any I/O.

Every decision is the project's own (`policy`, `roles`); what is imitated here is only the carrying out, as the actors
do it: a fleet read before the snapshot, intents serial for each issue, one way out, tools that check and stamp.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import assert_never

from loreli_ray.config import Config
from loreli_ray.errors import LoreliError, SessionError, ToolRefused, Unavailable
from loreli_ray.identity import Identities, Sides, names_of_branches
from loreli_ray.model import (
    Action,
    AgentSpec,
    AskHuman,
    Assignment,
    Authorship,
    Cause,
    ClaimIssue,
    ClosePull,
    Complete,
    Dispatch,
    Exit,
    Facts,
    Feedback,
    Fleet,
    Forward,
    Intent,
    Land,
    Member,
    NodeView,
    Outcome,
    Placement,
    Program,
    Record,
    ReleaseClaim,
    RenewClaim,
    Role,
    Snapshot,
    Step,
    Verdict,
)
from loreli_ray.policy import Breaker, derive, judge, permission, plan, reapable, removal
from loreli_ray.roles import DEMANDS, HANDLERS, Tick
from tests.roles.faults import Dice, Fault
from tests.roles.host import Host


class Crashed(Exception):
    """The reactor died; the next tick is its successor's."""


@dataclass
class Running:
    """A program in its pane. It knows what it was told, and the head of its workspace."""

    spec: AgentSpec
    mute: bool = False
    dead: bool = False
    doing: str = ""  # the key of the assignment that its workspace is staged for
    head: str = ""
    worked: bool = False  # there is a commit that was not handed in


@dataclass
class Leaving:
    record: Record
    verdict: Verdict
    done: set[Step] = field(default_factory=set[Step])


class Team:
    """One session on `host`."""

    def __init__(self, session: str, host: Host, *, config: Config, nodes: tuple[NodeView, ...], dice: Dice) -> None:
        self.session = session
        self.host = host
        self.config = config
        self.nodes = nodes
        self.dice = dice
        self.records: dict[str, Record] = {}
        self.programs: dict[str, Running] = {}
        self.leaving: dict[str, Leaving] = {}
        self.starts = 0
        self._sides = Sides(config.sides)
        self._identities = Identities(self._sides)
        self._landing: dict[int, int] = {}  # on record: what was about to be merged
        self._taken: frozenset[str] = frozenset()
        self._breakers: dict[tuple[str, str], Breaker] = {}
        self._last_spawn: dict[Role, float] = {}

    # ── the reactor ──

    def tick(self) -> None:
        fleet = self.fleet()
        self.agents_act()
        snapshot = self.host.snapshot()
        if self._settle_all(snapshot):
            return
        tick = Tick(session=self.session, snapshot=snapshot, fleet=fleet, config=self.config, single=self.host.single)
        held = {claim.agent for claim in snapshot.claims if claim.held(snapshot.at)}
        self._taken = names_of_branches(pull.head_ref for pull in snapshot.pulls) | held
        intents = [intent for handler in HANDLERS.values() for intent in handler(tick)]
        keys = [intent.key for intent in intents]
        assert len(keys) == len(set(keys)), f"the same intent twice in one tick: {sorted(keys)}"
        assert keys == [intent.key for handler in HANDLERS.values() for intent in handler(tick)], "keys are stable"
        try:
            self._carry_out(intents)
            self._maybe(Fault.CRASH)
            self._scale(tick)
            for name in reapable(fleet, snapshot=snapshot):
                self.stop(name, Cause.SHUTDOWN)
        except Crashed:
            pass

    def _carry_out(self, intents: list[Intent]) -> None:
        """Serial for each issue, side by side for different ones."""
        by_issue: dict[int, list[Intent]] = defaultdict(list)
        for intent in intents:
            by_issue[intent.issue].append(intent)
        groups = list(by_issue.values())
        while groups:
            group = groups[self.dice.number(len(groups))]
            intent = group.pop(0)
            groups = [group for group in groups if group]
            try:
                self._refused()
                self._do(intent)
                self._refused()
            except LoreliError:
                pass
            self.check()
            if self.dice.perhaps(8):
                self.agents_act()
            self._maybe(Fault.CRASH)

    def _do(self, intent: Intent) -> None:
        host, until = self.host, self.host.now + self.config.claims.ttl
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
                self._unheard()
                self._maybe(Fault.CRASH)
                self._assign(intent.agent, work)
            case RenewClaim():
                host.move(intent.claim, until=until)
            case ReleaseClaim():
                host.move(intent.claim, until=0)
            case Dispatch():
                self._assign(intent.agent, intent.assignment)
            case Forward():
                self._forward(intent.agent, intent.feedback)
            case Land():
                self._landing[intent.issue] = intent.pull.number
                host.merge(intent.pull)
                self._unheard()
                self._maybe(Fault.CRASH)
                self._settle(intent.issue)
            case ClosePull():
                host.close_pull(intent.pull.number, delete=True)
            case Complete():
                self._complete(intent.agent, intent.assignment_key)
            case AskHuman():
                host.hold(intent.issue, intent.why)
            case _:
                assert_never(intent)

    def _settle_all(self, snapshot: Snapshot) -> bool:
        """Finishes what was being landed when something died."""
        gone = [issue for issue, pull in self._landing.items() if all(pull != other.number for other in snapshot.pulls)]
        merged = [issue for issue in gone if issue in self.host.landed]
        for issue in merged:
            self._settle(issue)
        self._landing = {issue: pull for issue, pull in self._landing.items() if issue not in gone}
        return bool(merged)

    def _settle(self, issue: int) -> None:
        self.host.close_issue(issue)
        self.host.drop(issue)

    # ── the scaler ──

    def _scale(self, tick: Tick) -> None:
        fleet = self.fleet()
        nodes = [self._seen(node, fleet) for node in self.nodes]
        decided = plan(
            [demand(tick) for demand in DEMANDS.values()],
            fleet=fleet,
            nodes=nodes,
            sides=self._sides,
            scaling=self.config.scaling,
            last_spawn=self._last_spawn,
            now=self.host.now,
        )
        for placement in decided.placements:
            self._maybe(Fault.CRASH)
            self._start(placement)
        for name in decided.retire:
            self.stop(name, Cause.SHUTDOWN)

    def _seen(self, node: NodeView, fleet: Fleet) -> NodeView:
        taken = sum(member.spec.node == node.id for member in fleet.members)
        programs = tuple(
            program.model_copy(update={"degraded": self._breaker(node.id, program).state(self.host.now) == "open"})
            for program in node.programs
        )
        return node.model_copy(update={"slots": max(0, node.slots - taken), "programs": programs})

    def _breaker(self, node: str, program: Program) -> Breaker:
        return self._breakers.get((node, program.backend), Breaker())

    def _start(self, placement: Placement) -> None:
        identity = self._identities.acquire(placement.provider, theme="zelda", taken=self._taken)
        self.starts += 1
        spec = AgentSpec(
            session=self.session,
            identity=identity,
            incarnation=self.starts,
            role=placement.role,
            backend=placement.backend,
            node=placement.node,
        )
        now = self.host.now
        self.records[spec.name] = Record(spec=spec, facts=Facts(registered_at=now, started_at=now))
        program = Running(spec=spec)
        self.programs[spec.name] = program
        self._last_spawn[spec.role] = now
        if self.dice.strikes(Fault.LAUNCH, one_in=3):
            program.mute = self.dice.perhaps()
            if not program.mute:
                self._died(program)
        self.check()

    # ── the supervisor ──

    def sweep(self) -> None:
        for name, record in list(self.records.items()):
            if name in self.leaving:
                self._leave(name)
                continue
            verdict = judge(record, now=self.host.now, timeouts=self.config.timeouts)
            if verdict.action in (Action.NUDGE, Action.WARN):
                tier = 1 if verdict.action is Action.NUDGE else 2
                assert tier > record.tier, "each tier is answered once"
                self.records[name] = record.model_copy(update={"tier": tier})
            elif verdict.action is Action.REMOVE:
                if verdict.unexpected and verdict.cause in (Cause.RAPID_DEATH, Cause.LAUNCH_FAILED):
                    key = (record.spec.node, record.spec.backend)
                    self._breakers[key] = self._breakers.get(key, Breaker()).failed(self.host.now)
                self.leaving[name] = Leaving(record, verdict)

    def answer(self) -> None:
        """A human answers all questions."""
        for name, record in self.records.items():
            if record.facts.question is not None:
                self._note(name, question=None, progress_at=self.host.now)

    def stop(self, name: str, cause: Cause) -> None:
        if (record := self.records.get(name)) is not None and record.facts.stop_at is None:
            self._note(name, stop_at=self.host.now, stop_cause=cause, stop_reason="told to")

    def _leave(self, name: str) -> None:
        """One round of the one way out."""
        out = self.leaving[name]
        failed: set[Step] = set()
        while (step := removal.next_step(done=out.done, failed=failed)) is not None:
            try:
                self._refused()
                self._step(step, out.record)
                out.done.add(step)
            except LoreliError:
                failed.add(step)
        if removal.finished(out.done):
            del self.leaving[name]

    def _step(self, step: Step, record: Record) -> None:
        if step is Step.STOP_PROGRAM:
            self.programs.pop(record.name, None)
        elif step is Step.CLAIM and record.assignment is not None and record.spec.role is Role.ACTION:
            claim = self.host.claims.get(record.assignment.issue)
            if claim is not None and (claim.session, claim.agent) == (self.session, record.name) and claim.until:
                self.host.move(claim, until=0)
        elif step is Step.IDENTITY:
            assert record.name not in self.programs, "a name is free only when its program is stopped"
            self._identities.release(record.spec.identity)
        elif step is Step.LEDGER:
            del self.records[record.name]

    def _assign(self, name: str, work: Assignment) -> None:
        record = self._record(name)
        if record.assignment is not None:
            if record.assignment.key == work.key:
                return
            raise AssertionError(f"{name} has {record.assignment.key} and was given {work.key}")
        self._refused()  # its workspace can't be staged
        self._store(record, assignment=work)

    def _forward(self, name: str, feedback: Feedback) -> None:
        record = self._record(name)
        work = record.assignment
        if work is None:
            return
        given = any(known.key == feedback.key for known in work.feedback)
        if not given or work.waits:
            news = () if given else (feedback,)
            changed = work.model_copy(update={"feedback": (*work.feedback, *news), "submitted": None})
            self._store(record, assignment=changed)

    def _complete(self, name: str, key: str) -> None:
        record = self.records.get(name)
        if record is not None and record.assignment is not None and record.assignment.key == key:
            self._store(record, assignment=None)

    def _submitted(self, name: str, key: str, *, pull: int, head: str) -> None:
        record = self._record(name)
        work = record.assignment
        if work is not None and work.key == key:
            done = work.model_copy(update={"pull": pull, "head": head, "submitted": head})
            self._store(record, assignment=done)
            self._breakers.pop((record.spec.node, record.spec.backend), None)

    def _store(self, record: Record, *, assignment: Assignment | None) -> None:
        facts = record.facts.model_copy(update={"progress_at": self.host.now, "question": None})
        update = {"assignment": assignment, "facts": facts, "tier": 0}
        self.records[record.name] = record.model_copy(update=update)

    def _note(self, name: str, **facts: object) -> None:
        record = self._record(name)
        self.records[name] = record.model_copy(update={"facts": record.facts.model_copy(update=facts)})

    def _record(self, name: str) -> Record:
        if name not in self.records:
            raise SessionError("there is no such agent", subject=name)
        return self.records[name]

    def fleet(self) -> Fleet:
        return Fleet(
            members=tuple(
                Member(spec=record.spec, status=derive(record), assignment=record.assignment)
                for record in self.records.values()
            )
        )

    # ── the agents, and the desk that serves their tools ──

    def agents_act(self) -> None:
        for program in self.dice.shuffled(list(self.programs.values())):
            if program.dead or self.dice.perhaps(3):
                continue
            if self.dice.strikes(Fault.DEATH, one_in=40):
                self._died(program)
            if self.dice.strikes(Fault.LOST, one_in=60) and program.spec.name in self.records:
                self._note(program.spec.name, lost_at=self.host.now)
            program.mute = program.mute or self.dice.strikes(Fault.HANG, one_in=60)
            if not program.dead and not program.mute:
                with suppress(ToolRefused, SessionError, Unavailable):
                    self._act(program)
        self.check()

    def _act(self, program: Running) -> None:
        name = program.spec.name
        record = self._record(name)
        if record.facts.question is not None:
            return
        now = self.host.now
        facts = record.facts.model_copy(update={"connected_at": record.facts.connected_at or now, "progress_at": now})
        record = self.records[name] = record.model_copy(update={"facts": facts, "tier": 0})
        work = record.assignment
        if facts.stop_at is not None:
            self._note(name, acknowledged_at=now, dormant_at=now)
        elif work is None or work.waits:
            return
        elif self.dice.strikes(Fault.QUESTION, one_in=20):
            self._note(name, question="Which one?")
        elif self.dice.strikes(Fault.SURRENDER, one_in=30):
            self._surrender(work, name)
        elif work.role is Role.REVIEWER:
            self._review(record, work)
        else:
            self._write(program, record, work)

    def _write(self, program: Running, record: Record, work: Assignment) -> None:
        base = f"{work.issue}/{work.generation}"
        if program.doing != base:
            program.doing, program.head, program.worked = base, work.head or work.start, False
        if not program.worked:
            conflict = bool(work.feedback) and work.feedback[-1].kind == "conflict"
            program.head = self.host.commit(program.head, merge_base=conflict)
            program.worked = True
            return
        claim = self.host.claims.get(work.issue)
        permission.may_submit(record, claim=claim, now=self.host.now, session=self.session)
        self._refused()
        self.host.push(work.branch, program.head)
        self._unheard()
        number = self.host.open_pull(branch=work.branch, by=self._authorship(record, work))
        self._unheard()
        self._submitted(record.name, work.key, pull=number, head=program.head)
        program.worked = False

    def _review(self, record: Record, work: Assignment) -> None:
        pull = self.host.pull(work.pull)
        permission.may_review(record, pull=pull, single=self.host.single)
        assert pull is not None
        self._refused()
        outcome = Outcome.APPROVE
        if self.dice.strikes(Fault.OBJECTION, one_in=3):
            outcome = Outcome.REQUEST_CHANGES
        elif self.dice.strikes(Fault.REMARK, one_in=3):
            outcome = Outcome.COMMENT
        self.host.review(pull, outcome=outcome, by=self._authorship(record, work))
        self._unheard()
        self._submitted(record.name, work.key, pull=pull.number, head=pull.head)

    def _surrender(self, work: Assignment, name: str) -> None:
        pull = self.host.pull(work.pull)
        if work.role is Role.ACTION or (pull is not None and pull.head == work.head):
            self.host.hold(work.issue, "an agent gave up")
        self._complete(name, work.key)

    def _authorship(self, record: Record, work: Assignment) -> Authorship:
        return Authorship(
            session=self.session,
            agent=record.name,
            provider=record.spec.provider,
            side=record.spec.side,
            issue=work.issue,
            generation=work.generation,
        )

    def _died(self, program: Running) -> None:
        program.dead = True
        if program.spec.name in self.records:
            self._note(program.spec.name, exit=Exit(code=1, signal=None, at=self.host.now))

    # ── what goes wrong, and what must never be ──

    def _refused(self) -> None:
        if self.dice.strikes(Fault.REFUSED, one_in=12):
            raise Unavailable("not now")

    def _unheard(self) -> None:
        if self.dice.strikes(Fault.UNHEARD, one_in=12):
            raise Unavailable("no answer")

    def _maybe(self, fault: Fault) -> None:
        if self.dice.strikes(fault, one_in=30):
            raise Crashed

    def check(self) -> None:
        """What holds at every moment."""
        fleet, scaling = self.fleet(), self.config.scaling
        assert len(fleet.live) <= scaling.max_agents
        for role in Role:
            cap = scaling.max_per_role.get(role.value)
            assert cap is None or sum(member.spec.role is role for member in fleet.live) <= cap
        for node in self.nodes:
            assert sum(member.spec.node == node.id for member in fleet.members) <= node.slots
        working = [m.assignment.issue for m in fleet.of(Role.ACTION) if m.assignment is not None]
        assert len(working) == len(set(working)), "two of our agents have the same issue"
        holding = [
            (c.session, c.agent)
            for c in self.host.claims.values()
            if c.session == self.session and c.held(self.host.now) and self._works_on(c.agent, c.issue)
        ]
        assert len(holding) == len(set(holding)), "one agent has two issues"

    def _works_on(self, name: str, issue: int) -> bool:
        record = self.records.get(name)
        return record is not None and record.assignment is not None and record.assignment.issue == issue
