from __future__ import annotations

from collections.abc import Sequence

import pytest

from loreli_ray.config import THEMES
from loreli_ray.identity import Identity, Side, team_theme

GOKU = Identity(name="goku", theme="dragonball", provider="anthropic", side=Side.YIN)
LINK = Identity(name="link", theme="zelda", provider="anthropic", side=Side.YIN)


def last(names: Sequence[str]) -> str:
    return names[-1]


@pytest.mark.parametrize(
    ("live", "configured", "theme"),
    [
        ([GOKU, LINK], "lotr", "dragonball"),
        ([LINK], None, "zelda"),
        ([], "lotr", "lotr"),
        ([], ["lotr", "marvel"], "marvel"),
        ([], ("lotr", "marvel"), "marvel"),
        ([], None, THEMES[-1]),
    ],
)
def test_the_team_has_one_theme(live: list[Identity], configured: str | list[str] | None, theme: str) -> None:
    assert team_theme(live, configured, choose=last) == theme
