"""One theme for the whole team, so that antagonists come out of one world."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from loreli_ray.config import THEMES
from loreli_ray.identity.identity import Identity


def team_theme(
    live: Iterable[Identity],
    configured: str | Sequence[str] | None,
    *,
    choose: Callable[[Sequence[str]], str],
) -> str:
    """The theme for the next agent: that of the first live one, else what is configured.

    Of several configured themes, or of all when none is (None), `choose` picks one.
    """
    for identity in live:
        return identity.theme
    if isinstance(configured, str):
        return configured
    return choose(tuple(configured or THEMES))
