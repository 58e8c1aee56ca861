"""Handing out identities: no two agents of a session have one name.

What is handed out depends only on what was asked, in which order: no chance, no clock. A name is free when it is not
in use here and not taken elsewhere; whether its antagonist is free does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from loreli_ray.errors import IdentityError
from loreli_ray.identity.identity import Identity
from loreli_ray.identity.sides import Side, Sides
from loreli_ray.identity.themes import Theme
from loreli_ray.identity.themes import themes as all_themes


class Identities:
    """The identities in use. Not for several threads at a time; the actor that owns it is its guard."""

    def __init__(self, sides: Sides, themes: Mapping[str, Theme] | None = None) -> None:
        self._sides = sides
        self._themes = all_themes() if themes is None else themes
        self._in_use: dict[str, Identity] = {}

    @property
    def in_use(self) -> tuple[Identity, ...]:
        """The identities in use, oldest first."""
        return tuple(self._in_use.values())

    def acquire(
        self,
        provider: str,
        *,
        theme: str,
        prefer_opponents_of: Iterable[str] = (),
        taken: Iterable[str] = (),
    ) -> Identity:
        """A new identity on the provider's side, in use from now on.

        The antagonist of one of `prefer_opponents_of` (names of live agents, in order of preference) if one is free,
        else the first free name; numbered ones follow when all are used, so there is always one. `taken` are names in
        use elsewhere. Raises `IdentityError` for a theme or a provider that is not known, and for nothing else.
        """
        side = self._sides.of(provider)
        known = self._theme(theme)
        unfree = self._in_use.keys() | set(taken)
        preferred = _opponents(known, prefer_opponents_of, side=side)
        name = next((name for name in preferred if name not in unfree), None)
        name = name or next(name for name in known.names(side) if name not in unfree)
        identity = Identity(name=name, theme=theme, provider=provider, side=side)
        self._in_use[name] = identity
        return identity

    def release(self, identity: Identity) -> None:
        """Frees the identity's name. Does nothing when it is free already, or is another's by now."""
        if self._in_use.get(identity.name) == identity:
            del self._in_use[identity.name]

    def restore(self, identity: Identity) -> None:
        """Puts an identity from before a restart in use again; once more does nothing.

        Raises `IdentityError` when another identity has the name.
        """
        holder = self._in_use.setdefault(identity.name, identity)
        if holder != identity:
            raise IdentityError(f"is in use already, for {holder.provider}", subject=identity.name)

    def opponent(self, theme: str, name: str) -> str | None:
        """The antagonist of `name`, None when the theme lacks it. `IdentityError` for an unknown theme."""
        found = self._theme(theme).opponent(name)
        return found[0] if found else None

    def _theme(self, name: str) -> Theme:
        theme = self._themes.get(name)
        if theme is None:
            raise IdentityError(f"is not a theme; there are {', '.join(self._themes)}", subject=name)
        return theme


def _opponents(theme: Theme, names: Iterable[str], *, side: Side) -> Iterable[str]:
    found = (theme.opponent(name) for name in names)
    return (opponent for opponent, of in filter(None, found) if of is side)
