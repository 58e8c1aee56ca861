"""GitHub's REST API v3, as far as a team of agents needs it: one module per family of routes."""

from __future__ import annotations

from loreli_ray.forge.rest import (
    apps,
    branches,
    checks,
    contents,
    events,
    gitdata,
    hooks,
    issues,
    meta,
    pulls,
    reactions,
    repositories,
    reviews,
    search,
)

# The order counts: `/commits/{ref}` takes everything beneath it that checks has not.
ROUTES = [
    *meta.ROUTES,
    *apps.ROUTES,
    *repositories.ROUTES,
    *events.ROUTES,
    *issues.ROUTES,
    *reactions.ROUTES,
    *pulls.ROUTES,
    *reviews.ROUTES,
    *checks.ROUTES,
    *branches.ROUTES,
    *hooks.ROUTES,
    *gitdata.ROUTES,
    *contents.ROUTES,
    *search.ROUTES,
]

__all__ = ["ROUTES"]
