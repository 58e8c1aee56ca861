"""`python -m benchmarks hub`: two hours of the host's time in some minutes, on a forge of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.hub.figures import Figures
from benchmarks.hub.ground import ground
from benchmarks.hub.hour import Hour, spend

_CHANGES = (0, 80)
_WORKFLOWS = (1, 2, 5)


def hub(
    ticks: Annotated[int, typer.Option(help="How many minutes each of the two hours has.", min=1)] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """What an hour of keeping up with a git host costs in requests, idle and busy, against a poller per workflow."""
    figures = Figures([asyncio.run(_hour(ticks, changes=changes * ticks // 60)) for changes in _CHANGES])
    if as_json:
        typer.echo(json.dumps(figures.json()))
        return
    console = Console()
    console.print(figures.table())
    for note in figures.notes():
        console.print(note, highlight=False, soft_wrap=True)


async def _hour(ticks: int, *, changes: int) -> Hour:
    print(f"{ticks} ticks with {changes} changes …", file=sys.stderr, flush=True)
    async with ground() as made:
        return await spend(made, ticks=ticks, changes=changes, workflows=_WORKFLOWS)
