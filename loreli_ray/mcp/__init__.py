"""The tools of the agents, and the gateway that serves them on each node's loopback."""

from loreli_ray.mcp.desk import Desk, LineComment, ReviewVerdict
from loreli_ray.mcp.gateway import Gateway

__all__ = ["Desk", "Gateway", "LineComment", "ReviewVerdict"]
