"""The command line: `loreli-ray …`. One module for each family of commands.

A command imports what it needs when it runs: `status` must answer in a tenth of a second, and Ray alone takes longer.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from types import FrameType
from typing import cast

import typer

from loreli_ray.cli import agents, backends, demo, doctor, events, forge, session
from loreli_ray.errors import LoreliError, UsageError

app = typer.Typer(
    name="loreli-ray",
    help="A team of coding agents on a git repository: they take issues, review each other, and land what is good.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.command("demo")(demo.demo)
app.command("up")(session.up)
app.command("down")(session.down)
app.command("status")(session.status)
app.command("agents")(agents.agents)
app.command("events")(events.events)
app.command("logs")(agents.logs)
app.command("attach")(agents.attach)
app.command("send")(agents.send)
app.command("stop")(agents.stop)
app.command("doctor")(doctor.doctor)
app.add_typer(backends.app, name="backends")
app.add_typer(forge.app, name="forge")


def main() -> None:
    """The console script. Exit codes: 0 done, 1 failed, 2 asked wrongly, 128 + n ended by signal n (Ctrl-C: 130)."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    cast("io.TextIOWrapper", sys.stdout).reconfigure(
        errors="replace"
    )  # what an agent wrote may not exist in the terminal's encoding
    try:
        app()
    except UsageError as error:
        sys.exit(_fail(error, code=2))
    except LoreliError as error:
        sys.exit(_fail(error, code=1))
    except KeyboardInterrupt:
        sys.exit(130)


def _end(number: int, _frame: FrameType | None) -> None:
    """Ends as Ctrl-C does, with everything cleaned up: when asked to, and when the terminal is closed."""
    signal.signal(number, signal.SIG_IGN)
    if number == signal.SIGHUP:  # nobody reads any more, and writing would fail
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.dup2(nowhere, sys.stderr.fileno())
    raise SystemExit(128 + number)


def _fail(error: LoreliError, *, code: int) -> int:
    print(f"loreli-ray: {error}", file=sys.stderr)
    return code


__all__ = ["app", "main"]
