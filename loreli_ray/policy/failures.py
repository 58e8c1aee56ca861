"""A program's own word that it can't go on, read off its screen (SPEC S1, B7, B8).

Only what a backend's configuration names as the program's own words counts, as a whole line at the end of a screen that
has come to rest: an agent that reads or writes about rate limits has no such line, or goes on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from loreli_ray.config import FailureName
from loreli_ray.model import Failure, FailureKind


def classify(tail: str, *, at: float, rules: Mapping[FailureName, str]) -> Failure | None:
    """The failure that the last lines of a screen tell of. `rules`: a regular expression for each `FailureKind`."""
    lines = [line.strip() for line in tail.splitlines() if line.strip()]
    for line in reversed(lines):
        for kind, pattern in rules.items():
            if re.fullmatch(pattern, line, re.IGNORECASE):
                return Failure(kind=FailureKind(kind), at=at, text=line)
    return None
