"""Syncing, pushing out of clones, and rescuing work, with real git."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from loreli_ray.errors import UsageError, WorkspaceError
from loreli_ray.git import git
from loreli_ray.workspace import Mirror, Workspace

Make = Callable[..., Workspace]
Commit = Callable[..., str]
OnRemote = Callable[[str], str | None]

BRANCH = "kira/1-start"


def sync(path: Path, remote: str) -> None:
    Mirror(path, remote=remote).sync()


# Sync


def test_a_mirror_follows_the_remote(mirror: Mirror, remote: Path, tmp_path: Path, on_remote: OnRemote) -> None:
    assert mirror.head("main") == on_remote("main")
    git("update-ref", "refs/heads/other", "refs/heads/main", cwd=remote)
    git("update-ref", "refs/tags/v1", "refs/heads/main", cwd=remote)
    mirror.sync()
    assert mirror.head("other") == on_remote("main")
    assert mirror.resolve("v1") == on_remote("main")
    git("update-ref", "-d", "refs/heads/other", cwd=remote)
    mirror.sync()
    with pytest.raises(WorkspaceError, match="no such branch"):
        mirror.head("other")


def test_many_may_sync_at_once(remote: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    path = tmp_path / "new" / "mirror.git"
    processes = [context.Process(target=sync, args=(path, str(remote))) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4
    assert Mirror(path, remote=str(remote)).head("main")


def test_what_a_killed_process_left_does_not_matter(mirror: Mirror, remote: Path, on_remote: OnRemote) -> None:
    (mirror.path / "refs" / "heads").mkdir(exist_ok=True)
    for name in ("packed-refs.lock", "refs/heads/main.lock", "HEAD.lock"):
        (mirror.path / name).write_text("")
    (mirror.path / "incoming-x" / "pack").mkdir(parents=True)
    tree = git("rev-parse", "main^{tree}", cwd=remote)
    identity = {f"GIT_{role}_{key}": "x" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    oid = git("commit-tree", tree, "-p", "main", "-m", "x", cwd=remote, extra_env=identity)
    git("update-ref", "refs/heads/main", oid, cwd=remote)
    mirror.sync()
    assert mirror.head("main") == oid
    assert list(mirror.path.glob("incoming-*")) == []


def test_a_remote_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="can't be fetched"):
        Mirror(tmp_path / "m", remote=str(tmp_path / "gone")).sync()


# Push


def test_a_branch_is_pushed_out_of_a_clone(mirror: Mirror, make: Make, commit: Commit, on_remote: OnRemote) -> None:
    clone = make().path
    first = commit(clone, {"a": "1"})
    assert mirror.push(clone=clone, branch=BRANCH, expected=None) == first
    assert on_remote(BRANCH) == first
    second = commit(clone, {"a": "2"})
    assert mirror.push(clone=clone, branch=BRANCH, expected=first) == second
    assert mirror.push(clone=clone, branch=BRANCH, expected=first) == second  # already there
    assert on_remote(BRANCH) == second
    assert git("for-each-ref", "refs/agents", cwd=mirror.path) == ""
    assert list(mirror.path.glob("incoming-*")) == []


def test_what_was_expected_must_be_there(mirror: Mirror, make: Make, commit: Commit, on_remote: OnRemote) -> None:
    mine, other = make().path, make("other").path
    theirs = commit(other, {"b": "1"})
    mirror.push(clone=other, branch=BRANCH, expected=None)
    ours = commit(mine, {"a": "1"})
    with pytest.raises(WorkspaceError, match="not where it was expected"):
        mirror.push(clone=mine, branch=BRANCH, expected=None)
    with pytest.raises(WorkspaceError, match="not where it was expected"):
        mirror.push(clone=mine, branch=BRANCH, expected=mirror.head("main"))
    with pytest.raises(WorkspaceError, match="not a fast-forward"):
        mirror.push(clone=mine, branch=BRANCH, expected=theirs)
    with pytest.raises(WorkspaceError, match="not a fast-forward"):
        mirror.push(clone=mine, branch=BRANCH, expected="1" * 40)
    assert on_remote(BRANCH) == theirs
    # What could not be pushed is kept, and a sync does not prune it.
    mirror.sync()
    assert git("rev-parse", f"refs/agents/{BRANCH}", cwd=mirror.path) == ours
    assert mirror.push(clone=mine, branch=BRANCH, expected=theirs, rewrite=True) == ours
    assert on_remote(BRANCH) == ours


def test_what_can_not_be_pushed(mirror: Mirror, make: Make, commit: Commit, remote: Path, on_remote: OnRemote) -> None:
    clone = make().path
    with pytest.raises(WorkspaceError, match="no such branch in the clone"):
        mirror.push(clone=clone, branch="kira/2-other", expected=None)
    for name in ("", "a..b", "-x y", "a:b", "x.lock"):
        with pytest.raises(UsageError):
            mirror.push(clone=clone, branch=name, expected=None)
    with pytest.raises(WorkspaceError, match="no git directory"):
        mirror.push(clone=clone / "src", branch=BRANCH, expected=None)
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho not on a Friday >&2\nexit 1\n")
    hook.chmod(0o755)
    commit(clone, {"a": "1"})
    with pytest.raises(WorkspaceError, match="not on a Friday"):
        mirror.push(clone=clone, branch=BRANCH, expected=None)
    assert on_remote(BRANCH) is None


def test_too_much_is_refused_and_not_kept(mirror: Mirror, make: Make, commit: Commit, on_remote: OnRemote) -> None:
    clone = make().path
    noise = os.urandom(1 << 20).hex()
    oid = commit(clone, {"big": noise})
    with pytest.raises(WorkspaceError, match="too large"):
        mirror.push(clone=clone, branch=BRANCH, expected=None)
    assert on_remote(BRANCH) is None
    with pytest.raises(WorkspaceError):
        mirror.resolve(oid)
    assert list(mirror.path.glob("incoming-*")) == []


def test_broken_objects_are_refused(mirror: Mirror, make: Make, on_remote: OnRemote) -> None:
    clone = make().path
    tree = git("rev-parse", "HEAD^{tree}", cwd=clone)
    text = f"tree {tree}\nauthor nobody\ncommitter nobody\n\nno date and no address\n"
    oid = git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", cwd=clone, stdin=text)
    git("update-ref", f"refs/heads/{BRANCH}", oid, cwd=clone)
    with pytest.raises(WorkspaceError, match="can't be taken"):
        mirror.push(clone=clone, branch=BRANCH, expected=None)
    assert on_remote(BRANCH) is None


# Rescue


def rescued(remote: Path, branch: str, path: str) -> str:
    return git("show", f"{branch}:{path}", cwd=remote)


def test_there_is_nothing_to_rescue(mirror: Mirror, make: Make, commit: Commit, remote: Path) -> None:
    workspace = make()
    clone = workspace.path
    assert mirror.rescue(clone=clone, agent="kira", ref_name="s-1") is None
    (clone / "x.o").write_text("ignored")
    (clone / "x.local").write_text("excluded")
    commit(clone, {"a": "1"})
    mirror.push(clone=clone, branch=BRANCH, expected=None)
    # Merged by squashing, and the branch deleted: it was on the remote once.
    git("update-ref", "-d", f"refs/heads/{BRANCH}", cwd=remote)
    mirror.sync()
    assert mirror.rescue(clone=clone, agent="kira", ref_name="s-1") is None
    assert git("for-each-ref", "refs/heads/rescue", cwd=remote) == ""


def test_commits_are_rescued_as_they_are(mirror: Mirror, make: Make, commit: Commit, on_remote: OnRemote) -> None:
    clone = make().path
    oid = commit(clone, {"a": "1"})
    assert mirror.rescue(clone=clone, agent="kira", ref_name="s-1") == "rescue/kira/s-1"
    assert on_remote("rescue/kira/s-1") == oid


def test_all_kinds_of_work_are_rescued(
    mirror: Mirror, make: Make, commit: Commit, remote: Path, on_remote: OnRemote
) -> None:
    clone = make().path
    commit(clone, {"stashed": "old"})
    (clone / "stashed").write_text("stashed")
    git("stash", "--quiet", cwd=clone)
    git("checkout", "--quiet", "-b", "elsewhere", cwd=clone)
    elsewhere = commit(clone, {"b": "1"})
    git("checkout", "--quiet", BRANCH, cwd=clone)
    here = commit(clone, {"a": "1"})
    (clone / "README").write_text("changed")
    (clone / "staged").write_text("staged")
    git("add", "staged", cwd=clone)
    (clone / "née \n.txt").write_text("untracked")
    (clone / os.fsdecode(b"\xff")).write_text("not UTF-8")
    (clone / "src" / "main.c").unlink()
    (clone / "x.o").write_text("ignored")
    os.mkfifo(clone / "fifo")
    before = git("status", "--porcelain", cwd=clone)

    branch = mirror.rescue(clone=clone, agent="kira", ref_name="s-1")
    assert branch == "rescue/kira/s-1"
    oid = on_remote(branch)
    assert git("status", "--porcelain", cwd=clone) == before
    assert git("rev-parse", f"{branch}^1", cwd=remote) == here
    history = git("log", "--format=%H", branch, cwd=remote).split()
    assert {here, elsewhere, git("rev-parse", "refs/stash", cwd=clone)} <= set(history)
    names = git("ls-tree", "-r", "-z", "--name-only", branch, cwd=remote).split("\0")
    assert sorted(filter(None, names)) == sorted(
        [".gitignore", "README", "a", "née \n.txt", "staged", "stashed", "\ufffd"]
    )
    assert rescued(remote, branch, "README") == "changed"

    # Again, as after a crash; and once more when there is more to save under a name that is taken.
    assert mirror.rescue(clone=clone, agent="kira", ref_name="s-1") == branch
    assert on_remote(branch) == oid
    (clone / "README").write_text("changed again")
    second = mirror.rescue(clone=clone, agent="kira", ref_name="s-1")
    assert second is not None
    assert second.startswith("rescue/kira/s-1-")
    assert rescued(remote, second, "README") == "changed again"


def test_a_folder_in_place_of_a_file_is_rescued(mirror: Mirror, make: Make, tmp_path: Path, remote: Path) -> None:
    clone = make().path
    (clone / "README").unlink()
    (clone / "README").mkdir()
    (clone / "README" / "now").write_text("a folder")
    (clone / "src" / "main.c").unlink()
    (clone / "src").rmdir()
    (clone / "src").symlink_to(tmp_path)
    branch = mirror.rescue(clone=clone, agent="kira", ref_name="s-1")
    assert branch is not None
    assert rescued(remote, branch, "README/now") == "a folder"
    assert rescued(remote, branch, "src") == str(tmp_path)


def test_commits_are_rescued_though_the_files_are_too_large(
    mirror: Mirror, make: Make, commit: Commit, on_remote: OnRemote
) -> None:
    clone = make().path
    oid = commit(clone, {"a": "1"})
    (clone / "big").write_bytes(os.urandom(2 << 20))
    with pytest.raises(WorkspaceError, match="too large"):
        mirror.rescue(clone=clone, agent="kira", ref_name="s-1")
    assert on_remote("rescue/kira/s-1") == oid


def test_a_repository_begun_anew_is_rescued(mirror: Mirror, make: Make, remote: Path) -> None:
    workspace = make()
    for path in (workspace.path / ".git").iterdir():
        if path.is_file():
            path.unlink()
    git("init", "--quiet", cwd=workspace.path)
    for path in sorted((workspace.path / ".git" / "refs").rglob("*"), reverse=True):
        if path.is_file():
            path.unlink()
    branch = mirror.rescue(clone=workspace.path, agent="kira", ref_name="s-1")
    assert branch is not None
    assert rescued(remote, branch, "README") == "hello"


def test_work_outlives_a_remote_that_is_away(mirror: Mirror, make: Make, commit: Commit, remote: Path) -> None:
    clone = make().path
    oid = commit(clone, {"a": "1"})
    remote.rename(remote.with_name("away"))
    with pytest.raises(WorkspaceError, match="not pushed"):
        mirror.rescue(clone=clone, agent="kira", ref_name="s-1")
    assert git("rev-parse", "refs/rescue/kira/s-1", cwd=mirror.path) == oid
    remote.with_name("away").rename(remote)
    assert mirror.rescue(clone=clone, agent="kira", ref_name="s-1") == "rescue/kira/s-1"
