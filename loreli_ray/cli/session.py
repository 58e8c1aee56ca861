"""`loreli-ray up`, `down` and `status`: the life of a session."""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer

from loreli_ray.cli.credentials import credentials
from loreli_ray.cli.options import ConfigOption, JsonOption, SessionOption, client, configuration, session_folder
from loreli_ray.cli.output import note
from loreli_ray.errors import UsageError

AddressOption = Annotated[
    str | None,
    typer.Option("--address", envvar="RAY_ADDRESS", help="The Ray cluster to join; by default one on this machine."),
]


def up(
    repo: Annotated[str | None, typer.Option(help="The repository, as owner/name.", metavar="OWNER/NAME")] = None,
    api_url: Annotated[str | None, typer.Option(help="The git host's REST API.", metavar="URL")] = None,
    address: AddressOption = None,
    config: ConfigOption = None,
) -> None:
    """Start a session for a repository, or go on with the one that it had. Needs GITHUB_TOKEN or a GitHub App."""
    settings = configuration(config, {"repo": repo, "hub.api_url": api_url})
    if settings.repo is None:
        raise UsageError("no repository is named: use --repo OWNER/NAME, or `repo:` in loreli.yml")
    if not settings.backends:
        raise UsageError("no agent program is configured: name at least one under `backends:` in loreli.yml")
    accounts = credentials(os.environ)
    if settings.hub.webhook is not None and accounts.webhook_secret is None:
        raise UsageError("is not set: hub.webhook needs the secret of the deliveries", subject="GITHUB_WEBHOOK_SECRET")
    from loreli_ray.actors.session import Session

    session = Session.start(settings, repo=settings.repo, credentials=accounts, address=address, say=note)
    session.leave()
    typer.echo(f"session {session.settings.id} works on {settings.repo}")
    typer.echo("`loreli-ray status` shows it, `loreli-ray down` ends it")


def down(
    session: SessionOption = None,
    config: ConfigOption = None,
    address: AddressOption = None,
    now: Annotated[bool, typer.Option("--now", help="Don't wait for agents to finish what they do.")] = False,
) -> None:
    """End a session: its agents, its actors, and Ray if we started it. What was not pushed is rescued to a branch."""
    from loreli_ray.actors.session import Session, clear, head_runs
    from loreli_ray.actors.settings import SessionSettings

    folder = session_folder(session, config)
    settings = SessionSettings.model_validate_json((folder / "session.json").read_text())
    if address is None and not head_runs(settings.config):
        note("its Ray is gone; ending what outlived it")
        clear(settings)
        typer.echo(f"session {settings.id} has ended")
        return
    joined = Session.join(settings, address=address, say=note)
    joined.stop(grace=0.0 if now else settings.config.timeouts.shutdown, say=note)
    typer.echo(f"session {settings.id} has ended")


def status(session: SessionOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the fleet, the issues and what was landed."""
    report = client(session, config).status()
    if as_json:
        typer.echo(json.dumps(report))
        return
    from rich.console import Console

    from loreli_ray.cli.show import fleet_table, issue_table, remarks

    console = Console()
    console.print(f"session {report['session']} on {report['repo']}", highlight=False)
    console.print(fleet_table(report) if report["agents"] else "no agents")
    console.print(issue_table(report) if report["issues"] or report["landed"] else "no open issues")
    for line in remarks(report):
        console.print(line, style="dim", highlight=False)
