"""What operators see: the structured log, and in `metrics` the numbers.

The metrics are not drawn in here: only the supervisor counts, and every agent's actor writes a log.
"""

from loreli_ray.observe.log import Log, logger

__all__ = ["Log", "logger"]
