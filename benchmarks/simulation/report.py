"""What a run was like: as JSON, and for people."""

from __future__ import annotations

from statistics import median, quantiles
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.simulation.costs import REST
from benchmarks.simulation.world import World

_DECIDING = ("roles", "scaling", "judging", "fleet")
_WHAT = {
    "roles": "roles",
    "scaling": "scaling",
    "judging": "judging all agents",
    "fleet": "reading the fleet",
    "decisions": "all of these",
    REST: "rest: the simulated world",
    "tick": "the whole tick",
}


def report(world: World, *, seconds: float) -> dict[str, Any]:
    """One line of JSON. Costs are in milliseconds per tick; `seconds` is how long the run took."""
    team = world.teams[0]
    happened = team.supervisor.happened + team.cluster.happened
    return {
        "seed": world.seed,
        "agents": world.config.scaling.max_agents,
        "nodes": len(world.nodes),
        "issues": world.issues,
        "landed": len(world.host.landed),
        "held": len(world.host.held.keys() - world.host.landed.keys()),
        "most_agents": team.supervisor.roster.most,
        "starts": team.supervisor.starts,
        "happened": dict(sorted(happened.items())),
        "ticks": len(team.meter.ticks),
        "hours": round(world.hours, 2),
        "seconds": round(seconds, 1),
        "tick_ms": _costs(world),
    }


def show(found: dict[str, Any], console: Console) -> None:
    """The same as a table."""
    console.print(
        f"seed {found['seed']}: {found['issues']} issues, {found['landed']} landed, {found['held']} given to a human; "
        f"{found['starts']} agents started, {found['most_agents']} at once, on {found['nodes']} nodes.",
        f"{found['ticks']} ticks, {found['hours']} h of their time in {found['seconds']} s.",
        f"What happened: {', '.join(f'{what} {times}' for what, times in found['happened'].items())}.",
        sep="\n",
        highlight=False,
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("a tick costs, in ms", no_wrap=True)
    for kind in ("wall", "CPU"):
        for figure in ("median", "p95", "max"):
            table.add_column(f"{kind}\n{figure}", justify="right", no_wrap=True)
    for part, costs in found["tick_ms"].items():
        cells = [f"{costs[kind][figure]:.1f}" for kind in ("wall", "cpu") for figure in ("median", "p95", "max")]
        table.add_row(_WHAT[part], *cells, style="bold" if part in ("decisions", "tick") else None)
    console.print(table)


def _costs(world: World) -> dict[str, dict[str, dict[str, float]]]:
    ticks = world.teams[0].meter.ticks
    parts = {part: (part,) for part in _DECIDING} | {"decisions": _DECIDING, REST: (REST,), "tick": (*_DECIDING, REST)}
    return {
        name: {
            kind: _figures([sum(tick[part][index] for part in among if part in tick) * 1000 for tick in ticks])
            for index, kind in enumerate(("wall", "cpu"))
        }
        for name, among in parts.items()
    }


def _figures(values: list[float]) -> dict[str, float]:
    p95 = quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]
    return {"median": round(median(values), 2), "p95": round(p95, 2), "max": round(max(values), 2)}
