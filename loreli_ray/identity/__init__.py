"""Identities: themes, sides, and the names that are handed out to agents."""

from __future__ import annotations

from loreli_ray.identity.identity import Identity
from loreli_ray.identity.registry import Identities
from loreli_ray.identity.sides import Side, Sides
from loreli_ray.identity.taken import TakenNames, names_of_branches
from loreli_ray.identity.team import team_theme
from loreli_ray.identity.themes import Theme, themes

__all__ = [
    "Identities",
    "Identity",
    "Side",
    "Sides",
    "TakenNames",
    "Theme",
    "names_of_branches",
    "team_theme",
    "themes",
]
