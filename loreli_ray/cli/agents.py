"""`loreli-ray agents`, `logs`, `attach`, `send` and `stop`: single agents."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loreli_ray.cli.options import (
    AgentArgument,
    ConfigOption,
    FollowOption,
    JsonOption,
    SessionOption,
    client,
    recorded_folder,
)
from loreli_ray.cli.output import dated, note, piped

if TYPE_CHECKING:
    from loreli_ray.cli.history import History

_EVENTS = 1000


def agents(
    name: Annotated[str | None, typer.Argument(help="Only this one: how it fares, and on what evidence.")] = None,
    session: SessionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the agents: role, side, state and what each does."""
    if name is not None:
        _health(client(session, config).health(name), as_json=as_json)
        return
    report = client(session, config).status()
    if as_json:
        typer.echo(json.dumps(report["agents"]))
        return
    from rich.console import Console

    from loreli_ray.cli.show import fleet_table

    Console().print(fleet_table(report) if report["agents"] else "no agents")


def logs(
    name: AgentArgument,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many lines of its screen.")] = 200,
    events: Annotated[bool, typer.Option("--events", help="What the ledger says of it, not its screen.")] = False,
    follow: FollowOption = False,
    session: SessionOption = None,
    config: ConfigOption = None,
) -> None:
    """Show what an agent's screen shows or showed last, or its events; also after its death, or the session's end."""
    from loreli_ray.cli.history import History

    history = History(recorded_folder(session, config))
    with piped():
        if events:
            _print_events(history, name, follow=follow)
        else:
            shown = ""
            for screen in history.screens(name, lines=lines, follow=follow):
                typer.echo(_added(shown, screen), nl=screen != shown)
                shown = screen


def attach(
    name: AgentArgument,
    session: SessionOption = None,
    config: ConfigOption = None,
) -> None:
    """Show the live pane of an agent on this machine; leave it with Ctrl-B d."""
    command = client(session, config).attach_command(name)
    sys.stdout.flush()
    os.execvp(command[0], command)


def send(
    name: AgentArgument,
    text: Annotated[str, typer.Argument(help="The message.")],
    session: SessionOption = None,
    config: ConfigOption = None,
) -> None:
    """Type a message into an agent's program; an agent that asked a human goes on."""
    client(session, config).send(name, text)


def stop(
    name: AgentArgument,
    now: Annotated[bool, typer.Option("--now", help="Don't wait for it to finish what it does.")] = False,
    session: SessionOption = None,
    config: ConfigOption = None,
) -> None:
    """Ask an agent to shut down. Its issue goes to another one."""
    asked = client(session, config)
    if now:
        asked.kill(name)
    else:
        asked.stop(name)


def _print_events(history: History, name: str, *, follow: bool) -> None:
    for batch in history.events(follow=follow, limit=_EVENTS, agent=name):
        for event in batch:
            typer.echo(dated(event))
        if follow and batch and batch[-1]["kind"] == "removed":
            note(f"{name} is gone")
            return


def _added(before: str, now: str) -> str:
    """What is new on a screen: the part after what was shown, or all of it when it was redrawn."""
    return now.removeprefix(before).removeprefix("\n") if before else now


def _health(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found))
    else:
        typer.echo(f"{found['status']}: {found['details']}")
        for sign in found["evidence"]:
            typer.echo(f"  {sign['source']:<10} {sign['what']}, {sign['age']:.0f} s ago")
    if found["status"] == "not-found":
        raise typer.Exit(1)
