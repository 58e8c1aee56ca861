"""Ticks for the tests of roles."""

from __future__ import annotations

from typing import Any

from loreli_ray.config import Config
from loreli_ray.model import Claim, Intent, Issue, Member, Pull
from loreli_ray.roles import Handler, Tick
from tests.policy.kit import SESSION, fleet, snapshot


def tick(
    *things: Issue | Pull | Claim | Member, single: bool = False, config: Config | None = None, **host: Any
) -> Tick:
    """One moment: what the git host holds (`host` are fields of the snapshot), and the team."""
    members = [thing for thing in things if isinstance(thing, Member)]
    held = [thing for thing in things if not isinstance(thing, Member)]
    seen = snapshot(*held).model_copy(update=host)
    return Tick(session=SESSION, snapshot=seen, fleet=fleet(*members), config=config or Config(), single=single)


def wanted(handler: Handler, *things: Issue | Pull | Claim | Member, **more: Any) -> list[Intent]:
    """What a handler wants; asked twice it wants the same."""
    found, again = (list[Intent](handler(tick(*things, **more))) for _ in range(2))
    assert found == again
    return found
