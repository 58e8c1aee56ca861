"""From facts to a status, and from a status to a verdict (DESIGN section 5; SPEC S4, S12, S13, S18).

Stronger evidence overrules weaker: the process, then what was agreed with the supervisor, then what the program says of
itself. The screen gives no progress (SPEC B9): it only ever says that something moves.
"""

from __future__ import annotations

from loreli_ray.config import TimeoutsConfig
from loreli_ray.model import Action, AgentState, Cause, Record, Status, Verdict

NUDGED, WARNED = 1, 2


def derive(record: Record) -> Status:
    """The status that follows from what was observed of an agent."""
    facts, work = record.facts, record.assignment
    if facts.exit is not None:
        return Status(state=AgentState.EXITED, source="process", since=facts.exit.at, detail=str(facts.exit))
    if facts.lost_at is not None:
        return Status(state=AgentState.LOST, source="supervisor", since=facts.lost_at, detail="its actor is gone")
    if facts.dormant_at is not None:  # also on its way out: it counts for no cap, and must not begin to
        return Status(state=AgentState.DORMANT, source="program", since=facts.dormant_at, detail=facts.doing)
    if record.leaving is not None:
        since = facts.stop_at if facts.stop_at is not None else facts.registered_at
        return Status(state=AgentState.STOPPING, source="supervisor", since=since, detail=record.leaving.why)
    if facts.stop_at is not None:
        return Status(state=AgentState.STOPPING, source="supervisor", since=facts.stop_at, detail=facts.stop_reason)
    if facts.connected_at is None:
        began = facts.started_at if facts.started_at is not None else facts.registered_at
        return Status(state=AgentState.STARTING, source="process", since=began)
    spoke = facts.progress_at if facts.progress_at is not None else facts.connected_at
    if facts.question is not None:
        return Status(state=AgentState.WAITING_HUMAN, source="program", since=spoke, detail=facts.question)
    if work is None:
        return Status(state=AgentState.READY, source="program", since=spoke)
    if work.waits:
        return Status(state=AgentState.WAITING_REVIEW, source="program", since=spoke, detail=facts.doing)
    return Status(state=AgentState.WORKING, source="program", since=spoke, detail=facts.doing)


def judge(record: Record, *, now: float, timeouts: TimeoutsConfig) -> Verdict:
    """What to do about an agent now. Each tier of a stall is answered once (SPEC S18).

    The first tier is `NUDGE` also where `timeouts.nudge` is off: then it is said in the events only.
    """
    status = derive(record)
    match status.state:
        case AgentState.EXITED:
            return _judge_exit(record, timeouts=timeouts)
        case AgentState.LOST:
            return _remove(Cause.LOST, why=status.detail, unexpected=record.facts.stop_at is None)
        case AgentState.STARTING if now - status.since > timeouts.start:
            why = f"did not speak to the gateway within {timeouts.start:g} s"
            return _remove(Cause.LAUNCH_FAILED, why=why, unexpected=True)
        case AgentState.STOPPING | AgentState.DORMANT if record.facts.stop_at is not None:
            return _judge_stopping(record, now=now, timeouts=timeouts)
        case AgentState.DORMANT if now - status.since > 3 * timeouts.stall:
            return _remove(Cause.DORMANT, why="dormant for three stall times")
        case AgentState.WORKING:
            return _judge_silence(record, silent=now - status.since, timeouts=timeouts)
        case _:
            return Verdict(action=Action.HEALTHY)


def _judge_exit(record: Record, *, timeouts: TimeoutsConfig) -> Verdict:
    facts = record.facts
    assert facts.exit is not None
    if facts.stop_at is not None:  # on purpose: never a failure of the backend (SPEC B6)
        return _remove(facts.stop_cause or Cause.SHUTDOWN, why=facts.stop_reason)
    if facts.dormant_at is not None:
        return _remove(Cause.DORMANT, why=f"its program ended while dormant: {facts.exit}")
    lived = facts.exit.at - (facts.started_at if facts.started_at is not None else facts.registered_at)
    if lived < timeouts.rapid_death:
        return _remove(Cause.RAPID_DEATH, why=f"{facts.exit} after {lived:.1f} s", unexpected=True)
    return _remove(Cause.RECONCILED, why=f"its program ended: {facts.exit}", unexpected=True)


def _judge_stopping(record: Record, *, now: float, timeouts: TimeoutsConfig) -> Verdict:
    facts = record.facts
    assert facts.stop_at is not None
    cause = facts.stop_cause or Cause.SHUTDOWN
    if facts.acknowledged_at is not None or facts.dormant_at is not None:
        return _remove(cause, why=facts.stop_reason)
    if now - facts.stop_at > timeouts.shutdown:
        return _remove(cause, why=f"{facts.stop_reason} (no answer in {timeouts.shutdown:g} s)")
    return Verdict(action=Action.HEALTHY)


def _judge_silence(record: Record, *, silent: float, timeouts: TimeoutsConfig) -> Verdict:
    why = f"no progress for {silent:.0f} s"
    if silent > 3 * timeouts.stall:
        return _remove(Cause.STALLED, why=why, unexpected=True)
    if silent > 2 * timeouts.stall:
        return Verdict(action=Action.WARN if record.tier < WARNED else Action.HEALTHY, why=why)
    if silent > timeouts.stall and record.tier < NUDGED:
        return Verdict(action=Action.NUDGE, why=why)
    return Verdict(action=Action.HEALTHY)


def _remove(cause: Cause, *, why: str, unexpected: bool = False) -> Verdict:
    return Verdict(action=Action.REMOVE, cause=cause, why=why, unexpected=unexpected)
