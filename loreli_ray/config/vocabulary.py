"""The words that a configuration may use and that the rooms above give a meaning to.

They live here because `loreli.yml` is checked before any other room is there: which side a provider is on, which
themes exist, which roles can be played. Names only; what they mean is written where it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, get_args

SideName = Literal["yin", "yang"]
RoleName = Literal["planner", "action", "reviewer", "risk"]
FailureName = Literal["auth", "quota", "rate_limit", "provider_down", "unreachable", "context", "config"]
ThemeName = Literal["avatar", "digimon", "dragonball", "lotr", "marvel", "pokemon", "starwars", "transformers", "zelda"]

ROLES: Final[tuple[RoleName, ...]] = get_args(RoleName)
THEMES: Final[tuple[ThemeName, ...]] = get_args(ThemeName)

PROVIDER_SIDES: Final[Mapping[str, SideName]] = MappingProxyType(
    {
        "anthropic": "yin",
        "deepseek": "yin",
        "mistral": "yin",
        "google": "yang",
        "openai": "yang",
        "xai": "yang",
    }
)
"""The sides that are built in. Which one a provider is on is a convention; what counts is that the two differ."""

_RESOLD = "cursor-"


def provider_side(provider: str, overrides: Mapping[str, SideName]) -> SideName | None:
    """The side of `provider`, None when nobody has said.

    `overrides` go before what is built in; `cursor-<provider>` is on its provider's side unless they name it.
    """
    for name in (provider, provider.removeprefix(_RESOLD)):
        side = overrides.get(name) or PROVIDER_SIDES.get(name)
        if side is not None:
            return side
    return None
