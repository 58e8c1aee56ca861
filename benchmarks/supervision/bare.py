"""What Ray alone costs: actors that do nothing, on a Ray with the product's settings that preloads nothing.

They idle beside the team that they are compared with, so that whatever else the machine does hits both alike.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import ray

from benchmarks.supervision.ground import joined, ray_head
from benchmarks.supervision.idle import Bare
from benchmarks.supervision.processes import actors
from loreli_ray.config import Config


@contextmanager
def bare(count: int) -> Generator[list[int]]:
    """The processes of so many of them, for as long as the block lasts."""
    with ray_head(slots=count, preload="") as head:
        with joined(head, Config()):
            start(count)
        yield actors(head.pid)["Bare"]


def start(count: int) -> list[Any]:
    """Starts them in the Ray that this process has joined. They stay when it leaves."""
    remote: Any = ray.remote(num_cpus=0.01)(Bare)
    options = [{"name": f"bare-{number}", "lifetime": "detached", "max_concurrency": 1000} for number in range(count)]
    handles = [remote.options(**given).remote() for given in options]
    ray.get([handle.ready.remote() for handle in handles], timeout=120)
    return handles
