"""GitHub's GraphQL API, as far as a team of agents needs it: https://docs.github.com/graphql.

The schema is data (`schema.graphql`), resolvers are thin functions over the forge's core, one module per family.
"""

from __future__ import annotations

from loreli_ray.forge.graphql.endpoint import ROUTES

__all__ = ["ROUTES"]
