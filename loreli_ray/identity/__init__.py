"""Identities: themes, sides, the names that are handed out to agents, and the branches that carry them."""

from __future__ import annotations

from loreli_ray.identity.branches import MAX_SLUG, branch_name, is_agent, names_of_branches, parse_branch, slug
from loreli_ray.identity.identity import Identity
from loreli_ray.identity.registry import Identities
from loreli_ray.identity.sides import Side, Sides
from loreli_ray.identity.team import team_theme
from loreli_ray.identity.themes import Theme, themes

__all__ = [
    "MAX_SLUG",
    "Identities",
    "Identity",
    "Side",
    "Sides",
    "Theme",
    "branch_name",
    "is_agent",
    "names_of_branches",
    "parse_branch",
    "slug",
    "team_theme",
    "themes",
]
