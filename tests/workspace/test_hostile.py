"""A clone that its agent has turned into a trap: nothing in it may run when we touch it, and no secret may reach it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from loreli_ray.errors import GitError, WorkspaceError
from loreli_ray.git import GitCredential, git
from loreli_ray.workspace import Mirror, Workspace

Make = Callable[..., Workspace]
Commit = Callable[..., str]

BRANCH = "kira/1-start"
CREDENTIAL = GitCredential(url="https://example.invalid/", username="x", token="secret-token")


class Trap:
    """A script that leaves its environment behind when it is run."""

    def __init__(self, folder: Path) -> None:
        self.canary = folder / "canary"
        self.script = folder / "trap.sh"
        self.script.write_text(f"#!/bin/sh\nenv >> {self.canary}\ncat\nexit 0\n")
        self.script.chmod(0o755)

    @property
    def sprung(self) -> bool:
        return self.canary.exists()

    def config(self) -> str:
        run = self.script
        return f"""
[core]
\trepositoryFormatVersion = 1
\tfsmonitor = {run}
\tsshCommand = {run}
\thooksPath = .git/hooks
\tpager = {run}
\teditor = {run}
\taskPass = {run}
\tgitProxy = {run}
\talternateRefsCommand = {run}
\tattributesFile = .git/info/attributes
[extensions]
\tpartialClone = trap
[remote "trap"]
\turl = {run.parent}
\tpromisor = true
\tpartialclonefilter = blob:none
\tuploadpack = {run}
[remote "origin"]
\turl = ext::{run}
\tuploadpack = {run}
\treceivepack = {run}
[protocol]
\tallow = always
[protocol "ext"]
\tallow = always
[uploadpack]
\tpackObjectsHook = {run}
[filter "trap"]
\tclean = {run}
\tsmudge = {run}
\tprocess = {run}
\trequired = true
[diff "trap"]
\tcommand = {run}
\ttextconv = {run}
[diff]
\texternal = {run}
[merge "trap"]
\tdriver = {run}
[credential]
\thelper = !{run}
[gpg]
\tprogram = {run}
[commit]
\tgpgSign = true
[alias]
\tstatus = !{run}
\tupload-pack = !{run}
"""


def plant(clone: Path, trap: Trap) -> None:
    folder = clone / ".git"
    (folder / "config").write_text(trap.config())
    (folder / "hooks").mkdir(exist_ok=True)
    for hook in (
        *("pre-commit", "post-checkout", "pre-push", "reference-transaction", "post-index-change", "post-rewrite"),
        *("pre-receive", "update", "post-update", "fsmonitor-watchman", "pre-auto-gc", "post-merge", "proc-receive"),
    ):
        (folder / "hooks" / hook).symlink_to(trap.script)
    (folder / "info").mkdir(exist_ok=True)
    (folder / "info" / "attributes").write_text("* filter=trap diff=trap merge=trap\n")
    (clone / ".gitattributes").write_text("* filter=trap diff=trap merge=trap\n")


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    return Trap(tmp_path)


@pytest.fixture
def hostile(make: Make, commit: Commit, trap: Trap) -> Workspace:
    """A workspace with committed, changed and untracked work, and traps of every kind."""
    workspace = make()
    clone = workspace.path
    # A nested repository with traps of its own, which the clone knows as a submodule.
    nested = clone / "nested"
    git("init", "--quiet", str(nested))
    identity = {f"GIT_{role}_{key}": "x" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    (nested / "f").write_text("1")
    git("add", "f", cwd=nested)
    git("commit", "--quiet", "-m", "x", cwd=nested, extra_env=identity)
    (nested / "f").write_text("2")
    commit(clone, {"a": "1"})
    assert git("ls-files", "--stage", "nested", cwd=clone).startswith("160000 ")
    plant(nested, trap)
    plant(clone, trap)
    (clone / "README").write_text("changed")
    (clone / "new").write_text("new")
    return workspace


def test_the_trap_works(hostile: Workspace, trap: Trap) -> None:
    # Without our care git would run it; otherwise this file would prove nothing.
    bare = {"PATH": os.environ["PATH"], "GIT_CONFIG_COUNT": "0"}
    with pytest.raises(GitError):
        git("add", "README", cwd=hostile.path, extra_env=bare)
    assert trap.sprung


def test_a_push_runs_nothing(hostile: Workspace, mirror: Mirror, trap: Trap) -> None:
    mirror.push(clone=hostile.path, branch=BRANCH, expected=None, credential=CREDENTIAL)
    assert not trap.sprung


def test_a_rescue_runs_nothing(hostile: Workspace, mirror: Mirror, trap: Trap, remote: Path) -> None:
    branch = mirror.rescue(clone=hostile.path, agent="kira", ref_name="s-1", credential=CREDENTIAL)
    assert branch is not None
    assert git("show", f"{branch}:README", cwd=remote) == "changed"
    assert git("show", f"{branch}:new", cwd=remote) == "new"
    assert git("ls-tree", branch, "nested", cwd=remote).startswith("160000 ")
    assert not trap.sprung


def test_looking_runs_nothing(hostile: Workspace, trap: Trap) -> None:
    assert hostile.head() is not None
    assert hostile.status() == [" M README", "?? .gitattributes", "?? new"]
    assert hostile.changes("main").files == ("a", "nested")
    assert not trap.sprung


def test_beginning_anew_runs_nothing(hostile: Workspace, mirror: Mirror, trap: Trap) -> None:
    (hostile.path / ".git" / "commondir").write_text("../nested/.git\n")
    (hostile.path / ".git" / "config.worktree").write_text(trap.config())
    hostile.begin("kira/2-next", "main")
    assert hostile.is_clean()
    assert (hostile.path / "README").read_text() == "hello\n"
    plant(hostile.path, trap)
    hostile.checkout_detached(mirror.head("main"))
    assert not trap.sprung
    # What the agent's own git runs from now on is clean, too.
    git("status", cwd=hostile.path, extra_env={"GIT_CONFIG_COUNT": "0"})
    assert not trap.sprung


def test_removal_runs_nothing(hostile: Workspace, trap: Trap) -> None:
    hostile.remove()
    assert not hostile.path.exists()
    assert not trap.sprung


def test_missing_objects_are_not_fetched_by_the_agents_rules(hostile: Workspace, mirror: Mirror, trap: Trap) -> None:
    blob = git("hash-object", "--stdin", cwd=hostile.path, stdin="1", extra_env={"GIT_DIR": str(mirror.path)})
    (hostile.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(WorkspaceError, match="can't be taken"):
        mirror.push(clone=hostile.path, branch=BRANCH, expected=None, credential=CREDENTIAL)
    assert not trap.sprung


def test_alternates_lead_nowhere_dangerous(hostile: Workspace, mirror: Mirror, trap: Trap, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    git("init", "--quiet", str(elsewhere))
    plant(elsewhere, trap)
    (hostile.path / ".git" / "objects" / "info" / "alternates").write_text(f"{elsewhere / '.git' / 'objects'}\n")
    mirror.push(clone=hostile.path, branch=BRANCH, expected=None, credential=CREDENTIAL)
    hostile.begin("kira/2-next", "main")
    assert not (hostile.path / ".git" / "objects" / "info" / "alternates").exists()
    assert not trap.sprung


def test_a_git_directory_that_is_elsewhere_is_refused(hostile: Workspace, mirror: Mirror, tmp_path: Path) -> None:
    real = hostile.path / ".git"
    real.rename(tmp_path / "real")
    for plant_it in (
        lambda: real.symlink_to(tmp_path / "real"),
        lambda: real.write_text(f"gitdir: {tmp_path / 'real'}\n"),
    ):
        plant_it()
        with pytest.raises(WorkspaceError, match="no git directory"):
            mirror.push(clone=hostile.path, branch=BRANCH, expected=None)
        with pytest.raises(WorkspaceError, match="no git directory"):
            mirror.rescue(clone=hostile.path, agent="kira", ref_name="s-1")
        with pytest.raises(WorkspaceError, match="no git directory"):
            hostile.begin("kira/2-next", "main")
        real.unlink()


def test_a_blocking_exclude_file_does_not_block(hostile: Workspace, mirror: Mirror) -> None:
    exclude = hostile.path / ".git" / "info" / "exclude"
    exclude.unlink(missing_ok=True)
    os.mkfifo(exclude)
    assert hostile.status() == [" M README", "?? .gitattributes", "?? new"]


def test_the_credential_is_nowhere_on_disk(hostile: Workspace, mirror: Mirror, tmp_path: Path) -> None:
    mirror.sync(CREDENTIAL)
    mirror.push(clone=hostile.path, branch=BRANCH, expected=None, credential=CREDENTIAL)
    header = next(iter(CREDENTIAL.settings().values())).rpartition(" ")[2]
    files = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_symlink()]
    assert not [path for path in files if any(text.encode() in path.read_bytes() for text in ("secret-token", header))]
