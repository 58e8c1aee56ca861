"""What each role wants, as pure functions of a tick. The reactor calls `HANDLERS` in this order (SPEC S17)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from loreli_ray.model import Demand, Intent
from loreli_ray.roles import action, feedback, landing, projection, prompts, restarts, reviewer
from loreli_ray.roles.tick import Tick

Handler = Callable[[Tick], Iterator[Intent]]

#: What is landed comes first, so that the rest of the tick sees as little open work as possible.
HANDLERS: dict[str, Handler] = {
    "landing.land": landing.land,
    "landing.settle": landing.settle,
    "landing.escalate": landing.escalate,
    "landing.stamp": landing.stamp,
    "reviewer.escalate": reviewer.escalate,
    "action.escalate": action.escalate,
    "restarts.escalate": restarts.escalate,
    "action.keep": action.keep,
    "action.finish": action.finish,
    "action.supersede": action.supersede,
    "reviewer.finish": reviewer.finish,
    "feedback.forward": feedback.forward,
    "feedback.listen": feedback.listen,
    "reviewer.scan": reviewer.scan,
    "action.scan": action.scan,
    "projection.show": projection.show,
}
#: All that is done while the host tells nothing but the claims.
UPKEEP = {"action.keep": HANDLERS["action.keep"]}

DEMANDS: dict[str, Callable[[Tick], Demand]] = {"action": action.demand, "reviewer": reviewer.demand}

__all__ = [
    "DEMANDS",
    "HANDLERS",
    "UPKEEP",
    "Handler",
    "Tick",
    "action",
    "feedback",
    "landing",
    "projection",
    "prompts",
    "restarts",
    "reviewer",
]
