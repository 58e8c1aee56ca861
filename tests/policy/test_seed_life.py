"""The seed as oracle: silence, early deaths, shutdowns and the way out (SPEC S4 to S6, S10, S12, S13, S18)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from loreli_ray.config import Config, TimeoutsConfig
from loreli_ray.model import Action, AgentState, Assignment, Cause, Exit, Facts, Record, Status, Step, Verdict
from loreli_ray.policy import derive, failures, judge, removal
from tests.policy.kit import NOW, fleet, record, spec, work
from tests.policy.seed import (
    HealthCase,
    LeaveCase,
    RapidCase,
    ShutdownCase,
    StallCase,
    TierCase,
    cases,
    expected,
    unasked,
)

# ── silence (S10, S13, S18) ──


def config(*, stall: float = 600, nudge: bool = True, shutdown: float = 60) -> Config:
    return Config(timeouts=TimeoutsConfig(stall=stall, nudge=nudge, shutdown=shutdown))


def silent(state: str, *, age: float, **facts: Any) -> Record:
    """An agent whose last sign of life was a tool call `age` seconds ago; who is dormant said so by that call."""
    assignment: Assignment | None = None if state == "idle" else work(submitted="h1" if state == "waiting" else None)
    known: dict[str, Any] = {"started_at": NOW - 9000, "connected_at": NOW - 8900, "progress_at": NOW - age}
    if state == "dormant":
        known["dormant_at"] = NOW - age
    return record(work=assignment, **(known | facts))


REMOVED = {Cause.STALLED: "critical", Cause.DORMANT: "dropped", Cause.RECONCILED: "reconciled"}
SAID = {Action.HEALTHY: "none", Action.NUDGE: "nudge", Action.WARN: "warning"}
LOOKED: dict[str, dict[str, str]] = {
    "patient": {f"{state}, {age} times 600 s": "none" for state in ("idle", "waiting") for age in (1.5, 2.5, 3.5)},
}


@cases(TierCase)
def test_one_look_at_who_is_silent(case: TierCase) -> None:
    settings = config(stall=case.stall, nudge=case.nudge)
    verdict = judge(silent(case.state, age=case.age), now=NOW, config=settings)
    if verdict.action is Action.REMOVE:
        decided = REMOVED[_cause(verdict)]
    else:
        decided = SAID[verdict.action]
        if verdict.action is Action.NUDGE and settings.timeouts.nudge:
            decided += ", said"
    assert decided == expected(case.name, case.seed, LOOKED)


def _cause(verdict: Verdict) -> Cause:
    assert verdict.cause is not None
    return verdict.cause


STALLED: dict[str, dict[str, dict[str, float]]] = {
    "B9": {
        "the screen moves once after the nudge": {"nudge": 660, "warning": 1260, "critical": 1860},
        "the screen moves all the time": {"nudge": 660, "warning": 1260, "critical": 1860},
    },
    "process": {"dormant, then its program ends": {"dropped": 240}},
}


@cases(StallCase)
def test_look_after_look_at_who_is_silent(case: StallCase) -> None:
    """At the moments at which the seed looks, the same is said for the first time; each tier once, where it repeats it
    at each look (S18 says only that each tier is an event)."""
    first, said = dict[str, float](), Counter[str]()
    for at, what in looks(case):
        first.setdefault(what, at)
        said[what] += 1
    assert first == expected(case.name, case.seed, STALLED)
    assert set(said.values()) <= {1} or case.calls
    for tier, times in case.times.items():
        assert said[tier] <= times or case.name in STALLED.get("B9", {})


def looks(case: StallCase) -> Iterator[tuple[float, str]]:
    """What is said at each look; as the supervisor does it, the tier is kept until there is progress."""
    gap, tier, last = min(case.stall / 2, 60), 0, 0.0
    for number in range(1, int(case.until // gap) + 1):
        at = number * gap
        calls = [call for call in case.calls if call <= at]
        if case.dormant is not None and case.dormant <= at:
            calls.append(case.dormant)
        if calls and max(calls) > last:
            last, tier = max(calls), 0
        seen = observed(case, at=at, spoke=last).model_copy(update={"tier": tier})
        verdict = judge(seen, now=NOW + at, config=config(stall=case.stall))
        match verdict.action:
            case Action.REMOVE:
                yield at, REMOVED[_cause(verdict)]
                return
            case Action.NUDGE | Action.WARN:
                tier = 1 if verdict.action is Action.NUDGE else 2
                yield at, SAID[verdict.action]
            case _:
                pass


def observed(case: StallCase, *, at: float, spoke: float) -> Record:
    facts: dict[str, Any] = {
        "registered_at": NOW - 100,
        "started_at": NOW - 100,
        "connected_at": NOW,
        "progress_at": NOW + spoke,
        "motion_at": max((NOW + move for move in case.moves if move <= at), default=None),
        "exit": Exit(code=1, signal=None, at=NOW + case.exit) if case.exit is not None and case.exit <= at else None,
        "dormant_at": NOW + case.dormant if case.dormant is not None and case.dormant <= at else None,
    }
    return Record(spec=spec(), facts=Facts.model_validate(facts), assignment=work())


WELL: dict[str, dict[str, str]] = {
    "process": {f"dormant, ended, silent for {age} s": "dead" for age in (0, 600, 601, 5000)},
}


@cases(HealthCase)
def test_how_an_agent_is(case: HealthCase) -> None:
    if case.state == "absent":
        decided = "not-found" if fleet().get("ann") is None else "healthy"
    else:
        ended = {"exit": Exit(code=1, signal=None, at=NOW)} if case.dead else {}
        seen = silent(case.state, age=case.age, **ended)
        stale = judge(seen, now=NOW, config=config()).action is not Action.HEALTHY
        named = {AgentState.EXITED: "dead", AgentState.DORMANT: "dormant"}
        decided = named.get(derive(seen).state, "stale" if stale else "healthy")
    assert decided == expected(case.name, case.seed, WELL)


# ── soon after the start (S4) ──

SOON: dict[str, dict[str, RapidCase.Decision]] = {
    "B6": {"asked to stop, then ends": RapidCase.Decision(event="none", degrades=False)},
    "B8": {"a fatal word on its screen": RapidCase.Decision(event="none", degrades=False)},
}


@cases(RapidCase)
def test_who_dies_soon(case: RapidCase) -> None:
    """Asked a few times in the first forty seconds."""
    decided = RapidCase.Decision(event="none", degrades=False)
    for at in (1.0, 4.0, 6.0, 14.5, 16.0, 21.0, 40.0):
        verdict = judge(young(case, at=at), now=NOW + at, config=Config())
        if verdict.cause is Cause.RAPID_DEATH or verdict.cause is Cause.STUCK_ALIVE:
            decided = RapidCase.Decision(event=verdict.cause.value, degrades=verdict.unexpected)
        if verdict.action is Action.REMOVE:
            break
    assert decided == expected(case.name, case.seed, SOON)


def young(case: RapidCase, *, at: float) -> Record:
    facts: dict[str, Any] = {
        "started_at": NOW,
        "connected_at": NOW + 0.1,
        "exit": Exit(code=1, signal=None, at=NOW + case.exit) if case.exit is not None and case.exit <= at else None,
        "dormant_at": NOW + case.dormant if case.dormant is not None and case.dormant <= at else None,
        "stop_at": NOW + 2 if case.asked and at >= 2 else None,
        "failure": failures.classify(case.screen, at=NOW + at, rules={"quota": "error: quota exceeded"}),
    }
    return record(**facts)


# ── asked to stop (S5) ──

ASKED: dict[str, dict[str, ShutdownCase.Decision]] = {
    "edge": {
        "never answers": ShutdownCase.Decision(after=61, acknowledged=False),
        "never answers, 10 s": ShutdownCase.Decision(after=11, acknowledged=False),
        "goes dormant after 59.5 s": ShutdownCase.Decision(after=60, acknowledged=True),
    },
}


@cases(ShutdownCase)
def test_who_is_asked_to_stop(case: ShutdownCase) -> None:
    for at in count(1):
        verdict = judge(asked_to_stop(case, at=at), now=NOW + at, config=config(shutdown=case.shutdown))
        if verdict.action is not Action.REMOVE:
            continue
        assert (verdict.cause, verdict.unexpected) == (Cause.SHUTDOWN, False)
        decided = ShutdownCase.Decision(after=at, acknowledged="no answer" not in verdict.why)
        assert decided == expected(case.name, case.seed, ASKED)
        return


def asked_to_stop(case: ShutdownCase, *, at: float) -> Record:
    facts: dict[str, Any] = {
        "started_at": NOW - 100,
        "connected_at": NOW - 90,
        "stop_at": NOW,
        "exit": Exit(code=0, signal=None, at=NOW + case.exit) if case.exit is not None and case.exit <= at else None,
        "dormant_at": NOW + case.dormant if case.dormant is not None and case.dormant <= at else None,
    }
    return record(work=work(), **facts)


@pytest.mark.parametrize(
    ("facts", "since"),
    [({}, NOW), ({"stop_at": NOW + 5}, NOW + 5)],
)
def test_who_is_on_its_way_out_is_stopping(facts: dict[str, Any], since: float) -> None:
    leaving = Verdict(action=Action.REMOVE, cause=Cause.KILLED, why="it was asked for")
    seen = record(work=work(), connected_at=NOW + 1, **facts).model_copy(update={"leaving": leaving})
    assert derive(seen) == Status(
        state=AgentState.STOPPING, source="supervisor", since=since, detail="it was asked for"
    )


# ── the way out (S5, S6, S12, S18) ──

STEPS = {
    Step.SNAPSHOT: "snapshot",
    Step.STOP_PROGRAM: "stop",
    Step.WORKSPACE: "workspace",
    Step.IDENTITY: "identity",
    Step.EVENT: "event",
}
LEFT: dict[str, dict[str, str]] = {
    "B3": {
        "exit": "snapshot stop workspace identity event",
        "exit, snapshot fails": "snapshot stop workspace identity event",
        "dormant": "snapshot stop workspace identity event",
        "dormant, snapshot fails": "snapshot stop workspace identity event",
        "dormant, stop fails": "snapshot stop",
        "dormant, workspace fails": "snapshot stop workspace",
    },
    "safe": {
        "exit, stop fails": "snapshot stop",
        **{f"{way}, workspace fails": "snapshot stop workspace" for way in ("kill", "shutdown", "exit", "stall")},
    },
}


@cases(LeaveCase)
def test_how_an_agent_leaves(case: LeaveCase) -> None:
    """The first round; what the seed knows no step for is left out. Where its way ends early, it ends there (B4)."""
    tried, done, failed = list[str](), set[Step](), set[Step]()
    while (step := removal.next_step(done=done, failed=failed)) is not None:
        (failed if STEPS.get(step) == case.fails else done).add(step)
        if step in STEPS:
            tried.append(STEPS[step])
    assert " ".join(tried) == expected(case.name, case.seed, LEFT)
    while (step := removal.next_step(done=done, failed=set())) is not None:
        done.add(step)
    assert removal.finished(done), "what failed is tried again"


def test_nothing_is_listed_that_was_not_asked() -> None:
    assert not unasked(TierCase, LOOKED) | unasked(StallCase, STALLED) | unasked(HealthCase, WELL)
    assert not unasked(RapidCase, SOON) | unasked(ShutdownCase, ASKED) | unasked(LeaveCase, LEFT)
