"""Restart intensity: when to stop trying an issue on which agents keep dying, and to ask a human.

As in Erlang's supervisors (https://www.erlang.org/doc/system/sup_princ#maximum-restart-intensity): more than so many
within so long is no bad luck any more.
"""

from __future__ import annotations

from collections.abc import Iterable

from loreli_ray.config import SupervisionConfig


def exceeded(deaths: Iterable[float], *, now: float, supervision: SupervisionConfig) -> bool:
    """Whether too many agents died unexpectedly on one issue. `deaths`: when, in seconds since the epoch."""
    recent = [at for at in deaths if now - at <= supervision.restart_window]
    return len(recent) > supervision.max_restarts
