"""What the host or a person put onto an agent's branch meanwhile: only a mere merge of the base may be left behind."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest

from loreli_ray.errors import GitError, WorkspaceError
from loreli_ray.git import git
from loreli_ray.workspace import Mirror, Workspace
from tests.workspace.conftest import AUTHOR

Make = Callable[..., Workspace]
Commit = Callable[..., str]
OnRemote = Callable[[str], str | None]

BRANCH = "kira/1-start"


class People:
    """Others with a clone of their own, and the host that merges."""

    def __init__(self, remote: Path, folder: Path) -> None:
        self.copy = folder
        git("clone", "--quiet", str(remote), str(folder))

    def on(self, branch: str) -> None:
        git("fetch", "--quiet", "origin", cwd=self.copy)
        git("checkout", "--quiet", "-B", branch, f"origin/{branch}", cwd=self.copy)

    def commit(self, branch: str, files: dict[str, str], *, new: bool = False) -> str:
        if new:
            git("checkout", "--quiet", "-B", branch, "origin/main", cwd=self.copy)
        else:
            self.on(branch)
        for name, text in files.items():
            (self.copy / name).write_text(text)
        return self._push(branch)

    def merge(self, other: str, *, into: str, resolved: dict[str, str] | None = None) -> str:
        """What `PUT /pulls/{n}/update-branch` does; with `resolved` files as somebody may leave them by hand."""
        self.on(into)
        with suppress(GitError) if resolved else nullcontext():  # a conflict, to be resolved
            git("merge", "--quiet", "--no-commit", "--no-ff", f"origin/{other}", cwd=self.copy, extra_env=AUTHOR)
        for name, text in (resolved or {}).items():
            (self.copy / name).write_text(text)
        return self._push(into)

    def _push(self, branch: str) -> str:
        git("add", "--all", cwd=self.copy)
        git("commit", "--quiet", "-m", "By others", cwd=self.copy, extra_env=AUTHOR)
        git("push", "--quiet", "origin", branch, cwd=self.copy)
        return git("rev-parse", "HEAD", cwd=self.copy)


@pytest.fixture
def clone(mirror: Mirror, make: Make, commit: Commit) -> Path:
    """The author's, with one commit that is pushed."""
    path = make().path
    commit(path, {"mine": "1\n"})
    mirror.push(clone=path, branch=BRANCH, expected=None)
    return path


@pytest.fixture
def people(remote: Path, tmp_path: Path, clone: Path) -> People:
    return People(remote, tmp_path / "people")


def push(mirror: Mirror, clone: Path, *, base: str | None = "main") -> str:
    mirror.sync()
    return mirror.push(clone=clone, branch=BRANCH, expected=mirror.head(BRANCH), base=base)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_the_hosts_updates_are_no_obstacle(
    mirror: Mirror, clone: Path, people: People, commit: Commit, on_remote: OnRemote, times: int
) -> None:
    for n in range(times):
        people.commit("main", {f"base-{n}": "x\n"})
        people.merge("main", into=BRANCH)
    people.commit("main", {"later": "x\n"})  # that it has moved on since is no matter
    second = commit(clone, {"mine": "2\n"})
    assert push(mirror, clone) == second
    assert on_remote(BRANCH) == second


@pytest.mark.parametrize("where", ["onto", "between", "beneath"])
def test_a_persons_commit_is_never_overwritten(
    mirror: Mirror, clone: Path, people: People, commit: Commit, on_remote: OnRemote, where: str
) -> None:
    people.commit("main", {"base": "x\n"})
    if where == "beneath":
        people.commit(BRANCH, {"theirs": "x\n"})
    people.merge("main", into=BRANCH)
    if where == "between":
        people.commit(BRANCH, {"theirs": "x\n"})
        people.commit("main", {"base": "y\n"})
        people.merge("main", into=BRANCH)
    if where == "onto":
        people.commit(BRANCH, {"theirs": "x\n"})
    _refused(mirror, clone, commit, on_remote)


def test_a_conflict_that_a_person_resolved_is_never_overwritten(
    mirror: Mirror, clone: Path, people: People, commit: Commit, on_remote: OnRemote
) -> None:
    people.commit("main", {"mine": "theirs\n"})
    people.merge("main", into=BRANCH, resolved={"mine": "both\n"})
    _refused(mirror, clone, commit, on_remote)


def test_a_merge_with_more_in_it_is_never_overwritten(
    mirror: Mirror, clone: Path, people: People, commit: Commit, on_remote: OnRemote
) -> None:
    people.commit("main", {"base": "x\n"})
    people.merge("main", into=BRANCH, resolved={"more": "x\n"})
    _refused(mirror, clone, commit, on_remote)


def test_a_persons_branch_that_was_merged_in_is_never_overwritten(
    mirror: Mirror, clone: Path, people: People, commit: Commit, on_remote: OnRemote
) -> None:
    people.commit("pat/fix", {"fix": "x\n"}, new=True)
    people.merge("pat/fix", into=BRANCH)
    _refused(mirror, clone, commit, on_remote)


def test_without_a_base_nothing_is_a_mere_update(mirror: Mirror, clone: Path, people: People, commit: Commit) -> None:
    people.commit("main", {"base": "x\n"})
    people.merge("main", into=BRANCH)
    commit(clone, {"mine": "2\n"})
    with pytest.raises(WorkspaceError, match="not a fast-forward"):
        push(mirror, clone, base=None)


def _refused(mirror: Mirror, clone: Path, commit: Commit, on_remote: OnRemote) -> None:
    theirs = on_remote(BRANCH)
    commit(clone, {"mine": "2\n"})
    with pytest.raises(WorkspaceError, match=f"not a fast-forward.*fetch, and merge origin/{BRANCH}"):
        push(mirror, clone)
    assert on_remote(BRANCH) == theirs
    # What it was told to do.
    git("fetch", "--quiet", "origin", cwd=clone)
    git("merge", "--quiet", "-X", "ours", "-m", "Merge", f"origin/{BRANCH}", cwd=clone, extra_env=AUTHOR)
    merged = push(mirror, clone)
    assert on_remote(BRANCH) == merged
