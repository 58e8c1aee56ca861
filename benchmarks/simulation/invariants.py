"""What must never be. It is no error of the tree in `loreli_ray.errors`: nothing may take it for an accident."""

from __future__ import annotations


class Broken(Exception):
    """An invariant does not hold. `str()` says what, and of whom."""


def must(holds: bool, what: str) -> None:
    """Raises `Broken` unless `holds`; `what` names the rule that is broken, and by whom.

    `what` is made each time: where that costs much, `raise` it.
    """
    if not holds:
        raise Broken(what)
