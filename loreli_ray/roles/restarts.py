"""Giving up on an issue on which agents keep dying (restart intensity); the other issues go on."""

from __future__ import annotations

from collections.abc import Iterator

from loreli_ray.model import AskHuman, Intent
from loreli_ray.policy import exceeded
from loreli_ray.roles.tick import Tick


def escalate(tick: Tick) -> Iterator[Intent]:
    """Puts such an issue into a human's hands. Once the label is off again, its deaths are counted anew."""
    supervision = tick.config.supervision
    for issue in tick.workable:
        deaths = tick.deaths.get(issue.number, ())
        if deaths and exceeded(deaths, now=tick.now, supervision=supervision):
            why = (
                f"{len(deaths)} agents died on it unexpectedly, more than {supervision.max_restarts} within "
                f"{supervision.restart_window:g} s (`loreli-ray events --issue {issue.number}` tells how)"
            )
            yield AskHuman(issue=issue.number, why=why)
