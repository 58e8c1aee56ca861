"""An agent: who it is, what it was given to do, what was observed of it, and what that comes to."""

from __future__ import annotations

from functools import cached_property

from pydantic import Field

from loreli_ray.identity import Identity, Side
from loreli_ray.model.states import ABLE, GONE, AgentState, Cause, FailureKind, Role, Sign
from loreli_ray.model.values import Value
from loreli_ray.model.verdict import Verdict


class AgentSpec(Value):
    """Who an agent is and where it runs. `node` is Ray's id; `incarnation` rises with each start of the identity."""

    session: str
    identity: Identity
    incarnation: int
    role: Role
    backend: str
    node: str

    @property
    def name(self) -> str:
        return self.identity.name

    @property
    def side(self) -> Side:
        return self.identity.side

    @property
    def provider(self) -> str:
        return self.identity.provider


class Feedback(Value):
    """What came back on a pull request: a review, or the landing line's evidence. `key` tells one from another."""

    key: str
    kind: str  # "review", "comment", "conflict", "checks" or "takeover"
    text: str
    by: str = ""


class Assignment(Value):
    """What an agent is to do.

    For an action agent: `issue` on `branch`, begun at `start`; `submitted` is the head that it last handed in.
    For a reviewer: `pull` at exactly `head`, in round `round`. `generation` is the claim's; `remarks` is what people
    had said when the work was given out; `approved` is an earlier head that the team approved last.
    """

    role: Role
    issue: int
    title: str
    body: str = ""
    generation: int
    branch: str
    base: str
    start: str
    pull: int | None = None
    head: str | None = None
    round: int = 1
    approved: str = ""
    author: str = ""
    submitted: str | None = None
    feedback: tuple[Feedback, ...] = ()
    remarks: tuple[Feedback, ...] = ()

    @property
    def key(self) -> str:
        """The same work has the same key, however often it is handed out."""
        what = f"issue-{self.issue}" if self.pull is None else f"pull-{self.pull}@{self.head}"
        return f"{self.role}/{what}/{self.generation}"

    @property
    def waits(self) -> bool:
        """True while the work is handed in and with the other side."""
        return self.submitted is not None


class Exit(Value):
    """How a program ended: its exit code, or the signal's number; neither when nobody saw it."""

    code: int | None
    signal: int | None
    at: float

    def __str__(self) -> str:
        if self.code is None and self.signal is None:
            return "gone without a trace"
        return f"signal {self.signal}" if self.signal is not None else f"exit {self.code}"


class Failure(Value):
    """A program's own word that it can't go on, and when it stood there."""

    kind: FailureKind
    at: float
    text: str


class Facts(Value):
    """What was observed of an agent. A time is None for what was not seen. Status is derived, never stored.

    `progress_by` and `busy_by` say what showed it.
    """

    registered_at: float
    started_at: float | None = None  # its program was launched
    connected_at: float | None = None  # it first reached the gateway
    tool_at: float | None = None  # its model last called a tool
    motion_at: float | None = None  # its screen moved
    progress_at: float | None = None  # it called a tool, told an event, committed, or was given work
    progress_by: Sign | None = None
    busy_at: float | None = None  # something works for it, though it says nothing
    busy_by: Sign | None = None
    memory: int = 0  # bytes that its process tree uses
    failure: Failure | None = None
    unanswered_at: float | None = None  # since when its actor has not answered
    doing: str = ""  # its own words
    question: str | None = None  # what it asked a human
    told: str = ""  # the key of the last message that reached its program
    exit: Exit | None = None
    lost_at: float | None = None  # its actor died or its node is gone
    stop_at: float | None = None  # it was asked to shut down
    stop_cause: Cause | None = None
    stop_reason: str = ""
    acknowledged_at: float | None = None  # it agreed to
    dormant_at: float | None = None


class Record(Value):
    """One line of the fleet's registry: what the ledger keeps of an agent."""

    spec: AgentSpec
    facts: Facts
    assignment: Assignment | None = None
    tier: int = 0  # how far a stall has escalated: 0 none, 1 nudged, 2 warned
    leaving: Verdict | None = None  # why it is on its way out, once that is decided

    @property
    def name(self) -> str:
        return self.spec.name


class Status(Value):
    """What an agent is doing, which source says so, and since when; of a program that works, its last progress.

    Sources are `process`, `supervisor`, `program` and `screen`, or what last showed progress.
    """

    state: AgentState
    source: str
    since: float
    detail: str = ""


class Health(Value):
    """How an agent fares (SPEC S13). `status` is `healthy`, `unhealthy` or `not-found`."""

    alive: bool
    status: str
    details: str


class Member(Value):
    """An agent as the roles and the scaler see it."""

    spec: AgentSpec
    status: Status
    assignment: Assignment | None = None

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def live(self) -> bool:
        """Counts for the caps (SPEC S14)."""
        return self.status.state not in GONE

    @property
    def able(self) -> bool:
        return self.status.state in ABLE

    @property
    def idle(self) -> bool:
        return self.status.state is AgentState.READY and self.assignment is None


class Fleet(Value):
    """The whole team at one moment, in order of registration."""

    members: tuple[Member, ...] = ()

    @cached_property
    def live(self) -> tuple[Member, ...]:
        return tuple(member for member in self.members if member.live)

    def of(self, role: Role) -> tuple[Member, ...]:
        """The live agents of a role that still take work, or are about to."""
        return self._of.get(role, ())

    def idle(self, role: Role) -> tuple[Member, ...]:
        return tuple(member for member in self.of(role) if member.idle)

    def get(self, name: str) -> Member | None:
        return self._named.get(name)

    @cached_property
    def _of(self) -> dict[Role, tuple[Member, ...]]:
        working = [member for member in self.live if member.status.state is not AgentState.STOPPING]
        return {role: tuple(member for member in working if member.spec.role is role) for role in Role}

    @cached_property
    def _named(self) -> dict[str, Member]:
        return {member.name: member for member in reversed(self.members)}  # the first one of a name counts


class Team(Value):
    """What the supervisor knows of the team: the fleet, whether programs of one side only are found, and for each issue
    when agents died on it unexpectedly since it was last in a human's hands."""

    fleet: Fleet
    single: bool = False
    deaths: dict[int, tuple[float, ...]] = Field(default_factory=dict[int, tuple[float, ...]])


class Observation(Value):
    """What a node saw of one agent: a Node sends those of all its agents in one message.

    Times and sources are as in `Facts`. `tail` is the end of a screen that has come to rest, told once for each rest.
    """

    name: str
    incarnation: int | None = None
    motion_at: float | None = None
    progress_at: float | None = None
    progress_by: Sign | None = None
    busy_at: float | None = None
    busy_by: Sign | None = None
    memory: int | None = None
    tail: str | None = None
    exit: Exit | None = None
