"""Running git: one place for its environment, its deadline and its credentials.

A credential travels in git's environment configuration (`GIT_CONFIG_COUNT`, git-config(1)), never in an argument or a
stored URL, so that no process list and no `.git/config` ever shows it. Configuration of the user or the machine is not
read, hooks never run, and git never asks on a terminal.
"""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from loreli_ray.errors import GitError

TIMEOUT = 120.0
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_KEPT = (
    "PATH",
    "HOME",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "SSH_AUTH_SOCK",
    *_PROXIES,
    *map(str.lower, _PROXIES),
)
_CONFIG = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "gc.auto": "0",
    "protocol.ext.allow": "never",
    "advice.detachedHead": "false",
    "init.defaultBranch": "main",
}


class GitCredential:
    """What git sends to one host: an Authorization header for every URL that starts with `url`."""

    def __init__(self, *, url: str, username: str, token: str) -> None:
        self.url = url
        self._header = "Authorization: Basic " + base64.b64encode(f"{username}:{token}".encode()).decode()

    def settings(self) -> dict[str, str]:
        return {f"http.{self.url}.extraHeader": self._header}

    def __repr__(self) -> str:
        return f"GitCredential(url={self.url!r})"


def environment(
    *, settings: Mapping[str, str] | None = None, credential: GitCredential | None = None
) -> dict[str, str]:
    """git's whole environment: a few harmless variables of ours, and our settings."""
    values = {**_CONFIG, **(settings or {}), **(credential.settings() if credential else {})}
    env = {name: os.environ[name] for name in _KEPT if name in os.environ}
    env |= {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "LC_ALL": "C.UTF-8",
    }
    env["GIT_CONFIG_COUNT"] = str(len(values))
    for index, (key, value) in enumerate(values.items()):
        env[f"GIT_CONFIG_KEY_{index}"] = key
        env[f"GIT_CONFIG_VALUE_{index}"] = value
    return env


def git(
    *arguments: str,
    cwd: Path | None = None,
    stdin: str | None = None,
    settings: Mapping[str, str] | None = None,
    credential: GitCredential | None = None,
    extra_env: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
) -> str:
    """Runs `git ARGUMENTS` in `cwd` and returns its standard output without the last newline.

    Raises `GitError` when it exits with anything but 0 or takes longer than `timeout` seconds.
    """
    env = environment(settings=settings, credential=credential) | dict(extra_env or {})
    name = _name(arguments)
    try:
        # A session of its own: it can't ask on a terminal, and its helpers (git-remote-http) can be ended with it.
        process = subprocess.Popen(
            ["git", *arguments],
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=env,
            start_new_session=True,
        )
    except OSError as error:
        raise GitError(f"can't be run: {error}", subject=name) from error
    with process:
        try:
            output, complaint = process.communicate(stdin, timeout=timeout)
        except BaseException as error:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise GitError(f"took longer than {timeout:g} s", subject=name) from error
            raise
    if process.returncode != 0:
        stderr = complaint.strip()
        last = stderr.splitlines()[-1] if stderr else f"exit status {process.returncode}"
        raise GitError(last, subject=name, returncode=process.returncode, stderr=stderr)
    return output.removesuffix("\n")


async def git_async(
    *arguments: str,
    cwd: Path | None = None,
    stdin: str | None = None,
    settings: Mapping[str, str] | None = None,
    credential: GitCredential | None = None,
    extra_env: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
) -> str:
    """`git` in a thread, for event loops."""
    return await asyncio.to_thread(
        git,
        *arguments,
        cwd=cwd,
        stdin=stdin,
        settings=settings,
        credential=credential,
        extra_env=extra_env,
        timeout=timeout,
    )


def _name(arguments: Sequence[str]) -> str:
    """`git fetch`, for messages: never the arguments, which may hold a URL."""
    words = [word for word in arguments if not word.startswith("-")]
    return f"git {words[0]}" if words else "git"
