"""`loreli-ray doctor`: what is missing here, and the command that installs it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import typer

from loreli_ray.cli.options import ConfigOption, JsonOption, configuration
from loreli_ray.errors import ConfigError

_PACKAGE_MANAGERS = {
    "apt-get": "apt-get install",
    "dnf": "dnf install",
    "apk": "apk add",
    "pacman": "pacman -S",
    "zypper": "zypper install",
    "brew": "brew install",
}


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `remedy` says what to do when it is not `ok`. One that is not `needed` is a hint."""

    what: str
    ok: bool
    found: str
    remedy: str = ""
    needed: bool = True


def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check this machine: Python, git, tmux, Ray, the agent programs, the token."""
    findings = [*_machine(), *_configured(lambda: configuration(config))]
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            mark = "ok  " if finding.ok else "MISS" if finding.needed else "hint"
            remedy = "" if finding.ok else f" → {finding.remedy}"
            typer.echo(f"{mark} {finding.what}: {finding.found}{remedy}")
    raise typer.Exit(1 if any(finding.needed and not finding.ok for finding in findings) else 0)


def _machine() -> Iterator[Finding]:
    python = ".".join(str(part) for part in sys.version_info[:3])
    yield Finding("Python", sys.version_info >= (3, 11), python, "install Python 3.11 or newer")
    yield _tool("git", ["git", "--version"], least=(2, 38))
    yield _tool("tmux", ["tmux", "-V"], least=(3, 2))
    from importlib.metadata import PackageNotFoundError, version

    try:
        yield Finding("Ray", True, version("ray"))
    except PackageNotFoundError:
        yield Finding("Ray", False, "not installed", "pip install loreli-ray")


def _configured(read: Callable[[], object]) -> Iterator[Finding]:
    from loreli_ray.backends import configured
    from loreli_ray.config import Config

    try:
        config = read()
    except ConfigError as error:
        yield Finding("configuration", False, "mistakes", str(error))
        return
    assert isinstance(config, Config)
    for backend in configured(config):
        program = backend.find()
        remedy = f"put it on PATH, or change backends.{backend.name}.command in loreli.yml"
        yield Finding(f"backend {backend.name}", program is not None, program.path if program else "not found", remedy)
    if not config.backends:
        yield Finding(
            "backends", False, "none configured", "name agent programs under `backends:` in loreli.yml", False
        )
    for name, needed in (("GITHUB_TOKEN", config.repo is not None), ("GITHUB_REVIEWER_TOKEN", False)):
        found = "set" if os.environ.get(name) else "not set"
        yield Finding(name, found == "set", found, f"export {name}=…", needed)


def _tool(name: str, command: list[str], *, least: tuple[int, int]) -> Finding:
    remedy = f"{_install_command()} {name}"
    if shutil.which(command[0]) is None:
        return Finding(name, False, "not found", remedy)
    said = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout.strip()
    numbers = re.search(r"(\d+)\.(\d+)", said)
    new_enough = numbers is not None and (int(numbers[1]), int(numbers[2])) >= least
    return Finding(name, new_enough, said, f"{remedy} (at least {least[0]}.{least[1]})")


def _install_command() -> str:
    return next((command for tool, command in _PACKAGE_MANAGERS.items() if shutil.which(tool)), "install")
