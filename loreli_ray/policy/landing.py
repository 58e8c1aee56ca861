"""What a host's refusal to merge means."""

from __future__ import annotations

import re

#: How GitHub speaks of what only its owner can change: protection, rules, and methods that are switched off.
_GATED = re.compile(
    r"required|protected|rule violation|not (?:allowed|authorized)|merge queue|must (?:be|have)|code owner|approving",
    re.IGNORECASE,
)


def gated(message: str) -> bool:
    """Whether asking again is no use until a person does something; else only the base or the head has moved."""
    return _GATED.search(message) is not None
