"""Who an agent is: a name out of a theme, who makes its model, and on which side that puts it."""

from __future__ import annotations

from dataclasses import dataclass

from loreli_ray.identity.sides import Side


@dataclass(frozen=True, slots=True)
class Identity:
    """A value: two identities with the same fields are the same one. Each start of it is an incarnation of its own."""

    name: str
    theme: str
    provider: str
    side: Side
