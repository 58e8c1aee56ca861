"""What Ray alone costs: actors that do nothing, on a Ray with the product's settings that preloads nothing."""

from __future__ import annotations

import time
from typing import Any

import ray

from benchmarks.supervision.ground import joined, ray_head
from benchmarks.supervision.processes import Meter, Use, actors
from loreli_ray.config import Config


class Bare:
    """An async actor without a task."""

    async def ready(self) -> bool:
        return True


def bare(count: int, *, seconds: float, settle: float) -> Use:
    """What `count` of them use together, idle."""
    config = Config()
    with ray_head(slots=count, preload="") as head, joined(head, config):
        remote: Any = ray.remote(num_cpus=0.01)(Bare)
        handles = [remote.options(max_concurrency=1000).remote() for _ in range(count)]
        ray.get([handle.ready.remote() for handle in handles], timeout=120)
        time.sleep(settle)
        meter = Meter({"bare": actors(head.pid)["Bare"]}, now=time.monotonic())
        time.sleep(seconds)
        used = meter.read(now=time.monotonic())["bare"]
    assert used.processes == count
    return used
