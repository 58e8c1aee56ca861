"""A git host, the sessions that work on it, and people who meddle. A storm of faults, then a calm without any.

What must never be is checked at each write (`host`, `roster`, `supervisor`) and after each step; what must be in the
end, at the end. Whatever is broken is said with the seed and the step, so that it can be seen again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from benchmarks.simulation.faults import Dice, Fault
from benchmarks.simulation.host import HUMAN, LABEL, Host
from benchmarks.simulation.invariants import Broken, must
from benchmarks.simulation.team import Team
from loreli_ray.config import Config
from loreli_ray.identity import Sides
from loreli_ray.model import Cause, NodeView
from loreli_ray.policy.providers import single_sided

_OUTAGE = 200.0
_LONGEST_CALM = 500
_FEW = 20


@dataclass(kw_only=True)
class World:
    """`storm` is the length of the storm in steps of `step` seconds; None: until nothing is left to do.

    `rarity` is of faults, `files` of the host, `pace` of the agents. Of several sessions, all but the first are gone
    after the storm.
    """

    seed: int
    config: Config
    nodes: tuple[NodeView, ...]
    issues: int
    faults: frozenset[Fault] = frozenset()
    rarity: Mapping[Fault, int] = field(default_factory=dict[Fault, int])
    storm: int | None = 0
    step: float = 5.0
    files: int = 2
    pace: int = 1
    sessions: int = 1
    closes: bool = True  # whether a merge closes the issue

    def __post_init__(self) -> None:
        self.steps = 0
        self.dice = Dice(self.seed, self.faults, self.rarity)
        programs = [program for node in self.nodes for program in node.programs]
        single = single_sided(programs, Sides(self.config.sides))
        self.host = Host(
            self.issues,
            dice=self.dice,
            single=single,
            closes=self.closes,
            files=self.files,
            up_to_date=self.config.hub.up_to_date,
        )
        self.teams = [
            Team(f"session-{n}", self.host, config=self.config, nodes=self.nodes, dice=self.dice, pace=self.pace)
            for n in range(self.sessions)
        ]
        self._began = self.host.now
        self._withdrawn: set[int] = set()  # closed by a human

    @property
    def hours(self) -> float:
        """The time that has passed in it."""
        return (self.host.now - self._began) / 3600

    def run(self) -> Iterator[None]:
        """Yields after each step. Raises `Broken` as soon as what must hold does not."""
        try:
            yield from self._storm()
            self.dice.calm = True
            del self.teams[1:]
            calm = 0
            while not self.over:
                if calm >= _LONGEST_CALM:
                    raise Broken(f"nothing goes wrong any more, but it does not end\n{self.story()}")
                calm += 1
                self._step()
                yield
            self._check_end()
        except Broken as broken:
            where = f"seed {self.seed}, step {self.steps} ({self.hours:.2f} h)"
            raise Broken(f"{where}: {broken}") from broken

    def _storm(self) -> Iterator[None]:
        while self._through > 0 if self.storm is None else self.steps < self.storm:
            self._step()
            self._meddle()
            yield

    @property
    def _through(self) -> int:
        """How many issues are still the team's to bring home."""
        return sum(LABEL in issue.labels and HUMAN not in issue.labels for issue in self.host.issues.values())

    @property
    def over(self) -> bool:
        """Every issue that is still the team's has landed, or a human has it; and the team has gone home."""
        supervisor = self.teams[0].supervisor
        records = supervisor.roster.records
        orphans = bool(self.host.pulls)
        held = any(LABEL in issue.labels for issue in self.host.issues.values())
        busy = any(record.assignment is not None for record in records.values())
        return not self._through and not busy and not supervisor.removing and (not records or held or orphans)

    def _step(self) -> None:
        self.steps += 1
        self.host.now += _OUTAGE if self.dice.strikes(Fault.OUTAGE, one_in=25) else self.step
        for team in self.dice.some(self.teams):
            team.turn()
        self._check()

    def _meddle(self) -> None:
        host, dice = self.host, self.dice
        issue = 1 + dice.number(self.issues)
        if dice.strikes(Fault.HOLD, one_in=12):
            host.hold(issue, "a human wants to think")
        if dice.strikes(Fault.HOLD, one_in=6):
            host.unlabel(issue, HUMAN)
        if dice.strikes(Fault.WITHDRAWN, one_in=30):
            self._withdraw(issue)
        if dice.strikes(Fault.REJECTED, one_in=25) and host.pulls:
            host.close_pull(sorted(host.pulls)[dice.number(len(host.pulls))], delete=False)
        if dice.strikes(Fault.RETITLED, one_in=10):
            host.retitle(issue)
        for team in self.teams:
            for name in list(team.supervisor.roster.records):
                if dice.strikes(Fault.SHUTDOWN, one_in=60):
                    team.supervisor.stop(name, Cause.SHUTDOWN)

    def _withdraw(self, issue: int) -> None:
        if self.dice.perhaps():
            self.host.close_issue(issue)
            self._withdrawn.add(issue)
        elif self.dice.perhaps():
            self.host.unlabel(issue, LABEL)
        else:
            self.host.label(issue, LABEL)

    def _check(self) -> None:
        known = len(self.host.issues.keys() | self.host.landed.keys() | self._withdrawn)
        must(known == self.issues, f"of {self.issues} issues, {self.issues - known} are neither open nor landed")

    def _check_end(self) -> None:
        """No issue is lost: each has landed, or a human has it, for a reason that is written down."""
        for number, issue in self.host.issues.items():
            excused = LABEL not in issue.labels or (HUMAN in issue.labels and bool(self.host.held.get(number)))
            must(excused, f"issue #{number} is open, and no human was told why")

    def story(self) -> str:
        """How it stands, for whoever has to find out why."""
        host, team = self.host, self.teams[0]
        lines = [repr(self)]
        lines += [f"{issue} {host.held.get(issue.number, '')}" for issue in islice(host.issues.values(), _FEW)]
        lines += [str(pull) for pull in islice(host.pulls.values(), _FEW)]
        lines += [f"{claim} held={claim.held(host.now)}" for claim in islice(host.claims.values(), _FEW)]
        lines += [
            f"{m.name} {m.spec.role} {m.spec.side} {m.spec.node} {m.status} {m.assignment and m.assignment.key}"
            for m in team.supervisor.roster.fleet().members[:_FEW]
        ]
        return "\n".join(lines)
