"""Looking into a clone that an agent has had in its hands, without running anything it may have planted there.

A repository's own configuration, hooks and attributes name commands that git runs: filters, fsmonitor, ssh, promisor
remotes. So git never runs *in* such a clone. A shadow is an empty git directory of ours that borrows two things: the
clone's objects (as an alternate) and its files (as a work tree). Only the list of references comes from the clone's own
git directory, through upload-pack, which is made to be safe there (git(1), SECURITY), with lazy fetches off.

Nested repositories are never entered: their `git status` would obey their configuration.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from loreli_ray.errors import GitError, RemoteUnavailable, WorkspaceError
from loreli_ray.git import git

UPLOAD_PACK = (
    "env GIT_ALLOW_PROTOCOL=none GIT_NO_LAZY_FETCH=1 "
    f"git -c core.hooksPath={os.devnull} -c core.fsmonitor=false upload-pack --strict"
)
_MAX_EXCLUDE = 64 * 1024
_GITLINK = "160000 "
_PARTIAL = 1  # `git add --ignore-errors` left something out


@contextmanager
def explained(what: str, *, subject: str) -> Generator[None]:
    """Turns a `GitError` into a `WorkspaceError`, or `RemoteUnavailable`, that says what could not be done."""
    try:
        yield
    except GitError as error:
        kind = RemoteUnavailable if error.unreachable else WorkspaceError
        raise kind(f"{what}: {error.message}", subject=subject) from error


def git_directory(clone: Path) -> Path:
    """The `.git` of a clone; a link or a file that leads elsewhere is refused with `WorkspaceError`."""
    path = clone / ".git"
    try:
        if stat.S_ISDIR(path.lstat().st_mode):
            return path
    except FileNotFoundError:
        pass
    raise WorkspaceError("has no git directory of its own", subject=str(clone))


def references(clone: Path) -> dict[str, str]:
    """Every reference of a clone with the object it names; `HEAD` is missing when nothing was ever committed."""
    with explained("its references can't be read", subject=str(clone)):
        lines = git("ls-remote", "--quiet", f"--upload-pack={UPLOAD_PACK}", str(git_directory(clone))).splitlines()
    return {name: oid for oid, _, name in (line.partition("\t") for line in lines) if not name.endswith("^{}")}


class Shadow:
    """A context manager; `git_dir` holds what `git` wrote until it is left."""

    def __init__(self, clone: Path, *, objects: Path | None = None) -> None:
        """`objects`: another object folder to borrow from, such as a mirror's."""
        self._clone = clone
        self._sources = [git_directory(clone) / "objects", *([objects] if objects else [])]
        self._folder = tempfile.TemporaryDirectory(prefix="loreli-shadow-", ignore_cleanup_errors=True)
        self.git_dir = Path(self._folder.name)

    def __enter__(self) -> Shadow:
        git("init", "--quiet", "--bare", "--template=", str(self.git_dir))
        alternates = self.git_dir / "objects" / "info" / "alternates"
        alternates.parent.mkdir(exist_ok=True)
        alternates.write_text("".join(f"{source}\n" for source in self._sources), encoding="utf-8")
        exclude = self.git_dir / "info" / "exclude"
        exclude.parent.mkdir(exist_ok=True)
        exclude.write_bytes(_small_file(git_directory(self._clone) / "info" / "exclude"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def git(self, *arguments: str, stdin: str | None = None, extra_env: Mapping[str, str] | None = None) -> str:
        """Runs git on the clone's objects and files. Raises `GitError`."""
        places = {"GIT_DIR": str(self.git_dir), "GIT_WORK_TREE": str(self._clone), "GIT_NO_LAZY_FETCH": "1"}
        # Quoted paths are ASCII, so names that are not UTF-8 pass through Python unharmed.
        settings = {"core.bare": "false", "core.quotePath": "true"}
        return git(
            *arguments, cwd=self._clone, stdin=stdin, settings=settings, extra_env={**places, **(extra_env or {})}
        )

    def status(self, head: str | None) -> list[str]:
        """What differs between the commit `head` and the files, as `git status --porcelain` lines."""
        self._read(head)
        options = ("--porcelain", "--untracked-files=all", "--ignore-submodules=all", "--no-renames")
        return self.git("status", *options).splitlines()

    def tree(self, head: str | None) -> str:
        """The files as a tree object: those of `head` as they are now, and the untracked ones that are not ignored."""
        self._read(head)
        links = [line for line in self.git("ls-files", "--stage").splitlines() if line.startswith(_GITLINK)]
        removed = [f"0 {'0' * 40}\t{line.partition(chr(9))[2]}" for line in links]
        self._change_index(removed)
        try:
            self.git("add", "--all", "--ignore-errors", ".")
        except GitError as error:
            if error.returncode != _PARTIAL:
                raise
        self._change_index(links)
        return self.git("write-tree")

    def _read(self, head: str | None) -> None:
        if head is None:
            self.git("read-tree", "--empty")
            return
        (self.git_dir / "HEAD").write_text(f"{head}\n", encoding="utf-8")
        self.git("read-tree", head)

    def _change_index(self, lines: list[str]) -> None:
        if lines:
            self.git("update-index", "--index-info", stdin="".join(f"{line}\n" for line in lines))


def _small_file(path: Path) -> bytes:
    """The content of a plain file, and nothing for anything that would block, lead elsewhere, or be endless."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    with open(descriptor, "rb") as file:  # noqa: PTH123
        return file.read(_MAX_EXCLUDE) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
