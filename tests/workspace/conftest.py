"""A remote with one commit, a mirror of it, and workspaces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from loreli_ray.git import git
from loreli_ray.workspace import Identity, Mirror, Workspace

KIRA = Identity("Kira", "kira@example.invalid")
AUTHOR = {
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.invalid",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.invalid",
}


def commit(clone: Path, files: dict[str, str], message: str = "Work") -> str:
    """Commits `files` as the agent would, and returns the commit."""
    for name, text in files.items():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text(text, encoding="utf-8")
    git("add", "--all", ".", cwd=clone)
    git("commit", "--quiet", "--allow-empty", "-m", message, cwd=clone)
    return git("rev-parse", "HEAD", cwd=clone)


@pytest.fixture(name="commit")
def _commit() -> Callable[..., str]:
    return commit


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A bare repository with `main`."""
    seed, bare = tmp_path / "seed", tmp_path / "remote.git"
    git("init", "--quiet", str(seed))
    (seed / "README").write_text("hello\n")
    (seed / ".gitignore").write_text("*.o\n")
    (seed / "src").mkdir()
    (seed / "src" / "main.c").write_text("int main;\n")
    git("add", ".", cwd=seed)
    git("commit", "--quiet", "-m", "First", cwd=seed, extra_env=AUTHOR)
    git("clone", "--quiet", "--bare", str(seed), str(bare))
    return bare


@pytest.fixture
def mirror(tmp_path: Path, remote: Path) -> Mirror:
    mirror = Mirror(tmp_path / "node" / "mirror.git", remote=str(remote), limit=1 << 20)
    mirror.sync()
    return mirror


@pytest.fixture
def make(tmp_path: Path, mirror: Mirror) -> Callable[..., Workspace]:
    def create(name: str = "kira", *, branch: str = "kira/1-start", start: str = "main") -> Workspace:
        return Workspace.create(
            mirror, path=tmp_path / "work" / name, branch=branch, start=start, identity=KIRA, exclude=["*.local"]
        )

    return create


@pytest.fixture
def on_remote(remote: Path) -> Callable[[str], str | None]:
    """The commit of a branch of the remote."""

    def look(branch: str) -> str | None:
        return git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}", cwd=remote) or None

    return look
