"""One bare repository, through the git command: refs, commits, contents, merges.

Invariants: a ref only ever moves by compare-and-swap (or where force is asked for); whatever a client named reaches git
behind `--end-of-options` or in a full ref name, so it is never read as an option; answers about two commit ids never
change, so they are cached for good.
"""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from loreli_ray.errors import ForgeError, GitError
from loreli_ray.forge.records import User
from loreli_ray.git import TIMEOUT, environment, git

ABSENT = "0" * 40
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
SHA = re.compile(r"[0-9a-f]{40}")

_HEADS = "refs/heads/"
_COMMIT_FORMAT = "%H%x00%T%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B"
_COMMIT_FIELDS = 10
# Given to every git the forge runs, so that old repositories follow a newer forge.
SETTINGS = {
    "http.receivepack": "true",
    "uploadpack.allowAnySHA1InWant": "true",
    "uploadpack.allowFilter": "true",
    "receive.denyNonFastForwards": "false",
    "receive.denyDeletes": "false",
    "receive.hideRefs": "refs/pull",  # the forge's own: readable, never pushed
    "core.filesRefLockTimeout": "5000",  # milliseconds; racing pushes wait for the lock, then compare
    "core.packedRefsTimeout": "5000",
}


@dataclass(frozen=True, slots=True)
class Signature:
    """Who and when, of a commit. `date` is in seconds since the epoch."""

    name: str
    email: str
    date: int


@dataclass(frozen=True, slots=True)
class Commit:
    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str

    @property
    def title(self) -> str:
        return self.message.partition("\n")[0]


@dataclass(frozen=True, slots=True)
class Entry:
    """What a path leads to: `kind` is blob, tree or commit (a submodule); `size` is in bytes, 0 for a tree."""

    mode: str
    kind: str
    sha: str
    size: int
    name: str


class GitRepository:
    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path, *, source: Path | None) -> tuple[GitRepository, str]:
        """Makes a bare repository at `path`, with the heads and tags of `source`; returns it and its default branch.

        Raises `ForgeError` if the source is not a git repository or has no commit.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        git("init", "--quiet", "--bare", "--initial-branch=main", str(path))
        repository = cls(path)
        repository.git("mktree", stdin="")  # claims are commits on the empty tree
        branch = repository._copy(source) if source else "main"
        repository.set_head(branch)
        return repository, branch

    def git(self, *arguments: str, stdin: str | None = None, extra_env: Mapping[str, str] | None = None) -> str:
        return git(*arguments, cwd=self.path, stdin=stdin, settings=SETTINGS, extra_env=extra_env)

    # Refs ----------------------------------------------------------------------------------------------------------

    def set_head(self, branch: str) -> None:
        self.git("symbolic-ref", "HEAD", _HEADS + branch)

    def refs(self, prefix: str = "refs/") -> dict[str, str]:
        """Ref name → object id, of every ref that begins with `prefix`, sorted by name."""
        if not well_formed(prefix):
            return {}
        folder = prefix[: prefix.rindex("/") + 1]
        out = self.git("for-each-ref", "--format=%(objectname) %(refname)", folder)
        pairs = (line.split(" ", 1) for line in out.split("\n") if line)
        return {name: sha for sha, name in pairs if name.startswith(prefix)}

    def heads(self) -> dict[str, str]:
        """Branch name → commit id."""
        return {name.removeprefix(_HEADS): sha for name, sha in self.refs(_HEADS).items()}

    def ref(self, name: str) -> str | None:
        """The object id that the full ref name `name` points at."""
        if not well_formed(name):
            return None
        return self._answer("rev-parse", "--verify", "--quiet", "--end-of-options", name)

    def swap(self, name: str, *, new: str, old: str) -> bool:
        """Moves a ref from `old` to `new` (`ABSENT` on either side: create, delete). False if it is not at `old`.

        Raises `GitError` where the name is not possible, beside `a/b` an `a` for instance.
        """
        try:
            self.git("update-ref", name, new, old)
        except GitError:
            if (self.ref(name) or ABSENT) != old:
                return False
            raise
        return True

    def swap_all(self, moves: Sequence[tuple[str, str, str]]) -> None:
        """Moves every (name, new, old) as `swap` does, or none. Raises `GitError` if one can't be moved."""
        self.git("update-ref", "--stdin", stdin="".join(f"update {name} {new} {old}\n" for name, new, old in moves))

    def force(self, name: str, sha: str) -> None:
        self.git("update-ref", name, sha)

    def valid_ref(self, name: str) -> bool:
        """Whether git takes `name` as a full ref name (git-check-ref-format(1))."""
        return well_formed(name) and self._answer("check-ref-format", name) is not None

    # Objects -------------------------------------------------------------------------------------------------------

    def kind(self, sha: str) -> str | None:
        """commit, tree, blob or tag; None if there is no such object."""
        return self._answer("cat-file", "-t", sha) if SHA.fullmatch(sha) else None

    def resolve(self, revision: str) -> str | None:
        """The commit that a branch, tag, full ref name or (short) commit id means."""
        if not well_formed(revision):
            return None
        for name in (_HEADS + revision, "refs/tags/" + revision, revision):
            sha = self._answer("rev-parse", "--verify", "--quiet", "--end-of-options", name + "^{commit}")
            if sha:
                return sha
        return None

    def commit(self, sha: str) -> Commit:
        return _commit(self.path, sha)

    def log(self, *range_: str, limit: int = 0) -> list[Commit]:
        """The commits of a range in git's own order, newest first."""
        count = [f"--max-count={limit}"] if limit else []
        out = run_text(self.path, "log", "-z", f"--format={_COMMIT_FORMAT}", *count, "--end-of-options", *range_, "--")
        return _commits(out)

    def count(self, range_: str) -> int:
        return int(self.git("rev-list", "--count", "--end-of-options", range_, "--"))

    def merge_base(self, one: str, other: str) -> str | None:
        return self._answer("merge-base", one, other)

    def contains(self, descendant: str, ancestor: str) -> bool:
        return self._answer("merge-base", "--is-ancestor", ancestor, descendant) is not None

    def commit_tree(
        self, *, tree: str, parents: Sequence[str], message: str, author: Signature, committer: Signature
    ) -> str:
        """Writes a commit and returns its id. Raises `GitError` for a name or date that git does not take."""
        arguments = [argument for parent in parents for argument in ("-p", parent)]
        env: dict[str, str] = {}
        for role, who in (("AUTHOR", author), ("COMMITTER", committer)):
            env |= {
                f"GIT_{role}_NAME": who.name,
                f"GIT_{role}_EMAIL": who.email,
                f"GIT_{role}_DATE": f"@{who.date} +0000",
            }
        return self.git("commit-tree", tree, *arguments, "-F", "-", stdin=message, extra_env=env)

    # Contents ------------------------------------------------------------------------------------------------------

    def entry(self, sha: str, path: str) -> Entry | None:
        """What lies at `path` in the tree of commit `sha`; the root is a tree."""
        if not path:
            return Entry("040000", "tree", self.commit(sha).tree, 0, "")
        if "\0" in path or {"", ".", ".."} & set(path.split("/")):
            return None
        found = [entry for entry in self._list(sha, ":(literal)" + path) if entry.name == path]
        return found[0] if found else None

    def entries(self, tree: str, *, deep: bool = False) -> list[Entry]:
        """What a tree holds; `deep` also beneath its folders."""
        return self._list(tree, deep=deep)

    def write_blob(self, data: bytes) -> str:
        return run_bytes(self.path, "hash-object", "-w", "--stdin", stdin=data).decode().strip()

    def blob(self, sha: str) -> bytes:
        """A file's bytes, as they are."""
        return run_bytes(self.path, "cat-file", "blob", sha)

    # Merges --------------------------------------------------------------------------------------------------------

    def merged_tree(self, base: str, head: str) -> str | None:
        """The tree of `head` merged into `base`, None if they conflict or share no history."""
        return _merged_tree(self.path, base, head)

    @contextmanager
    def merging(self) -> Generator[None]:
        """Held by one thread of one process at a time; the kernel lets go of it when its holder dies."""
        with (self.path / "merging.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def replay(self, commits: Sequence[Commit], *, onto: str, committer: Signature) -> str | None:
        """Rebases: each commit's change again on top of `onto`; the new tip, or None at the first conflict.

        A change is a merge whose base is the commit's parent. `merge-tree` takes a base of our choice only since git
        2.40; a throw-away commit with our tree and that very parent makes any git that has it find the same base.
        """
        tip = onto
        for commit in commits:
            stand_in = self.commit_tree(
                tree=self.commit(tip).tree, parents=commit.parents, message="", author=committer, committer=committer
            )
            tree = self.merged_tree(stand_in, commit.sha)
            if tree is None:
                return None
            tip = self.commit_tree(
                tree=tree, parents=[tip], message=commit.message, author=commit.author, committer=committer
            )
        return tip

    # Parts ---------------------------------------------------------------------------------------------------------

    def _copy(self, source: Path) -> str:
        """Takes over heads and tags, and nothing else (no remote: a path of this machine is nobody's business)."""
        try:
            head = self.git("ls-remote", "--symref", str(source.resolve()), "HEAD")
            self.git(
                "fetch", "--quiet", "--no-tags", "--update-shallow", str(source.resolve()),
                "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*",
            )  # fmt: skip
        except GitError as error:
            raise ForgeError(f"can't be read as a git repository: {error.message}", subject=str(source)) from error
        heads = self.heads()
        if not heads:
            raise ForgeError("has no commit on any branch", subject=str(source))
        named = re.match(r"ref: refs/heads/(\S+)\tHEAD", head)
        if named and named[1] in heads:
            return named[1]
        return "main" if "main" in heads else next(iter(heads))

    def _answer(self, *arguments: str) -> str | None:
        """git's answer, None where it says no with a status of its own."""
        try:
            return self.git(*arguments)
        except GitError as error:
            if error.returncode is None:
                raise
            return None

    def _list(self, tree: str, *paths: str, deep: bool = False) -> list[Entry]:
        found: list[Entry] = []
        below = ["-r", "-t"] if deep else []
        out = run_text(self.path, "ls-tree", "-z", "--long", "--full-tree", *below, tree, "--", *paths)
        for line in out.split("\0")[:-1]:
            facts, _, name = line.partition("\t")
            mode, kind, sha, size = facts.split()
            found.append(Entry(mode, kind, sha, int(size) if size != "-" else 0, name))
        return found


def run_bytes(path: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """What git prints, byte for byte: file contents and names may hold line ends of every kind."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=path,
        env=environment(),
        input=stdin,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    if done.returncode:
        stderr = done.stderr.decode(errors="replace").strip()
        raise GitError(stderr, subject=f"git {arguments[0]}", returncode=done.returncode, stderr=stderr)
    return done.stdout


def run_text(path: Path, *arguments: str) -> str:
    """The same as text; what is not UTF-8 is replaced."""
    return run_bytes(path, *arguments).decode(errors="replace")


def signature(user: User, now: float) -> Signature:
    return Signature(user.login, user.email, int(now))


def well_formed(name: str) -> bool:
    """Whether a name may be given to git at all: no control character, no revision syntax."""
    return bool(name) and not re.search(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{", name) and not name.startswith("-")


def place(made: Path, path: Path) -> None:
    """Puts a finished repository where it belongs. Raises `ForgeError` if something lies there."""
    try:
        made.rename(path)
    except OSError as error:
        raise ForgeError(f"is in the way, but the forge has no record of it: {os.strerror(error.errno or 0)}",
                         subject=str(path)) from error  # fmt: skip


@lru_cache(maxsize=4096)
def _merged_tree(path: Path, base: str, head: str) -> str | None:
    try:
        return git("merge-tree", "--write-tree", "--no-messages", base, head, cwd=path)
    except GitError as error:
        # 1: conflicts; 128 with these words: nothing in common (git-merge-tree(1)).
        if error.returncode == 1 or "unrelated histories" in error.stderr:
            return None
        raise


@lru_cache(maxsize=4096)
def _commit(path: Path, sha: str) -> Commit:
    out = run_text(path, "log", "-z", "--max-count=1", f"--format={_COMMIT_FORMAT}", "--end-of-options", sha, "--")
    return _commits(out)[0]


def _commits(out: str) -> list[Commit]:
    """Parses `git log -z --format=_COMMIT_FORMAT`: the fields of all commits, one after the other."""
    parts = out.split("\0")
    found: list[Commit] = []
    for start in range(0, len(parts) - _COMMIT_FIELDS + 1, _COMMIT_FIELDS):
        sha, tree, parents, name, email, date, committer, address, committed, message = parts[start:][:_COMMIT_FIELDS]
        found.append(
            Commit(
                sha,
                tree,
                tuple(parents.split()),
                Signature(name, email, _seconds(date)),
                Signature(committer, address, _seconds(committed)),
                message.removesuffix("\n"),
            )
        )
    return found


def _seconds(date: str) -> int:
    """0 for a time before 1970 and for what is no time at all."""
    return int(date) if date.isdigit() else 0
