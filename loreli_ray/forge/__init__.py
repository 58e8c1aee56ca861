"""The embedded git host: issues, pull requests and git on loopback, speaking GitHub's REST and GraphQL APIs.

One folder holds it all: an SQLite file and bare repositories. The git command does the git part.
"""

from __future__ import annotations

from loreli_ray.forge.app import create_app, description
from loreli_ray.forge.forge import Forge
from loreli_ray.forge.rest.throttle import SecondaryLimits
from loreli_ray.forge.server import ForgeServer

__all__ = ["Forge", "ForgeServer", "SecondaryLimits", "create_app", "description"]
