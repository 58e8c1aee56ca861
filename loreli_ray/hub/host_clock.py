"""The git host's clock, reckoned from the Date header of its answers.

A lease ends by the host's clock, which all orchestrators see, and not by the clocks of their machines. Date has whole
seconds, and an answer takes its time, so that each answer only bounds the offset; where most of the last answers agree
is the best that is known (K. Marzullo, 1984). A proxy that answers with an old Date is outvoted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from email.utils import mktime_tz, parsedate_tz
from itertools import pairwise

_SAMPLES = 9


class HostClock:
    """`offset` is what is to be added to our own clock, in seconds; 0 until the host has said what time it is."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=_SAMPLES)
        self.offset = 0.0

    def observe(self, date: str | None, *, sent: float, received: float) -> None:
        """Takes in one answer's Date; `sent` and `received` are by our own clock. What is no date says nothing."""
        said = _seconds(date)
        if said is not None:
            self._samples.append((said - received, said + 1.0 - min(sent, received)))
            self.offset = _agreed(self._samples)


def _agreed(intervals: Collection[tuple[float, float]]) -> float:
    """The middle of the stretch that lies in the most of the intervals."""
    edges = sorted([(low, -1) for low, _ in intervals] + [(high, 1) for _, high in intervals])
    depth = most = 0
    middle = 0.0
    for (here, kind), (there, _) in pairwise(edges):
        depth -= kind
        if depth > most:
            most, middle = depth, (here + there) / 2
    return middle


def _seconds(date: str | None) -> float | None:
    try:
        parsed = parsedate_tz(date or "")
        return None if parsed is None else float(mktime_tz(parsed))
    except (ValueError, OverflowError):
        return None
