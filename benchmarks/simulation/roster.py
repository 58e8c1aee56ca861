"""The agents that a session has on record. What must hold at every moment is checked at every write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from benchmarks.simulation.invariants import must
from loreli_ray.config import ScalingConfig
from loreli_ray.errors import SessionError
from loreli_ray.model import GONE, AgentState, Assignment, Fleet, Member, Record, Role
from loreli_ray.policy import derive


class Roster:
    """`slots` are the places of each node. What it counts, it counts as records come, change and go."""

    def __init__(self, *, scaling: ScalingConfig, slots: Mapping[str, int]) -> None:
        self.records: dict[str, Record] = {}
        self.most = 0  # the most live agents that there were at once
        self._scaling = scaling
        self._slots = slots
        self._live: dict[str, Role] = {}
        self._roles = Counter[Role]()
        self._nodes = Counter[str]()
        self._workers: dict[int, str] = {}  # who works on which issue

    def get(self, name: str) -> Record:
        """Raises `SessionError` when there is no such agent."""
        if name not in self.records:
            raise SessionError("there is no such agent", subject=name)
        return self.records[name]

    def add(self, record: Record) -> None:
        must(record.name not in self.records, f"two agents have one name: {record.name}")
        node = record.spec.node
        self._nodes[node] += 1
        must(self._nodes[node] <= self._slots[node], f"more agents than slots: {record.name} on {node}")
        self.store(record)

    def store(self, record: Record) -> Record:
        """Replaces an agent's record."""
        self._put_down(record.name)
        self.records[record.name] = record
        state = derive(record).state
        self._count(record.name, record.spec.role, live=state not in GONE)
        if state not in GONE and state is not AgentState.STOPPING:
            self._take_up(record)
        return record

    def note(self, name: str, **facts: object) -> Record:
        record = self.get(name)
        return self.store(record.model_copy(update={"facts": record.facts.model_copy(update=facts)}))

    def assign(self, name: str, assignment: Assignment | None, *, now: float) -> None:
        """Gives an agent work, or takes it back; either is progress."""
        record = self.get(name)
        facts = record.facts.model_copy(update={"progress_at": now, "question": None})
        self.store(record.model_copy(update={"assignment": assignment, "facts": facts, "tier": 0}))

    def remove(self, name: str) -> None:
        self._put_down(name)
        record = self.records.pop(name)
        self._nodes[record.spec.node] -= 1
        self._count(name, record.spec.role, live=False)

    def fleet(self) -> Fleet:
        return Fleet(
            members=tuple(
                Member(spec=record.spec, status=derive(record), assignment=record.assignment)
                for record in self.records.values()
            )
        )

    def check(self) -> None:
        """That what was counted is what there is."""
        live = Counter(record.spec.role for record in self.records.values() if derive(record).state not in GONE)
        must(live == +self._roles, f"the live agents are {dict(live)}, counted were {dict(self._roles)}")
        nodes = Counter(record.spec.node for record in self.records.values())
        must(nodes == +self._nodes, f"the agents of the nodes are {dict(nodes)}, counted were {dict(self._nodes)}")

    def _count(self, name: str, role: Role, *, live: bool) -> None:
        if live is (name in self._live):
            return
        if not live:
            self._roles[self._live.pop(name)] -= 1
            return
        self._live[name] = role
        self._roles[role] += 1
        self.most = max(self.most, len(self._live))
        most, cap = self._scaling.max_agents, self._scaling.max_per_role.get(role.value)
        must(len(self._live) <= most, f"more than maxAgents ({most}) are live: {name}")
        must(cap is None or self._roles[role] <= cap, f"more than maxPerRole ({cap}) of {role} are live: {name}")

    def _put_down(self, name: str) -> None:
        record = self.records.get(name)
        if record is not None and record.assignment is not None and self._workers.get(record.assignment.issue) == name:
            del self._workers[record.assignment.issue]

    def _take_up(self, record: Record) -> None:
        work = record.assignment
        if work is not None and work.role is Role.ACTION:
            other = self._workers.setdefault(work.issue, record.name)
            must(other == record.name, f"two agents work on issue #{work.issue}: {other} and {record.name}")
