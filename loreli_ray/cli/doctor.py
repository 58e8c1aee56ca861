"""`loreli-ray doctor`: what is missing here or on the git host, and how to get it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from loreli_ray.cli.credentials import credentials
from loreli_ray.cli.options import ConfigOption, JsonOption, configuration
from loreli_ray.errors import ConfigError, UsageError
from loreli_ray.model.finding import Finding

if TYPE_CHECKING:
    from loreli_ray.config import Config

_PACKAGE_MANAGERS = {
    "apt-get": "apt-get install",
    "dnf": "dnf install",
    "apk": "apk add",
    "pacman": "pacman -S",
    "zypper": "zypper install",
    "brew": "brew install",
}


def doctor(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    offline: Annotated[bool, typer.Option("--offline", help="Don't ask the git host.")] = False,
) -> None:
    """Check this machine (Python, git, tmux, Ray, the agent programs), the accounts, and the repository's settings."""
    findings = list(_machine())
    try:
        settings = configuration(config)
    except ConfigError as error:
        findings.append(Finding(what="configuration", ok=False, found="mistakes", remedy=str(error)))
    else:
        findings += [*_programs(settings), *_host(settings, offline=offline)]
    if as_json:
        typer.echo(json.dumps([finding.model_dump(mode="json") for finding in findings]))
    else:
        for finding in findings:
            mark = "ok  " if finding.ok else "MISS" if finding.needed else "hint"
            remedy = "" if finding.ok or not finding.remedy else f" → {finding.remedy}"
            typer.echo(f"{mark} {finding.what}: {finding.found}{remedy}")
    raise typer.Exit(1 if any(finding.needed and not finding.ok for finding in findings) else 0)


def _machine() -> Iterator[Finding]:
    python = ".".join(str(part) for part in sys.version_info[:3])
    new_enough = sys.version_info >= (3, 11)
    yield Finding(what="Python", ok=new_enough, found=python, remedy="install Python 3.11 or newer")
    yield _tool("git", ["git", "--version"], least=(2, 38))
    yield _tool("tmux", ["tmux", "-V"], least=(3, 2))
    from importlib.metadata import PackageNotFoundError, version

    try:
        yield Finding(what="Ray", ok=True, found=version("ray"))
    except PackageNotFoundError:
        yield Finding(what="Ray", ok=False, found="not installed", remedy="pip install loreli-ray")


def _programs(config: Config) -> Iterator[Finding]:
    from loreli_ray.backends import configured

    for backend in configured(config):
        program = backend.find()
        remedy = f"put it on PATH, or change backends.{backend.name}.command in loreli.yml"
        found = program.path if program else "not found"
        yield Finding(what=f"backend {backend.name}", ok=program is not None, found=found, remedy=remedy)
    if not config.backends:
        remedy = "name agent programs under `backends:` in loreli.yml"
        yield Finding(what="backends", ok=False, found="none configured", remedy=remedy, needed=False)


def _host(config: Config, *, offline: bool) -> Iterator[Finding]:
    """The accounts, and what they may do on the git host."""
    needed = config.repo is not None
    try:
        accounts = credentials(os.environ)
    except UsageError as error:
        remedy = "export GITHUB_TOKEN=…, or GITHUB_APP_ID=… and GITHUB_APP_PRIVATE_KEY=…"
        yield Finding(what=error.subject, ok=False, found=error.message, remedy=remedy, needed=needed)
        return
    for who, secret in (("author", accounts.author), ("reviewer", accounts.reviewer)):
        if secret is not None:
            kind = "token" if isinstance(secret, str) else f"GitHub App {secret.app_id}"
            yield Finding(what=f"{who} credentials", ok=True, found=kind)
    if config.repo is None:
        yield Finding(what="repository", ok=False, found="not named", remedy="`repo:` in loreli.yml", needed=False)
    elif not offline:
        from loreli_ray.clock import SystemClock
        from loreli_ray.hub.checkup import checkup

        looking = checkup(config.repo, config=config.hub, credentials=accounts, clock=SystemClock())
        yield from asyncio.run(looking)


def _tool(name: str, command: list[str], *, least: tuple[int, int]) -> Finding:
    remedy = f"{_install_command()} {name}"
    if shutil.which(command[0]) is None:
        return Finding(what=name, ok=False, found="not found", remedy=remedy)
    said = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout.strip()
    numbers = re.search(r"(\d+)\.(\d+)", said)
    new_enough = numbers is not None and (int(numbers[1]), int(numbers[2])) >= least
    return Finding(what=name, ok=new_enough, found=said, remedy=f"{remedy} (at least {least[0]}.{least[1]})")


def _install_command() -> str:
    return next((command for tool, command in _PACKAGE_MANAGERS.items() if shutil.which(tool)), "install")
