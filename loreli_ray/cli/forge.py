"""`loreli-ray forge …`: the embedded git host by itself."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loreli_ray.cli.options import JsonOption

if TYPE_CHECKING:
    from loreli_ray.forge import Forge

PORT = 7717
app = typer.Typer(help="The embedded git host: GitHub's API and git on loopback.", no_args_is_help=True)

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Its folder; by default forge/ in the home.", metavar="DIR")
]


@app.command()
def serve(
    data: DataOption = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = PORT,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Allow an address that other machines reach.")
    ] = False,
) -> None:
    """Serve it until interrupted."""
    from loreli_ray.forge import ForgeServer

    forge = _open(data)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda _signal, _frame: stopped.set())
    try:
        with ForgeServer(forge, host=host, port=port, allow_remote=allow_remote) as server:
            typer.echo(f"{server.url} serves {', '.join(forge.repositories()) or 'no repository yet'}")
            stopped.wait()
    finally:
        forge.close()


@app.command()
def add(
    path: Annotated[Path, typer.Argument(help="A local git repository.", exists=True, file_okay=False)],
    name: Annotated[str | None, typer.Option("--name", help="What it is called there.", metavar="OWNER/NAME")] = None,
    data: DataOption = None,
) -> None:
    """Put a copy of a local repository on it. The accounts `author` and `reviewer` may write to it."""
    forge = _open(data)
    full_name = name or f"me/{path.resolve().name}"
    try:
        forge.add_repository(full_name, source=path)
        for login in ("author", "reviewer"):
            forge.add_collaborator(full_name, login)
    finally:
        forge.close()
    typer.echo(f"{full_name} is on the forge")


@app.command()
def issue(
    repo: Annotated[str, typer.Argument(help="The repository, as owner/name.", metavar="OWNER/NAME")],
    title: Annotated[str, typer.Option(help="Its title.")],
    body: Annotated[str, typer.Option(help="Its text.")] = "",
    label: Annotated[list[str] | None, typer.Option(help="Its labels; by default `loreli`.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open an issue, as the repository's owner."""
    forge = _open(data)
    try:
        number = forge.create_issue(repo, author=repo.split("/")[0], title=title, body=body, labels=label or ["loreli"])
    finally:
        forge.close()
    typer.echo(json.dumps({"issue": number}) if as_json else f"{repo}#{number} is open")


@app.command()
def token(
    login: Annotated[str, typer.Argument(help="The account: `author` and `reviewer` are the team's.")],
    data: DataOption = None,
) -> None:
    """Print an account's token, for GITHUB_TOKEN and GITHUB_REVIEWER_TOKEN."""
    forge = _open(data)
    try:
        typer.echo(forge.token(login))
    finally:
        forge.close()


@app.command()
def openapi() -> None:
    """Print the description of the forge's REST API (OpenAPI 3.1, JSON)."""
    from loreli_ray.forge import description

    typer.echo(json.dumps(description(), indent=2))


def _open(data: Path | None) -> Forge:
    from loreli_ray.cli.options import home
    from loreli_ray.forge import Forge

    return Forge.open(data or home(None) / "forge")
