"""`python -m benchmarks supervision`: a few minutes, on this machine, with its own tmux servers and its own Ray."""

from __future__ import annotations

import json
import signal
import sys
from statistics import median
from types import FrameType
from typing import Annotated

import typer


def supervision(
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """What supervision costs, against the seed's way and against bare Ray, and how quick it is."""
    from rich.console import Console

    signal.signal(signal.SIGTERM, _end)
    figures = _measure()
    if as_json:
        typer.echo(json.dumps(figures.json()))
    else:
        console = Console()
        for table in figures.tables():
            console.print(table)


def _measure():
    from benchmarks.supervision.bare import bare
    from benchmarks.supervision.figures import Figures, Idle, Sweep
    from benchmarks.supervision.ground import ray_head
    from benchmarks.supervision.observation import field
    from benchmarks.supervision.team import team
    from benchmarks.supervision.transport import transport

    sizes, agents, controls, alone = (10, 50, 100), 20, 5, 5
    with field() as grow:
        looks = {}
        for size in sizes:
            _say(f"looking at {size} panes")
            looks[size] = grow(size).measure()
    _say(f"{agents + controls} bare actors")
    floor = bare(agents + controls, seconds=20.0, settle=5.0)
    with ray_head(slots=64) as head:
        _say("sweeping with the product's actors")
        totals = transport(sizes, head=head, floor=floor.cpu / 100 / floor.processes, seconds=20.0, settle=3.0)
        with team(head, agents=2 * agents) as fleet:
            _say("starting and killing agents")
            spawns, deaths = [], []
            for _ in range(alone):
                spawns.append(fleet.spawn(1))
                deaths.append(fleet.death(fleet.agents()[0]))
            _say(f"starting {agents} agents")
            together = fleet.spawn(agents)
            _say(f"{agents} idle agents")
            idle = fleet.idle(seconds=20.0, settle=5.0)
            _say("turns")
            turns = [fleet.turn(agent) for agent in fleet.agents()[:7]]
    return Figures(
        sweeps=tuple(Sweep(size, *looks[size], totals[size]) for size in sizes),
        idle=Idle(team=idle, bare=floor),
        spawn_ms=median(spawns),
        together_ms=together,
        turn_ms=median(turns),
        died_ms=median(death.died_ms for death in deaths),
        removed_ms=median(death.removed_ms for death in deaths),
    )


def _say(what: str) -> None:
    print(f"{what} …", file=sys.stderr, flush=True)


def _end(_number: int, _frame: FrameType | None) -> None:
    """Ends as Ctrl-C does: with everything cleaned up."""
    raise KeyboardInterrupt
