"""What operators see: the structured log and the metrics."""

from loreli_ray.observe.log import logger
from loreli_ray.observe.metrics import Metrics

__all__ = ["Metrics", "logger"]
