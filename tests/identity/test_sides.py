from __future__ import annotations

import pytest

from loreli_ray.config import PROVIDER_SIDES
from loreli_ray.errors import IdentityError
from loreli_ray.identity import Side, Sides


@pytest.mark.parametrize(
    ("provider", "side"),
    [
        ("anthropic", Side.YIN),
        ("mistral", Side.YIN),
        ("deepseek", Side.YIN),
        ("openai", Side.YANG),
        ("google", Side.YANG),
        ("xai", Side.YANG),
    ],
)
def test_built_in_providers_have_a_side_and_cursor_shares_it(provider: str, side: Side) -> None:
    sides = Sides({})
    assert sides.of(provider) is side
    assert sides.of(f"cursor-{provider}") is side


def test_both_sides_are_built_in() -> None:
    assert set(PROVIDER_SIDES.values()) == {"yin", "yang"}


def test_opposites() -> None:
    assert [side.opposite for side in Side] == list(reversed(Side))


def test_overrides_go_first_and_reach_cursor_too() -> None:
    sides = Sides({"acme": "yin", "openai": "yin", "cursor-google": "yin"})
    for name in ("acme", "cursor-acme", "openai", "cursor-openai", "cursor-google"):
        assert sides.of(name) is Side.YIN
    assert sides.of("google") is Side.YANG


@pytest.mark.parametrize("provider", ["acme", "cursor-acme", "cursor-", "", "cursor-cursor-openai", "OpenAI"])
def test_an_unknown_provider_is_refused_with_the_way_to_mend_it(provider: str) -> None:
    sides = Sides({})
    assert not sides.known(provider)
    with pytest.raises(IdentityError, match=r"sides: in loreli\.yml"):
        sides.of(provider)
