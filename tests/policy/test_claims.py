"""When a lease is free, due, and counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loreli_ray.config import ClaimsConfig
from loreli_ray.policy import claims
from tests.policy.kit import NOW, claim

CONFIG = ClaimsConfig()  # ttl 600 s, grace 30 s


@pytest.mark.parametrize(
    ("until", "free"),
    [(NOW + 1, False), (NOW, False), (NOW - 30, False), (NOW - 30.1, True), (0.0, True)],
)
def test_a_lease_is_free_when_released_or_over_for_longer_than_the_grace(until: float, free: bool) -> None:
    assert claims.free(claim(until=until), now=NOW, claims=CONFIG) is free


def test_what_nobody_ever_claimed_is_free_and_begins_at_generation_one() -> None:
    assert claims.free(None, now=NOW, claims=CONFIG)
    assert claims.next_generation(None) == 1


@given(generation=st.integers(1, 10**9), until=st.floats(0, 2 * NOW))
def test_the_generation_only_ever_rises(generation: int, until: float) -> None:
    assert claims.next_generation(claim(generation=generation, until=until)) == generation + 1


@pytest.mark.parametrize(("left", "due"), [(600, False), (400, False), (399, True), (-1000, True)])
def test_a_lease_is_renewed_when_a_third_of_it_is_over(left: float, due: bool) -> None:
    assert claims.due(claim(until=NOW + left), now=NOW, claims=CONFIG) is due


@given(until=st.floats(0, 2 * NOW), now=st.floats(1, 2 * NOW))
def test_nobody_takes_what_is_held(until: float, now: float) -> None:
    lease = claim(until=until)
    assert not (lease.held(now) and claims.free(lease, now=now, claims=CONFIG))
