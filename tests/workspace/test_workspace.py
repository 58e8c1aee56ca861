"""Clones: made, reused, looked into, removed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from loreli_ray.errors import WorkspaceError
from loreli_ray.git import git
from loreli_ray.workspace import DiffStat, Identity, Mirror, Workspace

Make = Callable[..., Workspace]
Commit = Callable[..., str]


def test_a_clone_is_ready_to_work_in(mirror: Mirror, make: Make, commit: Commit) -> None:
    workspace = make()
    clone = workspace.path
    assert clone.stat().st_mode & 0o777 == 0o700
    assert (clone / "README").read_text() == "hello\n"
    assert git("symbolic-ref", "HEAD", cwd=clone) == "refs/heads/kira/1-start"
    assert workspace.head() == mirror.head("main")
    assert workspace.is_clean()
    commit(clone, {"a": "1", "notes.local": "never committed"})
    assert git("log", "-1", "--format=%an <%ae>", cwd=clone) == "Kira <kira@example.invalid>"
    assert git("ls-files", cwd=clone).split() == [".gitignore", "README", "a", "src/main.c"]
    assert git("remote", "get-url", "origin", cwd=clone) == str(mirror.path)
    assert mirror.remote not in (clone / ".git" / "config").read_text()
    assert not (clone / ".git" / "objects" / "info" / "alternates").exists()
    with pytest.raises(Exception, match="repository"):
        git("push", "origin", "HEAD", cwd=clone)


def test_a_clone_outlives_the_mirrors_clean_up(mirror: Mirror, make: Make) -> None:
    clone = make().path
    git("update-ref", "-d", "refs/heads/main", cwd=mirror.path)
    git("gc", "--quiet", "--prune=now", cwd=mirror.path)
    git("fsck", cwd=clone)


def test_odd_names_are_kept_as_they_are(mirror: Mirror, tmp_path: Path) -> None:
    identity = Identity('Q "the # \\ one"; x', "q@example.invalid")
    clone = Workspace.create(mirror, path=tmp_path / "q", branch="q/1", start="main", identity=identity).path
    assert git("config", "user.name", cwd=clone) == identity.name


def test_a_failed_start_leaves_nothing(mirror: Mirror, make: Make, tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="no such branch or commit"):
        make(start="gone")
    with pytest.raises(WorkspaceError, match="can't be made"):
        make(branch="not..valid")
    assert not (tmp_path / "work").exists() or list((tmp_path / "work").iterdir()) == []
    make()
    with pytest.raises(WorkspaceError, match="already"):
        make()


def test_what_is_not_committed_is_told(make: Make, commit: Commit) -> None:
    workspace = make()
    clone = workspace.path
    (clone / "README").write_text("changed")
    (clone / "src" / "main.c").unlink()
    (clone / "new").write_text("new")
    (clone / "x.o").write_text("ignored")
    assert workspace.status() == [" M README", " D src/main.c", "?? new"]
    assert not workspace.is_clean()
    head = commit(clone, {})
    assert workspace.is_clean()
    assert workspace.head() == head


def test_what_a_branch_changes(mirror: Mirror, make: Make, commit: Commit, remote: Path) -> None:
    workspace = make()
    base = mirror.head("main")
    assert workspace.changes("main") == DiffStat((), 0, 0)
    commit(workspace.path, {"README": "hello\nthere\n", "ä b": "1\n2\n"})
    (workspace.path / "src" / "main.c").unlink()
    (workspace.path / "binary").write_bytes(b"\0\1")
    commit(workspace.path, {})
    # The base goes on, in the mirror only: what counts is what this branch did.
    other = make("other", branch="other/2")
    mirror.push(clone=other.path, branch="other/2", expected=None)
    ahead = commit(other.path, {"elsewhere": "x"})
    mirror.push(clone=other.path, branch="other/2", expected=base)
    git("update-ref", "refs/heads/main", ahead, cwd=remote)
    mirror.sync()
    expected = DiffStat(("README", "binary", "src/main.c", "ä b"), 3, 1)
    assert workspace.changes("main") == expected
    assert workspace.changes(base) == expected


def test_a_clone_is_used_again(mirror: Mirror, make: Make, commit: Commit, remote: Path) -> None:
    workspace = make()
    clone = workspace.path
    inode = clone.stat().st_ino
    mine = commit(clone, {"a": "1"})
    (clone / "README").write_text("changed")
    (clone / "untracked" / "deep").mkdir(parents=True)
    (clone / "untracked" / "deep" / "x").write_text("x")
    (clone / "build.o").write_text("slow to build")
    (clone / "settings.local").write_text("kept")
    git("init", "--quiet", str(clone / "nested"))
    (clone / ".git" / "index.lock").write_text("")
    # The remote has moved on meanwhile.
    other = make("other", branch="other/2")
    ahead = commit(other.path, {"b": "1"})
    mirror.push(clone=other.path, branch="other/2", expected=None)
    git("update-ref", "refs/heads/main", ahead, cwd=remote)
    mirror.sync()

    Workspace(clone).begin("kira/2-next", "main")
    assert git("symbolic-ref", "HEAD", cwd=clone) == "refs/heads/kira/2-next"
    assert workspace.head() == ahead
    assert workspace.is_clean()
    assert sorted(path.name for path in clone.iterdir()) == sorted(
        [".git", ".gitignore", "README", "b", "build.o", "settings.local", "src"]
    )
    assert clone.stat().st_ino == inode  # a program may have it as its working directory
    assert git("rev-parse", "kira/1-start", cwd=clone) == mine
    assert git("config", "user.name", cwd=clone) == "Kira"


def test_a_reviewer_looks_at_a_commit(mirror: Mirror, make: Make, commit: Commit) -> None:
    author, reviewer = make(), make("rin", branch="rin/0")
    oid = commit(author.path, {"a": "1"})
    with pytest.raises(WorkspaceError):
        reviewer.checkout_detached(oid)
    mirror.push(clone=author.path, branch="kira/1-start", expected=None)
    reviewer.checkout_detached(oid)
    assert reviewer.head() == oid
    assert (reviewer.path / "a").read_text() == "1"
    assert git("rev-parse", "--abbrev-ref", "HEAD", cwd=reviewer.path) == "HEAD"


def test_a_workspace_is_removed_whatever_is_in_it(make: Make, tmp_path: Path) -> None:
    workspace = make()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    (workspace.path / "link").symlink_to(outside)
    deep = workspace.path
    for _ in range(60):
        deep = deep / "a"
        deep.mkdir()
    (workspace.path / "src").chmod(0o500)
    workspace.remove()
    assert not workspace.path.exists()
    assert list(workspace.path.parent.iterdir()) == []
    assert (outside / "kept").exists()
    workspace.remove()
    with pytest.raises(WorkspaceError):
        Workspace(workspace.path)


def test_a_workspace_without_a_git_directory_can_be_removed(make: Make) -> None:
    workspace = make()
    (workspace.path / ".git").rename(workspace.path / "gone")
    with pytest.raises(WorkspaceError, match="no git directory"):
        workspace.head()
    Workspace(workspace.path).remove()
    assert not workspace.path.exists()


def test_what_is_not_ours_is_not_removed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    git("init", "--quiet", str(precious))
    with pytest.raises(WorkspaceError, match="not a workspace of ours"):
        Workspace(precious)
    assert precious.exists()
