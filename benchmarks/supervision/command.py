"""`python -m benchmarks supervision`: a few minutes, on this machine, with its own tmux servers and its own Ray."""

from __future__ import annotations

import json
import signal
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console


def supervision(
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """What supervision costs, against the seed's way and against bare Ray, and how quick it is."""
    from benchmarks.supervision.run import measure  # Ray is slow to import

    signal.signal(signal.SIGTERM, _end)
    figures = measure()
    if as_json:
        typer.echo(json.dumps(figures.json()))
    else:
        console = Console()
        for table in figures.tables():
            console.print(table)


def _end(_number: int, _frame: FrameType | None) -> None:
    """Ends as Ctrl-C does: with everything cleaned up."""
    raise KeyboardInterrupt
