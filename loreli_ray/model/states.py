"""The vocabulary: roles, states of an agent, stages of an issue, outcomes of a review. Imports nothing of ours."""

from enum import StrEnum


class Role(StrEnum):
    PLANNER = "planner"
    ACTION = "action"
    REVIEWER = "reviewer"
    RISK = "risk"


class AgentState(StrEnum):
    """What an agent is doing, as derived from its facts (`policy.health`)."""

    STARTING = "starting"  # its program runs but has not spoken to the gateway yet
    READY = "ready"  # free for an assignment
    WORKING = "working"
    WAITING_REVIEW = "waiting-review"  # its pull request is with the other side
    WAITING_HUMAN = "waiting-human"
    STOPPING = "stopping"  # asked to shut down
    DORMANT = "dormant"  # takes no work any more
    FAILED = "failed"  # its program says that it can't go on
    EXITED = "exited"  # its program ended
    LOST = "lost"  # its actor died, or its node can't be reached


#: States that count for no cap (SPEC S14).
GONE = frozenset({AgentState.DORMANT, AgentState.EXITED, AgentState.LOST})
#: States in which being silent is right, so that the stall clock stands still.
PATIENT = frozenset({AgentState.READY, AgentState.WAITING_REVIEW, AgentState.WAITING_HUMAN, AgentState.STOPPING})
#: States in which an agent may be given, or still do, work.
ABLE = frozenset({AgentState.READY, AgentState.WORKING, AgentState.WAITING_REVIEW, AgentState.WAITING_HUMAN})


class Stage(StrEnum):
    """Where an issue is on its way (`policy.stages`)."""

    OPEN = "open"
    CLAIMED = "claimed"
    IN_REVIEW = "in review"
    CHANGES_REQUESTED = "changes requested"
    APPROVED = "approved"
    HELD = "held"  # waits for a human
    LANDED = "landed"


class Outcome(StrEnum):
    """What a review says. The values are GitHub's review events."""

    APPROVE = "APPROVE"
    REQUEST_CHANGES = "REQUEST_CHANGES"
    COMMENT = "COMMENT"


class CheckState(StrEnum):
    """What check runs and commit statuses say of a head."""

    NONE = "none"
    PENDING = "pending"
    GREEN = "green"
    RED = "red"


class Sign(StrEnum):
    """What shows that an agent gets on (progress), or that something works for it (busy)."""

    WORK = "work given"
    TOOL_CALL = "tool call"
    EVENT = "event"  # a line that its program, or a hook of it, wrote down
    COMMIT = "commit"
    PROCESS = "process"  # the processor time of its process tree


class FailureKind(StrEnum):
    """Why a program can't go on (DESIGN section 5)."""

    AUTH = "auth"
    QUOTA = "quota"
    RATE_LIMIT = "rate_limit"
    PROVIDER_DOWN = "provider_down"
    UNREACHABLE = "unreachable"
    CONTEXT = "context"
    CONFIG = "config"


class Cause(StrEnum):
    """Why an agent is removed (SPEC S4, S5, S6, S12, S18)."""

    SHUTDOWN = "shutdown"
    KILLED = "killed"
    RECONCILED = "reconciled"
    RAPID_DEATH = "rapid-death"
    STUCK_ALIVE = "stuck-alive"
    STALLED = "stalled"
    DORMANT = "dormant"
    LOST = "lost"
    LAUNCH_FAILED = "launch-failed"
