"""What changed between two commits: files, counts, patches, and which lines of a patch a review may point at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from loreli_ray.forge.repository import GitRepository, run_text

_STATUS = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "C": "copied", "T": "changed"}
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")


@dataclass(frozen=True, slots=True)
class FileChange:
    """`patch` begins at the first hunk, and is empty for a binary file or where only the mode changed."""

    path: str
    previous: str | None
    status: str
    sha: str
    additions: int
    deletions: int
    patch: str


@dataclass(frozen=True, slots=True)
class Position:
    """A line of a patch: how many lines beneath its first hunk header it stands, and its hunk down to it."""

    number: int
    hunk: str


def changes(repository: GitRepository, *, base: str, head: str) -> tuple[FileChange, ...]:
    """The files that differ between two trees or commits."""
    return _changes(repository.path, base, head)


def text(repository: GitRepository, *, base: str, head: str) -> str:
    """The whole difference as git prints it."""
    return run_text(repository.path, "diff-tree", "-r", "-M", "-p", base, head)


def position(patch: str, *, line: int, side: str) -> Position | None:
    """Where line `line` of the new (`RIGHT`) or old (`LEFT`) file stands in a patch, None if it doesn't."""
    old = new = start = 0
    lines = patch.split("\n")
    for number, content in enumerate(lines):
        header = _HUNK.match(content)
        if header:
            old, new, start = int(header[1]), int(header[2]), number
            continue
        mark = content[:1]
        here = new if side == "RIGHT" else old
        absent = "-" if side == "RIGHT" else "+"
        if here == line and mark in (" ", "+", "-") and mark != absent:
            return Position(number, "\n".join(lines[start : number + 1]))
        old += mark in (" ", "-")
        new += mark in (" ", "+")
    return None


@lru_cache(maxsize=1024)
def _changes(path: Path, base: str, head: str) -> tuple[FileChange, ...]:
    def run(*options: str) -> str:
        return run_text(path, "diff-tree", "-r", "-M", "--no-abbrev", *options, base, head).removesuffix("\n")

    counts = _counts(run("--numstat", "-z"))
    patches = _patches(run("-p"))
    found: list[FileChange] = []
    fields = iter(run("--raw", "-z").split("\0"))
    for facts in fields:
        if not facts:
            continue
        _, _, before, after, letter = facts.split()
        name, previous = next(fields), None
        if letter[0] in "RC":
            previous, name = name, next(fields)
        patch = next(patches)
        if letter[0] == "T":  # a file that became a link is printed as removed and added
            patch += "\n" + next(patches)
        added, deleted = counts.get(name, (0, 0))
        sha = before if letter[0] == "D" else after
        found.append(FileChange(name, previous, _STATUS.get(letter[0], "changed"), sha, added, deleted, patch))
    return tuple(found)


def _counts(out: str) -> dict[str, tuple[int, int]]:
    """Path → lines added and deleted; a renamed file has an empty path, then its old and its new one."""
    found: dict[str, tuple[int, int]] = {}
    fields = iter(out.split("\0"))
    for field in fields:
        if not field:
            continue
        added, deleted, name = field.split("\t", 2)
        if not name:
            next(fields)
            name = next(fields)
        found[name] = (int(added) if added != "-" else 0, int(deleted) if deleted != "-" else 0)
    return found


def _patches(out: str) -> Iterator[str]:
    sections = ("\n" + out).split("\ndiff --git ")[1:]
    return (section[section.index("\n@@") + 1 :] if "\n@@" in section else "" for section in sections)
