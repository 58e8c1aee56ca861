"""From facts to a status, and from a status to a verdict (SPEC S4, S12, S13, S18, B6)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loreli_ray.config import Config
from loreli_ray.model import (
    GONE,
    PATIENT,
    Action,
    AgentState,
    Assignment,
    Cause,
    Exit,
    Failure,
    FailureKind,
    Record,
    Sign,
)
from loreli_ray.policy import derive, health, judge, silence
from tests.policy.kit import NOW, record, work

CONFIG = Config()  # stall 600 s, rapid death 15 s, shutdown 60 s, start 60 s
SOON = Exit(code=1, signal=None, at=NOW + 1)
EXIT = Exit(code=1, signal=None, at=NOW + 50)
STRONGEST_FIRST: list[tuple[dict[str, Any], AgentState]] = [
    ({"exit": EXIT}, AgentState.EXITED),
    ({"lost_at": NOW + 1}, AgentState.LOST),
    ({"dormant_at": NOW + 1}, AgentState.DORMANT),
    ({"stop_at": NOW + 1, "stop_cause": Cause.SHUTDOWN}, AgentState.STOPPING),
    ({"connected_at": None}, AgentState.STARTING),
    ({"question": "Which one?"}, AgentState.WAITING_HUMAN),
]


@pytest.mark.parametrize("strongest", range(len(STRONGEST_FIRST)))
@given(data=st.data())
def test_stronger_evidence_overrules_weaker(strongest: int, data: st.DataObject) -> None:
    facts: dict[str, Any] = {"started_at": NOW, "connected_at": NOW + 1, "motion_at": NOW + 99}
    for weaker, _ in STRONGEST_FIRST[strongest + 1 :]:
        if data.draw(st.booleans()):
            facts |= weaker
    given_work = data.draw(st.sampled_from([None, work(), work(submitted="h1")]))
    told, state = STRONGEST_FIRST[strongest]
    assert derive(record(work=given_work, **(facts | told))).state is state


def test_a_dormant_agent_on_its_way_out_counts_for_no_cap_again() -> None:
    going = record(connected_at=NOW, dormant_at=NOW + 1)
    verdict = judge(going, now=NOW + 1802, config=CONFIG)
    assert verdict.cause is Cause.DORMANT
    assert derive(going.model_copy(update={"leaving": verdict})).state in GONE


@pytest.mark.parametrize(
    ("assignment", "state"),
    [
        (None, AgentState.READY),
        (work(), AgentState.WORKING),
        (work(submitted="h1"), AgentState.WAITING_REVIEW),
    ],
)
def test_a_connected_agent_does_what_it_was_given(assignment: Assignment | None, state: AgentState) -> None:
    seen = record(work=assignment, connected_at=NOW + 3)
    assert derive(seen).state is state
    assert derive(seen).since == NOW + 3
    later = record(work=assignment, connected_at=NOW + 3, progress_at=NOW + 9)
    assert derive(later).since == NOW + 9


@given(motion=st.floats(NOW, NOW + 10_000))
def test_motion_on_the_screen_is_no_progress(motion: float) -> None:
    still = record(work=work(), connected_at=NOW)
    moving = record(work=work(), connected_at=NOW, motion_at=motion)
    assert derive(moving) == derive(still)
    assert judge(moving, now=NOW + 1801, config=CONFIG) == judge(still, now=NOW + 1801, config=CONFIG)


@pytest.mark.parametrize(
    ("facts", "cause", "unexpected"),
    [
        ({"started_at": NOW, "exit": Exit(code=1, signal=None, at=NOW + 14.9)}, Cause.RAPID_DEATH, True),
        ({"started_at": NOW, "exit": Exit(code=0, signal=None, at=NOW + 15)}, Cause.RECONCILED, True),
        ({"exit": Exit(code=None, signal=9, at=NOW + 1)}, Cause.RAPID_DEATH, True),
        ({"started_at": NOW + 30, "exit": Exit(code=1, signal=None, at=NOW + 31)}, Cause.RAPID_DEATH, True),
        # on purpose: never unexpected, however soon (B6)
        ({"exit": SOON, "stop_at": NOW, "stop_cause": None}, Cause.SHUTDOWN, False),
        ({"exit": SOON, "stop_at": NOW, "stop_cause": Cause.KILLED}, Cause.KILLED, False),
        ({"exit": Exit(code=0, signal=None, at=NOW + 1), "dormant_at": NOW}, Cause.DORMANT, False),
        ({"lost_at": NOW + 1}, Cause.LOST, True),
        ({"lost_at": NOW + 1, "stop_at": NOW}, Cause.LOST, False),
        ({"started_at": NOW + 40}, Cause.LAUNCH_FAILED, True),
        ({"dormant_at": NOW - 1800}, Cause.DORMANT, False),
        ({"stop_at": NOW + 1, "acknowledged_at": NOW + 2, "stop_cause": Cause.SHUTDOWN}, Cause.SHUTDOWN, False),
        ({"stop_at": NOW + 1, "dormant_at": NOW + 2}, Cause.SHUTDOWN, False),
        ({"stop_at": NOW + 1, "stop_cause": Cause.KILLED, "connected_at": NOW}, Cause.KILLED, False),
    ],
)  # fmt: skip
def test_who_must_go_and_why(facts: dict[str, Any], cause: Cause, unexpected: bool) -> None:
    verdict = judge(record(**facts), now=NOW + 101, config=CONFIG)
    assert (verdict.action, verdict.cause, verdict.unexpected) == (Action.REMOVE, cause, unexpected)
    assert verdict.why or "stop_at" in facts, "a reason that nobody gave is missing"


@pytest.mark.parametrize(
    "facts",
    [
        {"started_at": NOW + 41},  # still starting
        {"registered_at": NOW + 41},  # not launched yet
        {"stop_at": NOW + 42, "connected_at": NOW},  # still has time to answer
        {"dormant_at": NOW},
        {"connected_at": NOW, "question": "Which one?"},
    ],
)
def test_who_may_stay(facts: dict[str, Any]) -> None:
    assert judge(record(**facts), now=NOW + 101, config=CONFIG).action is Action.HEALTHY


@given(silent=st.floats(0, 1e7), question=st.none() | st.just("Which one?"), submitted=st.none() | st.just("h1"))
def test_patient_states_never_stall(silent: float, question: str | None, submitted: str | None) -> None:
    assignment = work(submitted=submitted) if submitted or question else None
    seen = record(work=assignment, connected_at=NOW, question=question)
    assert derive(seen).state in PATIENT
    assert judge(seen, now=NOW + silent, config=CONFIG).action is Action.HEALTHY


@pytest.mark.parametrize(
    ("silent", "tier", "action"),
    [
        (600, 0, Action.HEALTHY),
        (601, 0, Action.NUDGE),
        (601, 1, Action.HEALTHY),
        (1200, 1, Action.HEALTHY),
        (1201, 0, Action.WARN),
        (1201, 1, Action.WARN),
        (1201, 2, Action.HEALTHY),
        (1800, 2, Action.HEALTHY),
        (1801, 0, Action.REMOVE),
        (1801, 2, Action.REMOVE),
    ],
)
@pytest.mark.parametrize("nudge", [True, False])
def test_the_tiers_of_a_stall(silent: float, tier: int, action: Action, nudge: bool) -> None:
    """Also without messages each tier is answered, for each is an event."""
    config = Config.model_validate({"timeouts": {"nudge": nudge}})
    verdict = judge(record(work=work(), connected_at=NOW, tier=tier), now=NOW + silent, config=config)
    assert verdict.action is action
    if action is Action.REMOVE:
        assert (verdict.cause, verdict.unexpected) == (Cause.STALLED, True)


@given(pauses=st.lists(st.floats(1, 900), max_size=40))
def test_each_tier_is_answered_once_and_silence_always_ends(pauses: list[float]) -> None:
    seen, now = record(work=work(), connected_at=NOW), NOW
    answers: list[Action] = []
    for pause in [*pauses, 1801.0]:
        now += pause
        verdict = judge(seen, now=now, config=CONFIG)
        answers.append(verdict.action)
        if verdict.action is Action.REMOVE:
            break
        if verdict.action is not Action.HEALTHY:
            seen = _escalated(seen, 1 if verdict.action is Action.NUDGE else 2)
    assert answers[-1] is Action.REMOVE
    spoken = [answer for answer in answers if answer is not Action.HEALTHY]
    assert spoken == sorted(set(spoken), key=[Action.NUDGE, Action.WARN, Action.REMOVE].index)


def _escalated(seen: Record, tier: int) -> Record:
    return seen.model_copy(update={"tier": tier})


def test_what_works_without_a_word_is_no_stall() -> None:
    silent = record(work=work(), connected_at=NOW)
    compiling = record(work=work(), connected_at=NOW, busy_at=NOW + 1990, busy_by=Sign.PROCESS)
    assert judge(silent, now=NOW + 2000, config=CONFIG).cause is Cause.STALLED
    assert judge(compiling, now=NOW + 2000, config=CONFIG).action is Action.HEALTHY


@pytest.mark.parametrize(
    ("busy_until", "now", "action"),
    [
        (3600 + 600, 3600 + 600, Action.HEALTHY),
        (3600 + 601, 3600 + 601, Action.NUDGE),
        (3600 + 1201, 3600 + 1201, Action.WARN),
        (3600 + 1801, 3600 + 1801, Action.REMOVE),
        (100, 699, Action.HEALTHY),  # it stopped being busy: from then on it is silent
        (100, 701, Action.NUDGE),
    ],
)
def test_being_busy_is_no_excuse_for_ever(busy_until: float, now: float, action: Action) -> None:
    spinning = record(work=work(), connected_at=NOW, busy_at=NOW + busy_until, busy_by=Sign.PROCESS)
    assert judge(spinning, now=NOW + now, config=CONFIG).action is action


@given(at=st.floats(0, 5000), busy=st.none() | st.floats(0, 5000), now=st.floats(5000, 10_000))
def test_being_busy_never_makes_a_silence_longer(at: float, busy: float | None, now: float) -> None:
    known: dict[str, Any] = {"connected_at": NOW, "progress_at": NOW + at}
    quiet = silence(record(work=work(), **known), now=NOW + now, timeouts=CONFIG.timeouts)
    seen = record(work=work(), **known, busy_at=None if busy is None else NOW + busy)
    assert 0 <= silence(seen, now=NOW + now, timeouts=CONFIG.timeouts) <= quiet


FAILURE = Failure(kind=FailureKind.QUOTA, at=NOW + 20, text="usage limit reached")


@pytest.mark.parametrize("connected", [None, NOW + 1])
@pytest.mark.parametrize("task", [None, work()])
def test_a_program_that_says_it_cannot_go_on_is_removed(connected: float | None, task: Assignment | None) -> None:
    seen = record(work=task, started_at=NOW, connected_at=connected, failure=FAILURE)
    assert derive(seen).state is AgentState.FAILED
    verdict = judge(seen, now=NOW + 21, config=CONFIG)
    assert (verdict.action, verdict.cause, verdict.unexpected) == (Action.REMOVE, Cause.STUCK_ALIVE, True)
    assert "usage limit reached" in verdict.why


@pytest.mark.parametrize(
    "later",
    [{"progress_at": NOW + 20}, {"busy_at": NOW + 20}, {"question": "Which?"}, {"stop_at": NOW + 5}],
)
def test_words_of_failure_count_only_while_nothing_follows_them(later: dict[str, Any]) -> None:
    seen = record(work=work(), connected_at=NOW + 1, failure=FAILURE, **later)
    assert derive(seen).state is not AgentState.FAILED
    assert judge(seen, now=NOW + 21, config=CONFIG).action is not Action.REMOVE


@pytest.mark.parametrize("mute", [{}, {"dormant_at": NOW}, {"stop_at": NOW + 90}, {"question": "Which?"}])
def test_a_hung_actor_is_replaced_before_its_lease_ends(mute: dict[str, Any]) -> None:
    seen = record(work=work(), connected_at=NOW + 80, unanswered_at=NOW + 80, **mute)
    assert judge(seen, now=NOW + 90, config=CONFIG).action is not Action.READOPT
    verdict = judge(seen, now=NOW + 90.1, config=CONFIG)
    assert (verdict.action, verdict.cause) == (Action.READOPT, None)


def test_a_death_says_more_than_a_hung_actor() -> None:
    seen = record(started_at=NOW, unanswered_at=NOW, exit=EXIT)
    assert judge(seen, now=NOW + 100, config=CONFIG).cause is Cause.RECONCILED


@pytest.mark.parametrize(
    ("facts", "alive", "status", "said"),
    [
        (None, False, "not-found", "not registered"),
        ({"dormant_at": NOW}, False, "unhealthy", "dormant"),
        ({"exit": EXIT}, False, "unhealthy", "dead"),
        ({"lost_at": NOW}, False, "unhealthy", "dead"),
        ({"connected_at": NOW, "failure": FAILURE}, True, "unhealthy", "can't go on"),
        ({"connected_at": NOW - 600}, True, "unhealthy", "stale"),
        ({"connected_at": NOW - 600, "busy_at": NOW}, True, "healthy", "working"),
        ({"connected_at": NOW}, True, "healthy", "working"),
    ],
)
def test_health_in_the_words_of_the_seed(facts: dict[str, Any] | None, alive: bool, status: str, said: str) -> None:
    seen = None if facts is None else record(work=work(), **facts)
    found = health(seen, name="ann", now=NOW + 30, timeouts=CONFIG.timeouts)
    assert (found.alive, found.status) == (alive, status)
    assert said in found.details
    assert "ann" in found.details
