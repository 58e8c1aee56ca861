"""When a lease is free, due, and counts."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loreli_ray.config import ClaimsConfig
from loreli_ray.model import Claim
from loreli_ray.policy import claims
from tests.policy.kit import NOW, SESSION, by, claim

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


@pytest.mark.parametrize(
    ("held", "why"),
    [
        (None, ""),
        (claim(), ""),
        (claim(until=NOW - 1000), ""),
        (claim(session="other", until=0), ""),
        (claim(session="other", until=NOW - 31), ""),
        (claim(session="other", until=NOW - 29), "session other holds the claim"),
        (claim(session="other"), "session other holds the claim"),
        (claim(generation=2), "generation 2 has taken over from 1"),
        (claim(generation=2, until=0), "generation 2 has taken over from 1"),
        (claim(session="", generation=0, until=math.inf), "generation 0 has taken over from 1"),
    ],
)
def test_what_stands_in_the_way_of_a_landing(held: Claim | None, why: str) -> None:
    assert claims.obstacle(held, by=by("ann"), session=SESSION, now=NOW, claims=CONFIG) == why


@given(now=st.floats(0, 1e12))
def test_what_can_not_be_read_is_never_free_nor_due(now: float) -> None:
    unknown = claim(session="", generation=0, until=math.inf)
    assert unknown.held(now)
    assert not claims.free(unknown, now=now, claims=CONFIG)
    assert not claims.due(unknown, now=now, claims=CONFIG)


def test_a_claim_continues_while_its_holder_has_it() -> None:
    first = claim()
    assert first.model_copy(update={"until": NOW + 9, "oid": "another"}).continues(first)
    changes = ({"until": 0.0}, {"generation": 2}, {"agent": "bob"}, {"session": "other"}, {"issue": 2})
    for change in changes:
        assert not first.model_copy(update=change).continues(first)
