"""Decisions as pure functions of facts: no clock, no I/O, no Ray. Each module is one kind of decision."""

from loreli_ray.policy.breaker import Breaker, BreakerState
from loreli_ray.policy.failures import classify
from loreli_ray.policy.health import derive, health, judge, silence
from loreli_ray.policy.intensity import exceeded
from loreli_ray.policy.reap import reapable
from loreli_ray.policy.scaling import plan
from loreli_ray.policy.stages import stage
from loreli_ray.policy.trust import Ignored, ignored, trusted

__all__ = [
    "Breaker",
    "BreakerState",
    "Ignored",
    "classify",
    "derive",
    "exceeded",
    "health",
    "ignored",
    "judge",
    "plan",
    "reapable",
    "silence",
    "stage",
    "trusted",
]
