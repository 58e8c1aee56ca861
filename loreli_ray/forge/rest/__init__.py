"""GitHub's REST API v3, as far as a team of agents needs it: one module per family of routes."""

from __future__ import annotations

from loreli_ray.forge.rest import checks, gitdata, issues, meta, pulls

# The order counts: `/commits/{ref}` takes everything beneath it that checks has not.
ROUTES = [*meta.ROUTES, *issues.ROUTES, *pulls.ROUTES, *checks.ROUTES, *gitdata.ROUTES]

__all__ = ["ROUTES"]
