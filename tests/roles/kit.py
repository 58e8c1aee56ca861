"""Ticks for the tests of roles."""

from __future__ import annotations

from collections.abc import Iterator

from loreli_ray.config import Config
from loreli_ray.model import Claim, Intent, Issue, Member, Pull
from loreli_ray.roles import Handler, Tick
from tests.policy.kit import SESSION, fleet, snapshot


def tick(*things: Issue | Pull | Claim | Member, single: bool = False, config: Config | None = None) -> Tick:
    """One moment: what the git host holds, and the team."""
    members = [thing for thing in things if isinstance(thing, Member)]
    held = [thing for thing in things if not isinstance(thing, Member)]
    return Tick(
        session=SESSION, snapshot=snapshot(*held), fleet=fleet(*members), config=config or Config(), single=single
    )


def wanted(handler: Handler, *things: Issue | Pull | Claim | Member, single: bool = False) -> list[Intent]:
    """What a handler wants; asked twice it wants the same."""
    found, again = (list[Intent](_asked(handler, *things, single=single)) for _ in range(2))
    assert found == again
    return found


def _asked(handler: Handler, *things: Issue | Pull | Claim | Member, single: bool) -> Iterator[Intent]:
    return handler(tick(*things, single=single))
