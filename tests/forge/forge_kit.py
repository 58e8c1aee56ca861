"""A running forge for tests: its people, its clients, and working copies of its repository."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from githubkit import GitHub, TokenAuthStrategy

from loreli_ray.forge import Forge, ForgeServer
from tests.forge.app_kit import Key

OWNER, COLLABORATOR, STRANGER = "olive", "cole", "sam"
REPOSITORY = f"{OWNER}/garden"
HOME = f"/repos/{REPOSITORY}"


def run_git(*arguments: str, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "HOME": str(cwd), "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "core.compression=0")
    return subprocess.run(
        ["git", *who, *arguments], cwd=cwd, env=env, check=check, capture_output=True, text=True, timeout=60
    )


@dataclass
class Checkout:
    """A working copy; `commit` starts or continues a branch."""

    path: Path

    def git(self, *arguments: str, check: bool = True) -> str:
        return run_git(*arguments, cwd=self.path, check=check).stdout.strip()

    def commit(self, branch: str, files: Mapping[str, str], *, message: str = "Change", start: str = "") -> str:
        known = run_git("rev-parse", "--verify", "-q", f"refs/heads/{branch}", cwd=self.path, check=False).stdout
        self.git("checkout", "-q", *([branch] if known else ["-b", branch, *([start] if start else [])]))
        for name, text in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def push(self, *refspecs: str) -> None:
        self.git("push", "-q", "origin", *refspecs)


@dataclass
class House:
    """A forge with one public repository, its server, and three people."""

    forge: Forge
    server: ForgeServer
    folder: Path
    copies: list[Checkout] = field(default_factory=list[Checkout])

    @property
    def bare(self) -> Path:
        return self.forge.repository_path(REPOSITORY)

    def git_url(self, login: str | None = OWNER, *, token: str | None = None, name: str = REPOSITORY) -> str:
        secret = token or (self.forge.token(login) if login else "")
        place = self.server.url.removeprefix("http://")
        return f"http://{login}:{secret}@{place}/{name}.git" if login else f"http://{place}/{name}.git"

    def checkout(self, login: str = OWNER) -> Checkout:
        """A clone over HTTP."""
        path = self.folder / f"copy-{len(self.copies)}"
        run_git("clone", "-q", self.git_url(login), str(path), cwd=self.folder)
        copy = Checkout(path)
        self.copies.append(copy)
        return copy

    def github(self, login: str = OWNER, *, prefix: str = "") -> GitHub[TokenAuthStrategy]:
        return GitHub(
            self.forge.token(login),
            base_url=self.server.url + prefix,
            http_cache=False,
            auto_retry=False,
            transport=httpx.HTTPTransport(),
        )

    @contextmanager
    def http(self, login: str | None = OWNER) -> Generator[httpx.Client]:
        headers = {"Authorization": f"Bearer {self.forge.token(login)}"} if login else {}
        with httpx.Client(base_url=self.server.url, headers=headers, timeout=30, trust_env=False) as client:
            yield client

    @contextmanager
    def app(self, slug: str = "ci") -> Generator[httpx.Client]:
        """A new app of the owner's, as its bot: check runs are made by nobody else."""
        app = self.forge.add_app(slug, public_key=Key.make().public, account=OWNER)
        token, _ = self.forge.apps.new_token(self.forge.apps.installation(app))
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=self.server.url, headers=headers, timeout=30, trust_env=False) as client:
            yield client

    def branch(self, name: str, files: Mapping[str, str], *, message: str = "Change") -> str:
        """A pushed branch off main with one more commit."""
        copy = self.copies[0] if self.copies else self.checkout()
        sha = copy.commit(name, files, message=message, start="origin/main")
        copy.push(name)
        return sha

    def pull(self, client: httpx.Client, branch: str, **fields: Any) -> dict[str, Any]:
        answer = client.post(f"{HOME}/pulls", json={"title": f"Add {branch}", "head": branch, "base": "main", **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()
