"""Options that several commands share, and how a command finds its configuration and its session."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loreli_ray.errors import NotRunning, UsageError

if TYPE_CHECKING:
    from loreli_ray.actors.client import SessionClient
    from loreli_ray.config import Config

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="The configuration file; by default the nearest loreli.yml.", metavar="FILE"),
]
SessionOption = Annotated[str | None, typer.Option("--session", help="Which session, when several run.", metavar="ID")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
FollowOption = Annotated[bool, typer.Option("--follow", "-f", help="Go on until interrupted.")]
AgentArgument = Annotated[str, typer.Argument(help="The agent's name.", metavar="NAME")]


def configuration(path: Path | None, overrides: dict[str, object] | None = None) -> Config:
    """The configuration that holds here. Raises `ConfigError`."""
    from loreli_ray.config.loading import find, load

    given = {key: value for key, value in (overrides or {}).items() if value is not None}
    return load(path or find(Path.cwd()), overrides=given)


def home(config: Path | None) -> Path:
    """Where sessions are kept; the configuration is only read where one could say so."""
    if config is None and "LORELI_HOME" in os.environ:
        return Path(os.environ["LORELI_HOME"]).expanduser()
    files = [config] if config is not None else _files_above(Path.cwd())
    return configuration(config).home if files else Path.home() / ".loreli"


def session_folder(wanted: str | None, config: Path | None) -> Path:
    """The folder of the session that is meant: the one named, else the only one that runs.

    Raises `UsageError` when that is not clear, `NotRunning` when none runs.
    """
    root = home(config) / "sessions"
    if wanted is not None:
        folder = root / wanted
        if not (folder / "session.json").exists():
            known = ", ".join(sorted(path.parent.name for path in root.glob("*/session.json"))) or "none"
            raise UsageError(f"there is no such session (known: {known})", subject=wanted)
        return folder
    running = sorted(path.parent for path in root.glob("*/endpoint.json"))
    if not running:
        raise NotRunning("no session is running: `loreli-ray up` starts one")
    if len(running) > 1:
        names = ", ".join(f"{folder.name} ({_repo(folder)})" for folder in running)
        raise UsageError(f"several sessions are running: say which one with --session (running: {names})")
    return running[0]


def recorded_folder(wanted: str | None, config: Path | None) -> Path:
    """The folder of the session that is meant, or was: when none runs, the only one there has been."""
    try:
        return session_folder(wanted, config)
    except NotRunning:
        ended = sorted(path.parent for path in (home(config) / "sessions").glob("*/session.json"))
        if not ended:
            raise
    if len(ended) > 1:
        names = ", ".join(f"{folder.name} ({_repo(folder)})" for folder in ended)
        raise UsageError(f"no session is running: say which ended one with --session (known: {names})")
    return ended[0]


def client(session: str | None, config: Path | None) -> SessionClient:
    """The client of the session that is meant."""
    from loreli_ray.actors.client import SessionClient

    return SessionClient.of(session_folder(session, config))


def _repo(folder: Path) -> str:
    return str(json.loads((folder / "session.json").read_text())["repo"])


def _files_above(start: Path) -> list[Path]:
    names = ("loreli.yml", "loreli.yaml")
    return [path for folder in (start, *start.parents) for name in names if (path := folder / name).exists()]
