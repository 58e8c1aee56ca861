"""`loreli-ray agents`, `logs`, `attach`, `send` and `stop`: single agents."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Annotated, Any

import typer

from loreli_ray.cli.options import AgentArgument, ConfigOption, JsonOption, SessionOption, client

_POLL = 0.5


def agents(session: SessionOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the agents: role, side, state and what each does."""
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
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until interrupted.")] = False,
    session: SessionOption = None,
    config: ConfigOption = None,
) -> None:
    """Show what an agent's screen shows, also after its death, or its events."""
    asked = client(session, config)
    shown, after = "", 0
    while True:
        if events:
            for event in asked.events(after=after, agent=name):
                after = event["seq"]
                typer.echo(_event_line(event))
        else:
            screen = asked.screen(name, lines=lines)
            typer.echo(_added(shown, screen), nl=screen != shown)
            shown = screen
        if not follow:
            return
        time.sleep(_POLL)


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


def _event_line(event: dict[str, Any]) -> str:
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event["at"]))
    issue = f" #{event['issue']}" if event["issue"] else ""
    return f"{at} {event['kind']}{issue} {event['text']}"


def _added(before: str, now: str) -> str:
    """What is new on a screen: the part after what was shown, or all of it when it was redrawn."""
    return now.removeprefix(before).removeprefix("\n") if before else now
