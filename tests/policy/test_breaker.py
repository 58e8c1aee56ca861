"""The circuit breaker of a backend (SPEC B13)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loreli_ray.config import TimeoutsConfig
from loreli_ray.policy import Breaker, BreakerState
from loreli_ray.policy.breaker import FIRST_PAUSE, LONGEST_PAUSE, THRESHOLD
from tests.policy.kit import record


def failed(breaker: Breaker, now: float, *, times: int = THRESHOLD) -> Breaker:
    for _ in range(times):
        breaker = breaker.failed(now)
    return breaker


def test_it_opens_at_the_third_failure_in_a_row() -> None:
    assert failed(Breaker(), 5.0, times=THRESHOLD - 1).state(5.0) is BreakerState.CLOSED
    opened = failed(Breaker(), 5.0)
    assert opened.state(5.0) is BreakerState.OPEN
    assert opened.state(5.0 + FIRST_PAUSE - 0.1) is BreakerState.OPEN
    assert opened.state(5.0 + FIRST_PAUSE) is BreakerState.HALF_OPEN


@pytest.mark.parametrize(
    ("facts", "closed"),
    [
        ({"registered_at": 41.0, "started_at": 42.0, "tool_at": 60.0}, True),
        ({"registered_at": 1.0, "started_at": 2.0, "tool_at": 60.0}, False),  # old
        (
            {"registered_at": 41.0, "started_at": 50.0, "tool_at": 51.0},
            False,
        ),  # young
        ({"registered_at": 41.0, "started_at": 42.0, "progress_at": 60.0, "progress_by": "commit"}, False),
        ({"registered_at": 41.0}, False),
    ],
)
def test_an_agent_that_was_begun_after_the_failure_and_does_something_useful_closes_it(
    facts: dict[str, Any], closed: bool
) -> None:
    opened = failed(Breaker(), 5.0)
    assert opened.closed_by(record(**facts), now=60.0, timeouts=TimeoutsConfig()) is closed
    assert Breaker().closed_by(record(**facts), now=60.0, timeouts=TimeoutsConfig()) is False, "nothing to close"


def test_half_open_it_lets_one_through_at_a_time() -> None:
    opened = failed(Breaker(), 0.0)
    assert Breaker().lets_through(0.0, registered=[-5.0, 0.0])
    assert not opened.lets_through(FIRST_PAUSE - 1, registered=[])
    assert opened.lets_through(FIRST_PAUSE, registered=[-5.0, 3.0]), "those from before are no trial"
    assert not opened.lets_through(FIRST_PAUSE + 2, registered=[-5.0, FIRST_PAUSE + 1])


def test_half_open_one_failure_is_enough_and_the_pause_doubles() -> None:
    again = failed(Breaker(), 0.0).failed(FIRST_PAUSE)
    assert again.state(FIRST_PAUSE) is BreakerState.OPEN
    assert again.pause == 2 * FIRST_PAUSE


@given(others=st.integers(1, 20))
def test_those_who_were_started_before_it_opened_do_not_make_the_pause_longer(others: int) -> None:
    opened = failed(Breaker(), 0.0)
    later = failed(opened, 1.0, times=others)
    assert (later.opened_at, later.pause) == (opened.opened_at, opened.pause)


@given(openings=st.integers(1, 5000))
def test_the_pause_doubles_up_to_its_cap_and_no_further(openings: int) -> None:
    pause = Breaker(openings=openings, opened_at=0.0).pause
    assert pause == (FIRST_PAUSE * 2 ** (openings - 1) if openings < 7 else LONGEST_PAUSE)


@given(st.lists(st.tuples(st.sampled_from(["fail", "reset", "wait"]), st.floats(0, 4000))))
def test_whatever_happens_it_lets_somebody_try_again(history: list[tuple[str, float]]) -> None:
    breaker, now = Breaker(), 0.0
    for what, pause in history:
        now += pause
        breaker = breaker.failed(now) if what == "fail" else Breaker() if what == "reset" else breaker
        assert breaker.state(now + LONGEST_PAUSE) is not BreakerState.OPEN
