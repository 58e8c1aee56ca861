"""`python -m benchmarks simulation`: a large team through days of work and trouble, in a minute or two."""

from __future__ import annotations

from json import dumps
from time import perf_counter
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.simulation.invariants import Broken
from benchmarks.simulation.report import report, show
from benchmarks.simulation.scenario import large
from benchmarks.simulation.world import World


def simulation(
    agents: Annotated[int, typer.Option(help="How many agents there may be at once.", min=4)] = 1000,
    issues: Annotated[int, typer.Option(help="How many issues are to be done.", min=1)] = 10_000,
    seed: Annotated[int, typer.Option(help="What chance begins with: the same seed, the same story.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """A team in virtual time, among deaths, stalls, lost nodes and quotas that end: what a tick costs, and whether what
    must always hold does."""
    world = large(agents=agents, issues=issues, seed=seed)
    began = perf_counter()
    try:
        _watch(world)
    except Broken as broken:
        typer.echo(f"benchmarks: {broken}", err=True)
        raise typer.Exit(1) from broken
    found = report(world, seconds=perf_counter() - began)
    if json:
        typer.echo(dumps(found))
    else:
        show(found, Console())


def _watch(world: World) -> None:
    """Runs it, and shows on a terminal how far it is."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("issues", total=world.issues)
        for _ in world.run():
            team = world.teams[0]
            text = f"{world.hours:5.1f} h, {len(team.supervisor.roster.records):4} agents, issues done"
            done = len(world.host.landed.keys() | world.host.held.keys())
            progress.update(task, completed=done, description=text)
