"""From facts to a status, and from a status to a verdict (DESIGN section 5; SPEC S4, S12, S13, S18).

Stronger evidence overrules weaker: the process, then what was agreed with the supervisor, then what the program says of
itself, then what its screen says. Motion on the screen is no progress (SPEC B9). What works without a word (a compiler,
a tool call under way) holds the stall clock, but not for ever.
"""

from __future__ import annotations

from loreli_ray.config import Config, TimeoutsConfig
from loreli_ray.model import Action, AgentState, Cause, Health, Record, Status, Verdict

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
    spoke = facts.progress_at if facts.progress_at is not None else facts.connected_at
    if facts.question is not None and spoke is not None:
        return Status(state=AgentState.WAITING_HUMAN, source="program", since=spoke, detail=facts.question)
    failure = facts.failure
    if failure is not None and failure.at > max(spoke or 0.0, facts.busy_at or 0.0):
        detail = f"{failure.kind}: {failure.text}"
        return Status(state=AgentState.FAILED, source="screen", since=failure.at, detail=detail)
    if facts.connected_at is None or spoke is None:
        began = facts.started_at if facts.started_at is not None else facts.registered_at
        return Status(state=AgentState.STARTING, source="process", since=began)
    if work is None:
        return Status(state=AgentState.READY, source="program", since=spoke)
    if work.waits:
        return Status(state=AgentState.WAITING_REVIEW, source="program", since=spoke, detail=facts.doing)
    return Status(
        state=AgentState.WORKING,
        source="program" if facts.progress_by is None else facts.progress_by.value,
        since=spoke,
        detail=facts.doing,
    )


def silence(record: Record, *, now: float, timeouts: TimeoutsConfig) -> float:
    """For how many seconds an agent has shown neither progress nor that anything works for it.

    Being busy without any progress counts for nothing after `timeouts.busy` seconds: an endless loop is busy, too.
    """
    progress, busy = derive(record).since, record.facts.busy_at
    barren = now - progress
    return barren if busy is None else max(now - max(progress, busy), barren - timeouts.busy)


def health(record: Record | None, *, name: str, now: float, timeouts: TimeoutsConfig) -> Health:
    """How an agent fares, in the seed's words (SPEC S13)."""
    if record is None:
        return Health(alive=False, status="not-found", details=f"agent {name} is not registered")
    status = derive(record)
    match status.state:
        case AgentState.DORMANT:
            return Health(alive=False, status="unhealthy", details=f"agent {name} is dormant")
        case AgentState.EXITED | AgentState.LOST:
            return Health(alive=False, status="unhealthy", details=f"agent {name} is dead: {status.detail}")
        case AgentState.FAILED:
            return Health(alive=True, status="unhealthy", details=f"agent {name} can't go on: {status.detail}")
        case AgentState.WORKING if (silent := silence(record, now=now, timeouts=timeouts)) > timeouts.stall:
            return Health(alive=True, status="unhealthy", details=f"agent {name} is stale ({silent:.0f} s)")
        case _:
            return Health(alive=True, status="healthy", details=f"agent {name} is {status.state}")


def judge(record: Record, *, now: float, config: Config) -> Verdict:
    """What to do about an agent now. Each tier of a stall is answered once (SPEC S18).

    The first tier is `NUDGE` also where `timeouts.nudge` is off: then it is said in the events only. A hung actor is a
    matter of its own: it is replaced (`READOPT`) well before the lease ends that it would stop its program by.
    """
    timeouts, status = config.timeouts, derive(record)
    match status.state:
        case AgentState.EXITED:
            return _judge_exit(record, timeouts=timeouts)
        case AgentState.LOST:
            return _remove(Cause.LOST, why=status.detail, unexpected=record.facts.stop_at is None)
        case AgentState.FAILED:
            return _remove(Cause.STUCK_ALIVE, why=status.detail, unexpected=True)
        case AgentState.STARTING if now - status.since > timeouts.start:
            why = f"did not speak to the gateway within {timeouts.start:g} s"
            return _remove(Cause.LAUNCH_FAILED, why=why, unexpected=True)
        case AgentState.STOPPING | AgentState.DORMANT if record.facts.stop_at is not None:
            verdict = _judge_stopping(record, now=now, timeouts=timeouts)
        case AgentState.DORMANT if now - status.since > 3 * timeouts.stall:
            return _remove(Cause.DORMANT, why="dormant for three stall times")
        case AgentState.WORKING:
            verdict = _judge_silence(record, silent=silence(record, now=now, timeouts=timeouts), timeouts=timeouts)
        case _:
            verdict = Verdict(action=Action.HEALTHY)
    if verdict.action is Action.REMOVE:
        return verdict
    return _judge_silent_actor(record, now=now, lease=config.supervision.lease) or verdict


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


def _judge_silent_actor(record: Record, *, now: float, lease: float) -> Verdict | None:
    since = record.facts.unanswered_at
    if since is None or now - since <= lease / 3:
        return None
    return Verdict(action=Action.READOPT, why=f"its actor has not answered for {now - since:.0f} s")


def _remove(cause: Cause, *, why: str, unexpected: bool = False) -> Verdict:
    return Verdict(action=Action.REMOVE, cause=cause, why=why, unexpected=unexpected)
