"""Fenced pushes, with real git: the branch moves and the claim is renewed, or neither."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from loreli_ray.errors import Conflict, RemoteUnavailable, WorkspaceError
from loreli_ray.git import git
from loreli_ray.model import Claim, Fence
from loreli_ray.workspace import Mirror, Workspace
from tests.workspace.conftest import AUTHOR

Make = Callable[..., Workspace]
Commit = Callable[..., str]
OnRemote = Callable[[str], str | None]

BRANCH = "kira/1-start"
ROOTS = ["refs/loreli", "refs/heads/loreli"]


@pytest.fixture(params=ROOTS)
def ref(request: pytest.FixtureRequest) -> str:
    return f"{request.param}/claims/1"


class Host:
    """The claims of the remote, moved by its own git."""

    def __init__(self, remote: Path, ref: str) -> None:
        self.remote = remote
        self.ref = ref

    def write(self, text: str) -> str:
        tree = git("hash-object", "-t", "tree", "-w", "--stdin", cwd=self.remote, stdin="")
        oid = git("commit-tree", tree, cwd=self.remote, stdin=text, extra_env=AUTHOR)
        git("update-ref", self.ref, oid, cwd=self.remote)
        return oid

    def fence(self, oid: str, message: str = "renewed") -> Fence:
        claim = Claim(issue=1, session="s", agent="kira", generation=3, until=1.0, oid=oid)
        return Fence(claim=claim, ref=self.ref, message=message, ttl=60.0)

    @property
    def said(self) -> str:
        return git("log", "-1", "--format=%B", self.ref, cwd=self.remote).strip()

    def hook(self, name: str, script: str) -> None:
        path = self.remote / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)


@pytest.fixture
def host(remote: Path, ref: str) -> Host:
    return Host(remote, ref)


@pytest.fixture(params=["atomic", "one after the other"])
def either(request: pytest.FixtureRequest, remote: Path) -> str:
    """A host that moves several refs at once, and one that doesn't."""
    if request.param != "atomic":
        git("config", "receive.advertiseAtomic", "false", cwd=remote)
    return request.param


@pytest.mark.usefixtures("either")
def test_a_push_renews_the_claim(
    host: Host, mirror: Mirror, make: Make, commit: Commit, on_remote: OnRemote, ref: str
) -> None:
    clone = make().path
    first = commit(clone, {"a": "1"})
    message = json.dumps({"session": "s", "until": 12.5, "nonce": "é"}, ensure_ascii=False)
    assert (
        mirror.push(clone=clone, branch=BRANCH, expected=None, fence=host.fence(host.write("held"), message)) == first
    )
    assert on_remote(BRANCH) == first
    assert host.said == message
    assert git("log", "-1", "--format=%P%T", ref, cwd=host.remote) == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    seen = git("rev-parse", ref, cwd=host.remote)
    second = commit(clone, {"a": "2"})
    assert mirror.push(clone=clone, branch=BRANCH, expected=first, fence=host.fence(seen, "more")) == second
    # The same once more: a tool that is done again.
    seen = git("rev-parse", ref, cwd=host.remote)
    assert mirror.push(clone=clone, branch=BRANCH, expected=second, fence=host.fence(seen, "again")) == second
    assert (on_remote(BRANCH), host.said) == (second, "again")


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("gone", [True, False])
def test_a_claim_that_moved_lets_nothing_through(
    host: Host, mirror: Mirror, make: Make, commit: Commit, on_remote: OnRemote, ref: str, gone: bool
) -> None:
    clone = make().path
    commit(clone, {"a": "1"})
    fence = host.fence(host.write("held"))
    if gone:
        git("update-ref", "-d", ref, cwd=host.remote)
    else:
        host.write("somebody else's")
    with pytest.raises(Conflict, match="moved"):
        mirror.push(clone=clone, branch=BRANCH, expected=None, fence=fence)
    assert on_remote(BRANCH) is None
    assert gone or host.said == "somebody else's"


def test_the_host_itself_compares(
    host: Host, mirror: Mirror, make: Make, commit: Commit, on_remote: OnRemote, ref: str
) -> None:
    """The claim moves when our git has already seen it as it should be: the host's own lock decides."""
    clone = make().path
    commit(clone, {"a": "1"})
    fence = host.fence(host.write("held"))
    thief = host.write("taken over")
    git("update-ref", ref, fence.claim.oid, cwd=host.remote)
    # A hook runs in the host after the client has compared, and before the refs are locked.
    host.hook("pre-receive", f"unset GIT_QUARANTINE_PATH; exec git update-ref {ref} {thief}")
    with pytest.raises(Conflict):
        mirror.push(clone=clone, branch=BRANCH, expected=None, fence=fence)
    assert on_remote(BRANCH) is None
    assert host.said == "taken over"


def test_a_branch_that_moved_leaves_the_claim_alone(
    host: Host, mirror: Mirror, make: Make, commit: Commit, on_remote: OnRemote
) -> None:
    mine, other = make().path, make("other").path
    theirs = commit(other, {"b": "1"})
    mirror.push(clone=other, branch=BRANCH, expected=None)
    commit(mine, {"a": "1"})
    with pytest.raises(WorkspaceError, match="not where it was expected"):
        mirror.push(clone=mine, branch=BRANCH, expected=None, fence=host.fence(host.write("held")))
    assert (on_remote(BRANCH), host.said) == (theirs, "held")


def test_a_host_that_refuses_the_branch(
    host: Host, mirror: Mirror, make: Make, commit: Commit, on_remote: OnRemote
) -> None:
    clone = make().path
    commit(clone, {"a": "1"})
    host.hook("update", 'case "$1" in refs/heads/kira/*) echo "no branches of yours" >&2; exit 1;; esac')
    with pytest.raises(WorkspaceError, match="no branches of yours"):
        mirror.push(clone=clone, branch=BRANCH, expected=None, fence=host.fence(host.write("held")))
    assert (on_remote(BRANCH), host.said) == (None, "held")


@pytest.mark.usefixtures("either")
def test_a_host_that_is_away(host: Host, mirror: Mirror, make: Make, commit: Commit) -> None:
    clone = make().path
    commit(clone, {"a": "1"})
    away = Mirror(mirror.path, remote="http://127.0.0.1:9/gone.git", timeout=20.0)
    with pytest.raises(RemoteUnavailable):
        away.push(clone=clone, branch=BRANCH, expected=None, fence=host.fence(host.write("held")))


def test_of_two_generations_one_gets_through(
    host: Host, mirror: Mirror, make: Make, commit: Commit, on_remote: OnRemote, ref: str
) -> None:
    """An agent pushes while its ended lease is taken over: whoever is second at the host has lost."""
    clones = {name: make(name, branch=f"{name}/1-start").path for name in ("kira", "lee")}
    for turn in range(6):
        held = host.write(f"turn {turn}")
        heads = {name: commit(clone, {name: str(turn)}) for name, clone in clones.items()}
        lost: list[str] = []

        def push(name: str, held: str = held, lost: list[str] = lost, turn: int = turn) -> None:
            branch = f"{name}/1-start"
            before = on_remote(branch)
            try:
                fence = host.fence(held, f"{name} {turn}")
                mirror.push(clone=clones[name], branch=branch, expected=before, fence=fence)
            except Conflict:
                lost.append(name)

        threads = [threading.Thread(target=push, args=(name,)) for name in clones]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(lost) == 1
        winner = next(name for name in clones if name not in lost)
        assert host.said == f"{winner} {turn}"
        assert on_remote(f"{winner}/1-start") == heads[winner]
        assert on_remote(f"{lost[0]}/1-start") != heads[lost[0]]


def test_claims_that_are_branches_are_no_branches_here(remote: Path, mirror: Mirror) -> None:
    for name in ("loreli/claims/1", "loreli/landing", "loreli/probe/ab", "loreli/other"):
        git("update-ref", f"refs/heads/{name}", "refs/heads/main", cwd=remote)
    mirror.sync()
    found = git("for-each-ref", "--format=%(refname:short)", "refs/heads", cwd=mirror.path).split()
    assert sorted(found) == ["loreli/other", "main"]
