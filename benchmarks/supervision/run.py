"""One run: every measurement, one after the other, on this machine."""

from __future__ import annotations

import sys
from statistics import median

from benchmarks.supervision.bare import bare
from benchmarks.supervision.figures import Figures, Idle, Sweep
from benchmarks.supervision.ground import ray_head
from benchmarks.supervision.observation import Cost, field
from benchmarks.supervision.team import BARE, team
from benchmarks.supervision.transport import transport

_PANES = (10, 50, 100)
_AGENTS, _CONTROL = 20, 5  # the control plane on one node: hub, supervisor, scaler, reactor, node
_ALONE = 5
_TURNS = 7
_IDLE = 30.0


def measure() -> Figures:
    """Takes some five minutes. What it starts is gone when it returns, or raises."""
    looks: dict[int, tuple[Cost, Cost]] = {}
    with field() as grow:
        for size in _PANES:
            _say(f"looking at {size} panes")
            looks[size] = grow(size).measure()
    with ray_head(slots=64) as head:
        _say("sweeping with the product's actors")
        sweeps = transport(_PANES, head=head)
        with bare(_AGENTS + _CONTROL) as others, team(head, agents=2 * _AGENTS) as fleet:
            _say("starting and killing agents")
            alone = [(fleet.spawn(1), fleet.death(fleet.agents()[0])) for _ in range(_ALONE)]
            _say(f"starting {_AGENTS} agents")
            together = fleet.spawn(_AGENTS)
            _say(f"{_AGENTS} idle agents")
            used = fleet.idle(others, seconds=_IDLE, settle=5.0)
            _say("turns")
            turns = [fleet.turn(agent) for agent in fleet.agents()[:_TURNS]]
    return Figures(
        sweeps=tuple(Sweep(size, ours=ours, seed=seed, total_ms=sweeps[size]) for size, (ours, seed) in looks.items()),
        idle=Idle(team={kind: use for kind, use in used.items() if kind != BARE}, bare=used[BARE]),
        spawn_ms=median(spawn for spawn, _ in alone),
        together_ms=together,
        turn_ms=median(turns),
        died_ms=median(death.died_ms for _, death in alone),
        removed_ms=median(death.removed_ms for _, death in alone),
    )


def _say(what: str) -> None:
    print(f"{what} …", file=sys.stderr, flush=True)
