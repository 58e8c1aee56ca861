"""An agent's own clone: cheap to make, cleared for the next assignment, and removed without a trace.

Invariants
- It holds no credential. Its `origin` is the mirror on the same node, for fetching only: others push for the agent.
- Beside it lies a record of ours (`.<name>.workspace`): what it was made of, and the proof that we may delete it. It is
  not inside the clone, where a `rm -rf .git` of the agent would make the workspace one that nobody can remove.
- Once an agent has had it, git runs in it only after its git directory has been reduced to data (see `_reduce`);
  everything else looks at it through a `Shadow`.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from loreli_ray.errors import WorkspaceError
from loreli_ray.git import git
from loreli_ray.workspace.mirror import Mirror
from loreli_ray.workspace.shadow import Shadow, explained, git_directory, references

# All that git needs to know its history. The rest names commands, leads elsewhere, or is of a broken-off operation.
_DATA = frozenset({"HEAD", "objects", "refs", "packed-refs", "logs"})
_DELETE_TIMEOUT = 600.0


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose name the commits in a workspace carry."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class DiffStat:
    """What a branch changes: the paths, and lines added and deleted (none for binary files)."""

    files: tuple[str, ...]
    insertions: int
    deletions: int


@dataclass(frozen=True, slots=True)
class _Record:
    mirror: str
    remote: str
    name: str
    email: str
    exclude: list[str]


class Workspace:
    """A clone on disk, by its path. Blocking; one process works on it at a time."""

    def __init__(self, path: Path) -> None:
        """Opens a workspace that `create` made. Raises `WorkspaceError` when `path` is none of ours."""
        self.path = path
        try:
            self._record = _Record(**json.loads(_record_file(path).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise WorkspaceError(f"not a workspace of ours: {error}", subject=str(path)) from error

    @classmethod
    def create(
        cls,
        mirror: Mirror,
        *,
        path: Path,
        branch: str,
        start: str,
        identity: Identity,
        exclude: Sequence[str] = (),
    ) -> Workspace:
        """Clones the mirror to `path` (mode 0700) and checks out the new branch `branch` at `start`.

        `start`: a branch of the remote or a commit. `exclude`: patterns of files that are never committed
        (gitignore(5)). Raises `WorkspaceError`; then nothing is left of it.
        """
        oid = mirror.resolve(start)
        if path.exists():
            raise WorkspaceError("there is something already", subject=str(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        record = _Record(str(mirror.path), mirror.remote, identity.name, identity.email, list(exclude))
        _record_file(path).write_text(json.dumps(asdict(record)), encoding="utf-8")
        workspace = cls(path)
        try:
            path.mkdir(mode=0o700)
            with explained("can't be made", subject=str(path)):
                with mirror.exclusive():  # hard links to files that must not vanish meanwhile
                    git(
                        "clone", "--quiet", "--local", "--no-checkout", "--template=", "--", str(mirror.path), str(path)
                    )
                workspace._reduce(oid)
                workspace._check_out(oid, branch=branch)
        except (WorkspaceError, OSError):
            workspace.remove()
            raise
        return workspace

    def begin(self, branch: str, start: str) -> None:
        """Clears the workspace for another assignment: the new branch `branch` at `start`, as freshly cloned.

        What is not committed is gone (see `Mirror.rescue`); ignored files and earlier branches stay.
        Raises `WorkspaceError`.
        """
        self._renew(start, branch=branch)

    def checkout_detached(self, oid: str) -> None:
        """Clears the workspace and checks out a commit that the mirror has, on no branch. Raises `WorkspaceError`."""
        self._renew(oid, branch=None)

    def head(self) -> str | None:
        """The commit that is checked out; None when there is none."""
        return references(self.path).get("HEAD")

    def status(self) -> list[str]:
        """What is not committed, as `git status --porcelain` lines; ignored files and submodules don't count."""
        with Shadow(self.path) as shadow, explained("its files can't be read", subject=str(self.path)):
            return shadow.status(self.head())

    def is_clean(self) -> bool:
        """Whether all is committed."""
        return not self.status()

    def changes(self, base: str) -> DiffStat:
        """What the commits since the branch left `base` (a branch of the remote, or a commit) change."""
        mirror, head = self._mirror(), self.head()
        if head is None:
            return DiffStat((), 0, 0)
        options = ("--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty")
        with (
            Shadow(self.path, objects=mirror.path / "objects") as shadow,
            explained("can't be compared", subject=f"{base}...{head}"),
        ):
            lines = shadow.git("diff", *options, f"{mirror.resolve(base)}...{head}").split("\0")
        rows = [line.split("\t", 2) for line in lines if line]
        added, deleted = (sum(int(row[column]) for row in rows if row[column] != "-") for column in (0, 1))
        return DiffStat(tuple(row[2] for row in rows), added, deleted)

    def remove(self) -> None:
        """Deletes the workspace; no git runs. May be repeated. Raises `WorkspaceError` when something is left."""
        _delete(self.path)
        _record_file(self.path).unlink(missing_ok=True)

    def _renew(self, start: str, *, branch: str | None) -> None:
        mirror = self._mirror()
        oid = mirror.resolve(start)
        self._reduce(oid)
        heads = "+refs/heads/*:refs/remotes/origin/*"
        with explained("can't be cleared", subject=str(self.path)):
            self._git(
                "fetch", "--quiet", "--prune", "--no-recurse-submodules", "--no-write-fetch-head", "origin", heads, oid
            )
            self._check_out(oid, branch=branch)
            self._git("clean", "--quiet", "-d", "--force", "--force")

    def _check_out(self, oid: str, *, branch: str | None) -> None:
        place = ("--detach",) if branch is None else ("--no-track", "-B", branch)
        self._git("checkout", "--quiet", "--force", "--no-recurse-submodules", *place, oid)

    def _reduce(self, oid: str) -> None:
        """Takes everything but data out of the git directory, and puts our configuration there."""
        folder = git_directory(self.path)
        for entry in folder.iterdir():
            if entry.name not in _DATA:
                _delete(entry)
        for lock in (*folder.glob("*.lock"), *(folder / "refs").rglob("*.lock")):
            lock.unlink()
        (folder / "objects" / "info" / "alternates").unlink(missing_ok=True)
        head = folder / "HEAD"
        head.unlink(missing_ok=True)
        head.write_text(f"{oid}\n", encoding="utf-8")
        (folder / "info").mkdir()
        (folder / "info" / "exclude").write_text(
            "".join(f"{line}\n" for line in self._record.exclude), encoding="utf-8"
        )
        (folder / "config").write_text(self._config(), encoding="utf-8")

    def _config(self) -> str:
        sections = {
            "core": {"repositoryFormatVersion": "0", "bare": "false", "logAllRefUpdates": "true"},
            'remote "origin"': {
                "url": self._record.mirror,
                "pushUrl": "/dev/null/the-team-pushes-for-you",
                "fetch": "+refs/heads/*:refs/remotes/origin/*",
            },
            "user": {"name": self._record.name, "email": self._record.email},
            "commit": {"gpgSign": "false"},
        }
        lines = [
            line
            for section, values in sections.items()
            for line in (f"[{section}]", *(f"\t{key} = {_quoted(value)}" for key, value in values.items()))
        ]
        return "\n".join(lines) + "\n"

    def _mirror(self) -> Mirror:
        return Mirror(Path(self._record.mirror), remote=self._record.remote)

    def _git(self, *arguments: str) -> str:
        return git(*arguments, cwd=self.path, extra_env={"GIT_DIR": str(git_directory(self.path))})


def _record_file(path: Path) -> Path:
    return path.with_name(f".{path.name}.workspace")


def _quoted(value: str) -> str:
    """As git-config(1) wants it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _delete(path: Path) -> None:
    """Deletes whatever is there: of any depth, read-only or not, and never what a link leads to."""
    remove, open_up = ["rm", "-rf", "--", str(path)], ["chmod", "-R", "u+rwX", "--", str(path)]
    problem = ""
    for command in (remove, open_up, remove):
        problem = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_DELETE_TIMEOUT).stderr
        if not os.path.lexists(path):
            return
    raise WorkspaceError(f"can't be removed: {problem.strip()}", subject=str(path))
