"""Programs from npm for tests: installed once, beneath `.cache/` of the project, and run with the Node that is there.

A test that needs them is skipped, with the reason, where Node is missing or nothing can be installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx
import pytest

SCRIPTS = Path(__file__).parent / "node"
CACHE = Path(__file__).parents[1] / ".cache" / "node"
NODE_MIN = 20
INSTALL_SECONDS = 240.0
START_SECONDS = 30.0

OWNER, COLLABORATOR, STRANGER = "team", "judge", "sam"
REPOSITORY = f"{OWNER}/garden"


@dataclass(frozen=True)
class Emulated:
    """GitHub's REST API as `emulate` has it: in memory, with one repository that has one commit on main."""

    url: str
    tokens: Mapping[str, str]

    @contextmanager
    def http(self, login: str = OWNER) -> Generator[httpx.Client]:
        """A client with `login`'s token; its paths begin at `/repos/…`."""
        headers = {"Authorization": f"Bearer {self.tokens[login]}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False) as client:
            yield client


@pytest.fixture
def emulated() -> Iterator[Emulated]:
    """A fresh one for each test."""
    tokens = {login: f"token-of-{login}" for login in (OWNER, COLLABORATOR, STRANGER)}
    seed = {
        "tokens": {token: {"login": login, "scopes": ["repo", "user"]} for login, token in tokens.items()},
        "github": {
            "users": [{"login": login} for login in tokens],
            "repos": [{"owner": OWNER, "name": REPOSITORY.partition("/")[2], "auto_init": True}],
        },
    }
    with running("emulate.mjs", SEED=json.dumps(seed)) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        assert url.startswith("http://"), url
        server = Emulated(url, tokens)
        with server.http() as owner:
            owner.put(f"/repos/{REPOSITORY}/collaborators/{COLLABORATOR}", json={"permission": "push"})
        yield server


@contextmanager
def running(script: str, **variables: str) -> Generator[subprocess.Popen[str]]:
    """A script of `tests/node/` as a process; it has ended afterwards, whatever happened."""
    process = subprocess.Popen(
        command(script),
        cwd=packages(),
        env=environment(variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            assert process.stdin
            process.stdin.close()
            try:
                process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def command(script: str) -> list[str]:
    """The script is evaluated, not opened: so it finds its packages beneath the working directory."""
    return [node(), "--input-type=module", "--eval", (SCRIPTS / script).read_text()]


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """No proxy, no token, no options of whoever runs the tests."""
    return {"PATH": str(Path(node()).parent), "HOME": tempfile.gettempdir(), "NO_COLOR": "1", **variables}


@cache
def node() -> str:
    """The path of Node; skips the test where there is none, or one too old."""
    found = shutil.which("node")
    if not found:
        pytest.skip("needs Node, which is not installed")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
    if int(version.removeprefix("v").partition(".")[0]) < NODE_MIN:
        pytest.skip(f"needs Node {NODE_MIN} or newer, not {version.strip()}")
    return found


@cache
def packages() -> Path:
    """The folder with `node_modules`; skips the test where it can't be made."""
    wanted = SCRIPTS / "package.json"
    folder = CACHE / hashlib.sha256(wanted.read_bytes()).hexdigest()[:12]
    npm = shutil.which("npm")
    if folder.is_dir():
        return folder
    if not npm:
        pytest.skip("needs npm, which is not installed")
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:  # several test runs may come here at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            return folder
        with tempfile.TemporaryDirectory(dir=CACHE) as workshop:
            shutil.copy(wanted, workshop)
            options = ["--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
            try:
                subprocess.run(
                    [npm, "install", *options],
                    cwd=workshop,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    check=True,
                    timeout=INSTALL_SECONDS,
                )
            except subprocess.CalledProcessError as error:
                pytest.skip(f"npm can't install what is needed: {error.stderr.strip().splitlines()[-1:]}")
            except subprocess.TimeoutExpired:
                pytest.skip(f"npm did not install what is needed within {INSTALL_SECONDS:g} s")
            Path(workshop).rename(folder)
            Path(workshop).mkdir()  # for the context manager to remove
    return folder
