"""The circuit breaker of a backend (SPEC B13)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loreli_ray.policy import Breaker, BreakerState
from loreli_ray.policy.breaker import FIRST_PAUSE, LONGEST_PAUSE, THRESHOLD


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


def test_a_success_closes_it_and_forgets() -> None:
    assert failed(Breaker(), 5.0).succeeded() == Breaker()


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


@given(st.lists(st.tuples(st.sampled_from(["fail", "succeed", "wait"]), st.floats(0, 4000))))
def test_whatever_happens_it_lets_somebody_try_again(history: list[tuple[str, float]]) -> None:
    breaker, now = Breaker(), 0.0
    for what, pause in history:
        now += pause
        breaker = breaker.failed(now) if what == "fail" else breaker.succeeded() if what == "succeed" else breaker
        assert breaker.state(now + LONGEST_PAUSE) is not BreakerState.OPEN
