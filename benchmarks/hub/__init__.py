"""What keeping up with a repository costs at the git host: the hub, against a poller for each workflow.

Both really ask the embedded forge over HTTP, and the forge's own accounts say what was paid. Time is ours, so that an
hour takes a minute. `ground` is the forge and what is on it, `people` what changes there, `naive` the other way of
doing it, `hour` the measurement; `figures` is what comes out.
"""

from benchmarks.hub.ground import Count, Ground, ground
from benchmarks.hub.hour import Hour, spend

__all__ = ["Count", "Ground", "Hour", "ground", "spend"]
