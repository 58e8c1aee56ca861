"""The supervisor's part: it judges all agents, sends them out by the one way out, and keeps their assignments."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from benchmarks.simulation.breakers import Breakers
from benchmarks.simulation.costs import Meter
from benchmarks.simulation.faults import Dice, Fault
from benchmarks.simulation.host import Host
from benchmarks.simulation.invariants import must
from benchmarks.simulation.program import Running
from benchmarks.simulation.roster import Roster
from loreli_ray.config import Config
from loreli_ray.errors import LoreliError, SessionError, Unavailable
from loreli_ray.identity import Identities, Sides
from loreli_ray.model import (
    Action,
    AgentSpec,
    Assignment,
    Cause,
    Exit,
    Facts,
    Feedback,
    Fleet,
    Placement,
    Record,
    Role,
    Step,
    Verdict,
)
from loreli_ray.policy import judge, removal

_LONGEST_REMOVAL = 100  # rounds
_BACKEND_FAILED = (Cause.RAPID_DEATH, Cause.LAUNCH_FAILED, Cause.STUCK_ALIVE)


@dataclass
class _Leaving:
    record: Record
    verdict: Verdict
    done: set[Step] = field(default_factory=set[Step])
    rounds: int = 0


class Supervisor:
    """One session's registry. `happened` counts what there is to tell of it."""

    def __init__(self, session: str, host: Host, *, config: Config, roster: Roster, dice: Dice, meter: Meter) -> None:
        self.session = session
        self.roster = roster
        self.programs: dict[str, Running] = {}
        self.taken: frozenset[str] = frozenset()
        self.starts = 0
        self.happened = Counter[str]()
        self._host = host
        self.config = config
        self._dice = dice
        self._meter = meter
        self._identities = Identities(Sides(config.sides))
        self._leaving: list[_Leaving] = []
        self.breakers = Breakers(self.roster, config=config)
        self.deaths: dict[int, tuple[float, ...]] = {}
        self._holders: dict[tuple[int, int], int] = {}  # of each issue and generation, whose incarnation had it

    def fleet(self) -> Fleet:
        with self._meter("fleet"):
            return self.roster.fleet()

    # ── who comes ──

    def start(self, placement: Placement) -> Running:
        """Puts a new agent on record and starts its program."""
        identity = self._identities.acquire(
            placement.provider, theme="zelda", taken=self.taken | self.roster.records.keys()
        )
        self.starts += 1
        spec = AgentSpec(
            session=self.session,
            identity=identity,
            incarnation=self.starts,
            role=placement.role,
            backend=placement.backend,
            node=placement.node,
        )
        now = self._host.now
        record = Record(spec=spec, facts=Facts(registered_at=now, started_at=now))
        self.breakers.check(record, now=now)
        self.roster.add(record)
        program = self.programs[spec.name] = Running(spec=spec)
        return program

    def died(self, program: Running) -> None:
        program.dead = True
        if program.spec.name in self.roster.records:
            self.roster.note(program.spec.name, exit=Exit(code=1, signal=None, at=self._host.now))

    def lose(self, node: str) -> None:
        """A node is gone: its programs are cut off and fence themselves, and nobody hears of them again."""
        for name, record in list(self.roster.records.items()):
            if record.spec.node == node and name in self.programs:
                self.programs[name].mute = True
                self.roster.note(name, lost_at=self._host.now)

    # ── who goes ──

    @property
    def removing(self) -> bool:
        """Whether somebody is still on the way out."""
        return bool(self._leaving)

    def sweep(self) -> None:
        now = self._host.now
        self._leaving = [out for out in self._leaving if not self._leave(out)]
        records = [record for record in self.roster.records.values() if record.leaving is None]
        with self._meter("judging"):
            verdicts = [judge(record, now=now, config=self.config) for record in records]
        for record, verdict in zip(records, verdicts, strict=True):
            self._act(record, verdict)
            self.happened["breaker closed"] += self.breakers.proved(record, now=now)

    def stop(self, name: str, cause: Cause) -> None:
        if (record := self.roster.records.get(name)) is not None and record.facts.stop_at is None:
            self.roster.note(name, stop_at=self._host.now, stop_cause=cause, stop_reason="told to")

    def hold(self, issue: int, why: str) -> None:
        """Puts an issue into a human's hands: its deaths are counted anew."""
        self._host.hold(issue, why)
        self.deaths.pop(issue, None)
        self.happened["given to a human"] += 1

    def _act(self, record: Record, verdict: Verdict) -> None:
        match verdict.action:
            case Action.REMOVE:
                self._remove(record, verdict)
            case Action.NUDGE | Action.WARN:
                self._escalate(record, verdict)
            case Action.READOPT:
                self.happened["actor replaced"] += 1
                self.roster.note(record.name, unanswered_at=None)
            case Action.HEALTHY:
                pass

    def _escalate(self, record: Record, verdict: Verdict) -> None:
        tier = 1 if verdict.action is Action.NUDGE else 2
        must(tier > record.tier, f"a tier of a stall is answered twice: {record.name}, {verdict.action}")
        self.happened[verdict.action.value] += 1
        self.roster.store(record.model_copy(update={"tier": tier}))
        if (program := self.programs.get(record.name)) is not None:
            program.paused = False

    def _remove(self, record: Record, verdict: Verdict) -> None:
        assert verdict.cause is not None
        now = self._host.now
        self.happened[verdict.cause.value] += 1
        if verdict.unexpected and verdict.cause in _BACKEND_FAILED:
            self.happened["breaker opened"] += self.breakers.failed(record, now=now)
        self._leaving.append(_Leaving(self.roster.store(record.model_copy(update={"leaving": verdict})), verdict))

    def _leave(self, out: _Leaving) -> bool:
        """One round of the one way out; whether it is the last."""
        out.rounds += 1
        name, done = out.record.name, sorted(out.done)
        must(out.rounds < _LONGEST_REMOVAL, f"a removal does not end: {name}, done are {done}")
        failed: set[Step] = set()
        while (step := removal.next_step(done=out.done, failed=failed)) is not None:
            try:
                self.refused()
                self._step(step, out)
                out.done.add(step)
            except LoreliError:
                failed.add(step)
        if not removal.finished(out.done):
            return False
        self._check_left(out.record)
        return True

    def _step(self, step: Step, out: _Leaving) -> None:
        record = out.record
        if step is Step.STOP_PROGRAM:
            self.programs.pop(record.name, None)
        elif step is Step.CLAIM and record.assignment is not None and record.spec.role is Role.ACTION:
            claim = self._host.claims.get(record.assignment.issue)
            if claim is not None and (claim.session, claim.agent) == (self.session, record.name) and claim.until:
                self._host.move(claim, until=0)
        elif step is Step.IDENTITY:
            must(record.name not in self.programs, f"a name is free while its program runs: {record.name}")
            self._identities.release(record.spec.identity)
        elif step is Step.LEDGER:
            self.roster.remove(record.name)
        elif step is Step.EVENT and out.verdict.unexpected and record.assignment is not None:
            issue = record.assignment.issue
            self.deaths[issue] = (*self.deaths.get(issue, ()), self._host.now)

    def _check_left(self, record: Record) -> None:
        """That a removal that ended gave everything back."""
        name, work = record.name, record.assignment
        if (other := self.roster.records.get(name)) is not None:  # its name, and all that goes by it, is another's now
            must(other.spec != record.spec, f"{name} is removed and still has its slot on {record.spec.node}")
            return
        claim = self._host.claims.get(work.issue) if work is not None and work.role is Role.ACTION else None
        kept = claim is not None and claim.held(self._host.now) and (claim.session, claim.agent) == (self.session, name)
        must(not kept, f"{name} is removed and still holds its claim")
        must(record.spec.identity not in self._identities.in_use, f"{name} is removed and its identity in use")
        must(name not in self.programs, f"{name} is removed and its program runs")

    # ── what they work on ──

    def assign(self, name: str, work: Assignment) -> None:
        record = self.roster.get(name)
        if record.leaving is not None:
            raise SessionError("is on its way out", subject=name)
        if record.assignment is not None:
            has = record.assignment.key
            must(has == work.key, f"{name} has {has} and was given {work.key}")
            return
        if work.role is Role.ACTION:
            holder = self._holders.setdefault((work.issue, work.generation), record.spec.incarnation)
            same = holder == record.spec.incarnation
            must(same, f"two agents hold generation {work.generation} of issue #{work.issue}, one now as {name}")
        self.refused()  # its workspace can't be staged
        self.roster.assign(name, work, now=self._host.now)

    def forward(self, name: str, feedback: Feedback) -> None:
        work = self.roster.get(name).assignment
        if work is None:
            return
        given = any(known.key == feedback.key for known in work.feedback)
        if not given or work.waits:
            news = () if given else (feedback,)
            changed = work.model_copy(update={"feedback": (*work.feedback, *news), "submitted": None})
            self.roster.assign(name, changed, now=self._host.now)

    def complete(self, name: str, key: str) -> None:
        record = self.roster.records.get(name)
        if record is not None and record.assignment is not None and record.assignment.key == key:
            self.roster.assign(name, None, now=self._host.now)

    def submitted(self, name: str, key: str, *, pull: int, head: str) -> None:
        record = self.roster.get(name)
        work = record.assignment
        if work is not None and work.key == key:
            done = work.model_copy(update={"pull": pull, "head": head, "submitted": head})
            self.roster.assign(name, done, now=self._host.now)

    def answer(self) -> None:
        """A human answers all questions."""
        for name, record in list(self.roster.records.items()):
            if record.facts.question is not None:
                self.roster.note(name, question=None, progress_at=self._host.now)

    # ── what goes wrong ──

    def refused(self) -> None:
        if self._dice.strikes(Fault.REFUSED, one_in=12):
            raise Unavailable("not now")

    def unheard(self) -> None:
        if self._dice.strikes(Fault.UNHEARD, one_in=12):
            raise Unavailable("no answer")
