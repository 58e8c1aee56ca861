"""What each role wants, as pure functions of a tick. The reactor calls `HANDLERS` in this order (SPEC S17)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from loreli_ray.model import Demand, Intent
from loreli_ray.roles import action, prompts, restarts, reviewer
from loreli_ray.roles.tick import Tick

Handler = Callable[[Tick], Iterator[Intent]]

#: What is landed comes first, so that the rest of the tick sees as little open work as possible.
HANDLERS: dict[str, Handler] = {
    "reviewer.land": reviewer.land,
    "reviewer.escalate": reviewer.escalate,
    "action.escalate": action.escalate,
    "restarts.escalate": restarts.escalate,
    "action.keep": action.keep,
    "action.finish": action.finish,
    "action.supersede": action.supersede,
    "reviewer.finish": reviewer.finish,
    "reviewer.forward": reviewer.forward,
    "reviewer.scan": reviewer.scan,
    "action.scan": action.scan,
}

DEMANDS: dict[str, Callable[[Tick], Demand]] = {"action": action.demand, "reviewer": reviewer.demand}

__all__ = ["DEMANDS", "HANDLERS", "Handler", "Tick", "action", "prompts", "restarts", "reviewer"]
