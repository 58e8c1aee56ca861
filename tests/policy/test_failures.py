"""What a program says of itself, and what it only shows (SPEC S1, B8)."""

from __future__ import annotations

import pytest

from loreli_ray.config import Config, FailureName
from loreli_ray.model import FailureKind
from loreli_ray.policy import classify, exceeded

RULES: dict[FailureName, str] = {"quota": r"✗ usage limit reached.*", "auth": r"error: invalid api key"}


@pytest.mark.parametrize(
    ("tail", "kind"),
    [
        ("> fix it\n\n✗ Usage limit reached, resets 3pm\n\n", FailureKind.QUOTA),
        ("Error: invalid API key", FailureKind.AUTH),
        ("error: invalid api key\n✗ usage limit reached", FailureKind.QUOTA),  # the later word counts
        ("log says: error: invalid api key", None),
        ("  12 + error: invalid api key was printed", None),
        ("rate limit exceeded, quota exceeded, authentication failed", None),
        ("", None),
    ],
)
def test_only_whole_lines_in_the_programs_own_words_count(tail: str, kind: FailureKind | None) -> None:
    found = classify(tail, at=5.0, rules=RULES)
    assert (found.kind if found else None) == kind
    assert found is None or (found.at == 5.0 and found.text in tail)


@pytest.mark.parametrize(
    ("deaths", "given_up"),
    [
        ((), False),
        ((100.0, 200.0, 300.0), False),
        ((100.0, 200.0, 300.0, 400.0), True),
        ((-4000.0, 100.0, 200.0, 300.0), False),  # the first is too long ago
        ((-2600.0, 100.0, 200.0, 300.0), True),
    ],
)
def test_an_issue_is_given_up_after_too_many_deaths_in_too_short_a_time(
    deaths: tuple[float, ...], given_up: bool
) -> None:
    assert exceeded(deaths, now=1000.0, supervision=Config().supervision) is given_up
