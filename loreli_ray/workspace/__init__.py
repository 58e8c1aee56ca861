"""Where agents work: a mirror of the repository per node, a clone per agent, and the push on the agent's behalf.

Everything here blocks: call it in a thread.
"""

from loreli_ray.workspace.mirror import LIMIT, Mirror
from loreli_ray.workspace.workspace import DiffStat, Identity, Workspace

__all__ = [
    "LIMIT",
    "DiffStat",
    "Identity",
    "Mirror",
    "Workspace",
]
