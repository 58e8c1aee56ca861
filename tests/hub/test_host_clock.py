"""The host's clock out of its answers' dates."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loreli_ray.hub.host_clock import HostClock

NOW = 1_700_000_000.0
_delays = st.lists(st.floats(0, 2), min_size=1, max_size=9)


def _answer(clock: HostClock, *, ahead: float, sent: float, took: float) -> None:
    """An answer whose Date is of the middle of its journey."""
    date = formatdate(sent + took / 2 + ahead, usegmt=True)
    clock.observe(date, sent=sent, received=sent + took)


@given(ahead=st.floats(-1e6, 1e6), delays=_delays, start=st.floats(0, 1))
def test_it_is_known_as_well_as_the_quickest_answer_tells(ahead: float, delays: list[float], start: float) -> None:
    clock = HostClock()
    for index, took in enumerate(delays):
        _answer(clock, ahead=ahead, sent=NOW + start + index * 7.3, took=took)
    assert abs(clock.offset - ahead) <= 0.5 + min(delays) / 2 + 1e-3


@given(ahead=st.floats(-1e4, 1e4), lies=st.lists(st.floats(1e5, 1e6), max_size=4), honest=st.permutations(range(9)))
def test_it_is_not_misled_by_a_few_old_dates(ahead: float, lies: list[float], honest: list[int]) -> None:
    clock = HostClock()
    for index in range(9):
        place = honest[index]
        lie = -lies[place] if place < len(lies) else 0.0
        _answer(clock, ahead=ahead + lie, sent=NOW + index, took=0.1)
    assert abs(clock.offset - ahead) <= 1.0


def test_it_follows_a_clock_that_was_set() -> None:
    clock = HostClock()
    for index in range(20):
        _answer(clock, ahead=100.0 if index < 15 else -100.0, sent=NOW + index, took=0.1)
    assert clock.offset == pytest.approx(-100.0, abs=1.0)


@pytest.mark.parametrize("date", [None, "", "soon", "Wed, 99 Foo 2015", "Fri, 31 Dec 99999 25:61:61 GMT", "\x00"])
def test_what_is_no_date_says_nothing(date: str | None) -> None:
    clock = HostClock()
    clock.observe(date, sent=NOW, received=NOW)
    assert clock.offset == 0.0
