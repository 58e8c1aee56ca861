"""`loreli-ray backends`: the agent programs of each node and their circuit breakers."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from loreli_ray.cli.options import ConfigOption, JsonOption, SessionOption, client
from loreli_ray.cli.show import breaker_text

app = typer.Typer(
    help="The agent programs found on each node, and their circuit breakers.", invoke_without_command=True
)


@app.callback()
def backends(
    context: typer.Context, session: SessionOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """List the agent programs of each node, and which of them are not used for now."""
    if context.invoked_subcommand is not None:
        return
    nodes = client(session, config).status()["nodes"]
    if as_json:
        typer.echo(json.dumps(nodes))
        return
    for node in nodes:
        troubled = {breaker["backend"]: breaker_text(breaker) for breaker in node["breakers"]}
        for name in node["backends"]:
            typer.echo(f"{node['host']}  {troubled.get(name, f'{name}: works')}")


@app.command()
def reset(
    name: Annotated[str, typer.Argument(help="The backend, as in loreli.yml.")],
    session: SessionOption = None,
    config: ConfigOption = None,
) -> None:
    """Use a backend again now, on all nodes: its breaker is closed by hand."""
    count = client(session, config).reset_backend(name)
    typer.echo(f"{name}: {count} breaker{'' if count == 1 else 's'} closed" if count else f"{name} was not held back")
