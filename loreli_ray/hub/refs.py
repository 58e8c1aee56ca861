"""The refs of the git host, read and moved through git: no request of the API's budget is spent on them.

A ref is moved by `git push --force-with-lease=<ref>:<seen>` and never with `+`, which would switch the lease off: the
host compares and swaps under its own lock. What refs say is the message of a commit without parents and with an empty
tree.

Every method raises `Unavailable` when the host can't be reached and another `HubError` when it refuses.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from loreli_ray.errors import Conflict, GitError, HubError, NotFound, Refused, Unavailable
from loreli_ray.git import GitCredential, git_async

TIMEOUT = 30.0
READ_TRIES = 3
_AUTHOR = {f"GIT_{who}_{what}": value
           for who in ("AUTHOR", "COMMITTER")
           for what, value in (("NAME", "loreli"), ("EMAIL", "loreli@localhost"))}  # fmt: skip
# What git says of a swap that lost, at either end; of a host that gave no answer; and of one that is in trouble.
_LOST = ("stale info", "fetch first", "lock ref", "failed to update ref", "already exists", "incorrect old value")
_SILENT = ("unable to access", "RPC failed", "hung up unexpectedly", "unexpected disconnect", "early EOF")
_IN_TROUBLE = re.compile(r"internal|unpack|unable to|temporar|time[d ]?-?out|try again|quota|no space", re.IGNORECASE)
_TURNED_DOWN = re.compile(r"! \[remote rejected\] .*\((.*)\)")
_STATUS = re.compile(r"returned error: (\d{3})")
_LOCKED_OUT = re.compile(r"Authentication failed|could not read Username")
_MISSING = re.compile(r"repository .* not found", re.IGNORECASE)
# Commits that were made here, and fetches, between two cleanings: each leaves a file or more behind.
_CLEAN_EVERY = 500
_KEPT = "1.hour.ago"


Keys = Callable[[], Awaitable[GitCredential | None]]
"""The credential that holds now: a GitHub App's lasts for an hour."""


class Refs:
    """The refs of one remote repository, through a small bare repository of their own at `path`."""

    def __init__(self, path: Path, *, remote: str, keys: Keys) -> None:
        self.remote = remote
        self._path = path
        self._keys = keys
        self._since_cleaned = 0

    async def open(self) -> None:
        """Makes the repository, if it is not there yet."""
        if not (self._path / "HEAD").exists():
            self._path.mkdir(parents=True, exist_ok=True)
            await self._git("init", "--quiet", "--bare", "--template=")
            return
        await self.clean()

    async def clean(self) -> None:
        """Packs what is held, and drops what nothing holds: commits of an hour ago that were replaced since."""
        self._since_cleaned = 0
        await self._git("gc", "--quiet", "--force", f"--prune={_KEPT}")

    async def list(self, *patterns: str) -> dict[str, str]:
        """The refs that the host holds, with their objects. A pattern also matches longer names that end alike."""
        text = await self._reading("ls-remote", "--quiet", self.remote, *patterns)
        pairs = (line.split("\t", 1) for line in text.split("\n") if "\t" in line)
        return {ref: oid for oid, ref in pairs}

    async def fetch(self, folder: str) -> dict[str, tuple[str, str]]:
        """All refs beneath `folder`: object and first paragraph of its message, "" for what is no commit."""
        everything = f"+{folder}/*:{folder}/*"
        await self._reading("fetch", "--quiet", "--no-tags", "--prune", self.remote, everything)
        await self._clean_now_and_then()
        text = await self._git("for-each-ref", "--format=%(refname) %(objectname) %(contents:subject)", folder)
        lines = (line.split(" ", 2) for line in text.split("\n") if line)
        return {ref: (oid, message) for ref, oid, message in lines}

    async def commit(self, message: str) -> str:
        """A commit that says `message`."""
        tree = await self._git("hash-object", "-t", "tree", "-w", "--stdin", stdin="")
        self._since_cleaned += 1
        return await self._git("commit-tree", tree, stdin=message, extra_env=_AUTHOR)

    async def swap(self, ref: str, *, seen: str, oid: str | None, subject: str) -> None:
        """Moves `ref` from `seen` ("": it is not there) to `oid` (None: deletes it). `Conflict` when it moved."""
        lease = f"--force-with-lease={ref}:{seen}"
        try:
            await self._remotely("push", "--quiet", "--no-verify", lease, self.remote, f"{oid or ''}:{ref}")
        except GitError as error:
            if any(words in error.stderr for words in _LOST):
                raise Conflict("somebody else moved it", subject=subject) from error
            failure = translated(error, subject=subject)
            # The answer may be lost and the push not: what the host holds now decides.
            if not isinstance(failure, Unavailable) or (await self.list(ref)).get(ref) != oid:
                raise failure from error

    async def _clean_now_and_then(self) -> None:
        self._since_cleaned += 1
        if self._since_cleaned >= _CLEAN_EVERY:
            await self.clean()

    async def _reading(self, *arguments: str) -> str:
        """Asked again at once when the host is in trouble; one that says nothing for long is not waited for twice."""
        for attempt in range(1, READ_TRIES + 1):
            try:
                return await self._remotely(*arguments)
            except GitError as error:
                failure = translated(error, subject=self.remote)
                brief = isinstance(failure, Unavailable) and error.returncode is not None
                if attempt == READ_TRIES or not brief:
                    raise failure from error
        raise AssertionError("unreachable")

    async def _remotely(self, *arguments: str) -> str:
        credential = await self._keys()
        return await git_async(*arguments, cwd=self._path, credential=credential, timeout=TIMEOUT)

    async def _git(self, *arguments: str, stdin: str | None = None, extra_env: dict[str, str] | None = None) -> str:
        return await git_async(*arguments, cwd=self._path, stdin=stdin, extra_env=extra_env)


def translated(error: GitError, *, subject: str) -> HubError:
    """What git's failure means: `Refused` when the host said no.

    It has an HTTP status when we may do nothing of the kind, and none when a certain ref is turned down.
    """
    found = _STATUS.search(error.stderr)
    status = int(found[1]) if found else 0
    turned_down = _TURNED_DOWN.search(error.stderr)
    kind = HubError
    if status in (401, 403) or _LOCKED_OUT.search(error.stderr):
        kind, status = Refused, status or 401
    elif _MISSING.search(error.stderr):
        kind = NotFound
    elif turned_down is not None:
        kind = Unavailable if _IN_TROUBLE.search(turned_down[1]) else Refused
    elif error.returncode is None or any(words in error.stderr for words in _SILENT):
        kind = Unavailable
    said = f"the host says: {turned_down[1]}" if turned_down is not None else str(error)
    return kind(said, subject=subject, status=status)
