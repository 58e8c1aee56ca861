"""What a look at a machine or a git host finds."""

from __future__ import annotations

from loreli_ray.model.values import Value


class Finding(Value):
    """One thing looked at; `remedy` says what to do when it is not `ok`. One that is not `needed` is a hint."""

    what: str
    ok: bool
    found: str
    remedy: str = ""
    needed: bool = True
