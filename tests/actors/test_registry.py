"""What an agent was told is on record, and so is that it was taken back."""

from __future__ import annotations

from pathlib import Path

from loreli_ray.actors.registry import Registry
from loreli_ray.clock import ManualClock
from loreli_ray.config import Config
from loreli_ray.identity import Side
from loreli_ray.ledger import Ledger
from loreli_ray.model import Assignment, Placement, Role
from loreli_ray.roles import prompts

WORK = Assignment(role=Role.ACTION, issue=1, title="One", generation=1, branch="b", base="main", start="0" * 40)


SOMEWHERE = Placement(role=Role.ACTION, backend="claude", provider="anthropic", side=Side.YIN, node="n")


def test_the_same_work_given_again_is_told_again(tmp_path: Path) -> None:
    clock = ManualClock()
    registry = Registry(session="s", config=Config(), ledger=Ledger(tmp_path / "ledger.db"), clock=clock)
    registry.taken = frozenset()
    name = registry.admit(SOMEWHERE).name
    registry.note(name, connected_at=clock.now())
    message = prompts.due(registry.assign(name, WORK))
    assert message is not None
    registry.note(name, told=message[0])
    registry.assign(name, None)
    again = registry.assign(name, WORK)
    assert prompts.due(again) == message
    assert again.facts.told != message[0]


def test_who_is_asked_to_go_is_asked_once(tmp_path: Path) -> None:
    clock = ManualClock()
    registry = Registry(session="s", config=Config(), ledger=Ledger(tmp_path / "ledger.db"), clock=clock)
    registry.taken = frozenset()
    name = registry.admit(SOMEWHERE).name
    registry.assign(name, WORK)
    message = prompts.due(registry.note(name, connected_at=clock.now(), stop_at=clock.now()))
    assert message is not None
    registry.note(name, told=message[0])
    assert registry.assign(name, None).facts.told == message[0]
