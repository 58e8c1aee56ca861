"""The git host, through githubkit as transport and git for the claims."""

from loreli_ray.hub.claims import Claims
from loreli_ray.hub.hub import Hub
from loreli_ray.hub.webhook import Webhook

__all__ = ["Claims", "Hub", "Webhook"]
