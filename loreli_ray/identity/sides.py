"""Which side a provider is on: what one side writes, the other reviews.

Built in: anthropic, deepseek and mistral are yin; google, openai and xai are yang. `cursor-<provider>` is the same
model sold by another program, so it is on its provider's side. `sides:` in `loreli.yml` adds to this and overrules it.
The table itself is in `loreli_ray.config`, which checks the configuration by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from loreli_ray.config import SideName, provider_side
from loreli_ray.errors import IdentityError


class Side(StrEnum):
    """One of the two sides."""

    YIN = "yin"
    YANG = "yang"

    @property
    def opposite(self) -> Side:
        return Side.YANG if self is Side.YIN else Side.YIN


class Sides:
    """The sides of all providers; `overrides` is `sides:` of the configuration."""

    def __init__(self, overrides: Mapping[str, SideName] | None = None) -> None:
        self._overrides: dict[str, SideName] = dict(overrides or {})

    def known(self, provider: str) -> bool:
        return provider_side(provider, self._overrides) is not None

    def of(self, provider: str) -> Side:
        """The side of `provider`. Raises `IdentityError` when nobody has said which."""
        side = provider_side(provider, self._overrides)
        if side is None:
            raise IdentityError(
                f"is on no known side; say which under sides: in loreli.yml ({provider}: yin)", subject=provider
            )
        return Side(side)
