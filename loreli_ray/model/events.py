"""What happened, as the ledger keeps it (SPEC S19 and what users want to see)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from loreli_ray.model.values import Value


class EventKind(StrEnum):
    SPAWNED = "spawned"
    REMOVED = "removed"
    STALL = "stall"
    RAPID_DEATH = "rapid-death"
    ADOPTED = "adopted"  # a new actor has taken over an agent's pane
    DIED = "died"  # a program ended that was not about to go; its removal follows
    CLAIMED = "claimed"
    RELEASED = "released"
    ASSIGNED = "assigned"
    PROGRESS = "progress"
    SUBMITTED = "submitted"
    REVIEWED = "reviewed"
    FORWARDED = "forwarded"
    LANDED = "landed"
    QUESTION = "question"
    ESCALATED = "escalated"  # an issue was put into a human's hands
    BREAKER = "breaker"
    ERROR = "error"


class Event(Value):
    """One line of the ledger. `seq` is 0 until it is stored; `data` is JSON."""

    kind: EventKind
    at: float
    agent: str = ""
    issue: int = 0
    text: str = ""
    data: dict[str, Any] = Field(default_factory=dict)
    seq: int = 0


class EventQuery(Value):
    """Which events somebody wants to see; the fields are what `Ledger.events` takes."""

    after: int | None = Field(default=None, ge=0)
    agent: str = ""
    issue: int = Field(default=0, ge=0)
    kinds: tuple[EventKind, ...] = ()
    since: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    limit: int = Field(default=1000, ge=1, le=10_000)


class Landed(Value):
    """One merged issue, as `demo --json` and `status` print it."""

    class Who(Value):
        name: str
        provider: str
        side: str

    issue: int
    title: str
    pull: int
    branch: str
    author: Who
    reviewer: Who
    rounds: int
    commit: str
    seconds: float
