"""The agents' part: what their programs do, and the desk that serves their tools, which checks and stamps."""

from __future__ import annotations

from contextlib import suppress

from benchmarks.simulation.cluster import Cluster
from benchmarks.simulation.faults import Dice, Fault
from benchmarks.simulation.host import Host
from benchmarks.simulation.program import Running
from benchmarks.simulation.supervisor import Supervisor
from loreli_ray.errors import SessionError, ToolRefused, Unavailable
from loreli_ray.model import Assignment, Authorship, Failure, FailureKind, Outcome, Record, Role, Sign
from loreli_ray.policy import permission


class Agents:
    """All programs of one session. An agent gets on with its work in one of `pace` acts; in the others it only says
    that it is at it."""

    def __init__(self, supervisor: Supervisor, host: Host, *, cluster: Cluster, dice: Dice, pace: int) -> None:
        self._supervisor = supervisor
        self._roster = supervisor.roster
        self._host = host
        self._cluster = cluster
        self._dice = dice
        self._pace = pace

    def launched(self, program: Running) -> None:
        """What becomes of a program that has just been started."""
        if self._cluster.spent(program.spec.backend):
            self._supervisor.died(program)
        elif self._dice.strikes(Fault.LAUNCH, one_in=3):
            program.mute = self._dice.perhaps()
            if not program.mute:
                self._supervisor.died(program)

    def act(self, at_most: int | None = None) -> None:
        """Lets two thirds of all programs, or of `at_most` so many, do the next thing."""
        for program in self._dice.some(self._supervisor.programs.values(), at_most):
            if program.dead or self._dice.perhaps(3):
                continue
            self._befall(program)
            with suppress(ToolRefused, SessionError, Unavailable):
                self._live(program)

    def _befall(self, program: Running) -> None:
        """What goes wrong with a program, or with its actor."""
        dice, name, now = self._dice, program.spec.name, self._host.now
        ended = self._cluster.spent(program.spec.backend) and dice.perhaps(10)
        if ended and dice.perhaps():
            self._note(name, failure=Failure(kind=FailureKind.QUOTA, at=now + 1, text="your quota is used up"))
        elif ended or dice.strikes(Fault.DEATH, one_in=40):
            self._supervisor.died(program)
        if dice.strikes(Fault.LOST, one_in=60):
            self._note(name, lost_at=now)
        if dice.strikes(Fault.DEAF, one_in=60):
            self._note(name, unanswered_at=now)
        program.looping = program.looping or dice.strikes(Fault.LOOP, one_in=60)
        program.mute = program.mute or dice.strikes(Fault.HANG, one_in=60)
        program.paused = program.paused or dice.strikes(Fault.PAUSE, one_in=60)

    def _note(self, name: str, **facts: object) -> None:
        if name in self._roster.records:
            self._roster.note(name, **facts)

    def _live(self, program: Running) -> None:
        record = self._roster.get(program.spec.name)
        failure = record.facts.failure
        if program.dead or program.mute or program.paused or failure is not None:
            return
        if program.looping:
            self._roster.note(record.name, busy_at=self._host.now)
        else:
            self._act(program, record)

    def _act(self, program: Running, record: Record) -> None:
        name, now = record.name, self._host.now
        if record.facts.question is not None:
            return
        connected = record.facts.connected_at or now
        seen = {"connected_at": connected, "tool_at": now, "progress_at": now, "progress_by": Sign.TOOL_CALL}
        facts = record.facts.model_copy(update=seen)
        record = self._roster.store(record.model_copy(update={"facts": facts, "tier": 0}))
        work = record.assignment
        if facts.stop_at is not None:
            self._roster.note(name, acknowledged_at=now, dormant_at=now)
        elif work is None or work.waits or (self._pace > 1 and not self._dice.perhaps(self._pace)):
            return
        elif self._dice.strikes(Fault.QUESTION, one_in=20):
            self._roster.note(name, question="Which one?")
        elif self._dice.strikes(Fault.SURRENDER, one_in=30):
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
            program.head = self._host.commit(program.head, merge_base=conflict)
            program.worked = True
            return
        claim = self._host.claims.get(work.issue)
        permission.may_submit(record, claim=claim, session=self._supervisor.session)
        self._supervisor.refused()
        assert claim is not None
        self._host.move(claim, until=self._host.now + self._supervisor.config.claims.ttl)  # with the push, at once
        self._host.push(work.branch, program.head)
        self._supervisor.unheard()
        number = self._host.open_pull(branch=work.branch, by=self._authorship(record, work))
        self._supervisor.unheard()
        self._supervisor.submitted(record.name, work.key, pull=number, head=program.head)
        program.worked = False

    def _review(self, record: Record, work: Assignment) -> None:
        pull = self._host.pull(work.pull)
        permission.may_review(record, pull=pull, single=self._host.single)
        assert pull is not None
        self._supervisor.refused()
        outcome = Outcome.APPROVE
        if self._dice.strikes(Fault.OBJECTION, one_in=3):
            outcome = Outcome.REQUEST_CHANGES
        elif self._dice.strikes(Fault.REMARK, one_in=3):
            outcome = Outcome.COMMENT
        self._host.review(pull, outcome=outcome, by=self._authorship(record, work))
        self._supervisor.unheard()
        self._supervisor.submitted(record.name, work.key, pull=pull.number, head=pull.head)

    def _surrender(self, work: Assignment, name: str) -> None:
        pull = self._host.pull(work.pull)
        if work.role is Role.ACTION or (pull is not None and pull.head == work.head):
            self._supervisor.hold(work.issue, "an agent gave up")
        self._supervisor.complete(name, work.key)

    def _authorship(self, record: Record, work: Assignment) -> Authorship:
        return Authorship(
            session=self._supervisor.session,
            agent=record.name,
            provider=record.spec.provider,
            side=record.spec.side,
            issue=work.issue,
            generation=work.generation,
        )
