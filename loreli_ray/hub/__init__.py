"""The git host, through githubkit as transport and git for the claims."""

from loreli_ray.hub.claims import Claims
from loreli_ray.hub.hub import Credentials, Hub, Remote
from loreli_ray.hub.transport import Budget

__all__ = ["Budget", "Claims", "Credentials", "Hub", "Remote"]
