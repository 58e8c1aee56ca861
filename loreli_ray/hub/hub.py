"""The git host of one repository: what it holds as a snapshot, who works on what, and what the team writes there."""

from __future__ import annotations

from loreli_ray.hub.writer import Writer


class Hub(Writer):
    """One repository on one git host. Call `open` before anything else."""
