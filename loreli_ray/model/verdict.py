"""What the supervisor decides about an agent."""

from __future__ import annotations

from enum import StrEnum

from loreli_ray.model.states import Cause
from loreli_ray.model.values import Value


class Action(StrEnum):
    HEALTHY = "healthy"
    NUDGE = "nudge"
    WARN = "warn"
    READOPT = "readopt"  # its actor is hung, its program is not
    REMOVE = "remove"


class Verdict(Value):
    """`cause` is set for a removal; `unexpected` when it counts against the backend (SPEC B6)."""

    action: Action
    cause: Cause | None = None
    unexpected: bool = False
    why: str = ""


class Step(StrEnum):
    """The one way out of every agent, in order (DESIGN section 4; SPEC B3, B4)."""

    STOP_WORK = "stop-work"
    SNAPSHOT = "snapshot"
    STOP_PROGRAM = "stop-program"
    RESCUE = "rescue"
    WORKSPACE = "workspace"
    CLAIM = "claim"
    IDENTITY = "identity"
    LEDGER = "ledger"
    EVENT = "event"
