"""One bare mirror of the repository per node: what clones come from, and the only place that pushes.

Invariants
- `refs/heads/*` and `refs/tags/*` are what the remote had at the last sync. What comes out of clones is kept apart and
  never pruned: `refs/agents/*` waits for its push, `refs/rescue/*` is rescued, `refs/pushed/*` once was on the remote.
- What is taken from a clone arrives in a quarantine, is checked by fsck and for its size, and then joins the mirror.
- A fenced push moves its branch and renews its claim at once, or does neither. Claims are never fetched: a host that
  wants them to be branches must not make agents' branches of them.
- The credential is used by `sync` and by the push itself, and git runs in the mirror for both, never in a clone.
- One process at a time changes the mirror (a file lock).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager
from pathlib import Path

from loreli_ray.errors import GitError, RemoteUnavailable, UsageError, WorkspaceError
from loreli_ray.files import locked
from loreli_ray.git import GitCredential, git
from loreli_ray.identity import is_agent
from loreli_ray.model import Fence
from loreli_ray.workspace.outlet import MOVED, Outlet, Swap
from loreli_ray.workspace.shadow import UPLOAD_PACK, Shadow, explained, references

LIMIT = 100 * 1024 * 1024
_LOCK_TIMEOUT = 300.0
# Where the hub may keep the claims (`hub.namespace.FALLBACK`).
_NO_BRANCHES = ("^refs/heads/loreli/claims/*", "^refs/heads/loreli/landing", "^refs/heads/loreli/probe/*")
_PACKING = {"gc.auto": "6700", "gc.autoDetach": "false"}
_OWN_WORK = ("HEAD", "refs/heads/", "refs/stash")
_SIGNED = {"NAME": "loreli", "EMAIL": "loreli@localhost"}


class Mirror:
    """Blocking, and safe to use from several threads and processes."""

    def __init__(self, path: Path, *, remote: str, limit: int = LIMIT, timeout: float = 600.0) -> None:
        """`remote`: URL or path, without a credential. `limit`: bytes of new objects that one push may bring.

        `timeout`: seconds for one conversation with the remote.
        """
        self.path = path
        self.remote = remote
        self._limit = limit
        self._timeout = timeout

    def exclusive(self) -> AbstractContextManager[None]:
        """Holds the mirror still. Raises `WorkspaceError` when another process does so for minutes."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = self.path.with_name(f"{self.path.name}.lock")
        return locked(lock, timeout=_LOCK_TIMEOUT, error=WorkspaceError)

    def sync(self, credential: GitCredential | None = None) -> None:
        """Makes the mirror, or brings it up to date. Raises `WorkspaceError`."""
        with self.exclusive():
            self._prepare()
            with explained("can't be fetched", subject=self.remote):
                git(
                    *("fetch", "--quiet", "--prune", "--no-tags", "--no-write-fetch-head"),
                    *("--", self.remote, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"),
                    *_NO_BRANCHES,
                    cwd=self.path,
                    credential=credential,
                    timeout=self._timeout,
                )
            with explained("can't be packed", subject=str(self.path)):
                git("gc", "--auto", "--quiet", cwd=self.path, settings=_PACKING, timeout=self._timeout)

    def _prepare(self) -> None:
        """Makes the mirror if need be, and clears what a process that was killed has left behind. Under the lock."""
        if not (self.path / "HEAD").exists():
            with explained("can't be made", subject=str(self.path)):
                git("init", "--quiet", "--bare", "--template=", str(self.path))
        for left in (*self.path.glob("*.lock"), *(self.path / "refs").rglob("*.lock")):
            left.unlink(missing_ok=True)
        for left in self.path.glob("incoming-*"):
            shutil.rmtree(left)

    def head(self, branch: str) -> str:
        """The commit of a branch of the remote, as of the last sync. Raises `WorkspaceError` when there is none."""
        return self._commit(f"refs/heads/{branch}")

    def resolve(self, start: str) -> str:
        """The commit that `start`, a branch of the remote or an object id, names. Raises `WorkspaceError`."""
        try:
            return self.head(start)
        except WorkspaceError:
            return self._commit(start)

    def push(
        self,
        *,
        clone: Path,
        branch: str,
        expected: str | None,
        base: str | None = None,
        credential: GitCredential | None = None,
        rewrite: bool = False,
        fence: Fence | None = None,
    ) -> str:
        """Pushes `branch` out of an agent's clone and returns its commit.

        `expected`: what the remote must have there now (None: no such branch). Unless `rewrite`, the new commit must
        descend from it, but for a mere merge of the branch `base`, which the host makes of what is behind. Pushing what
        is already there succeeds. Raises `WorkspaceError` when there is no such branch in the clone, when it is too
        large or broken, or when the remote has something else or refuses; and `Conflict` when the claim of `fence` has
        moved: nothing is pushed then.
        """
        ref = self._ref(branch)
        with self.exclusive(), Shadow(clone) as shadow:
            oid = references(clone).get(ref)
            if oid is None:
                raise WorkspaceError("there is no such branch in the clone", subject=branch)
            self._take(shadow, [oid], subject=branch)
            self._git("update-ref", f"refs/agents/{branch}", oid)
        if expected is not None and not rewrite and not self._carries_on(oid, expected, base=base):
            remedy = f"fetch, and merge origin/{branch}"
            raise WorkspaceError(
                f"not a fast-forward: {oid[:12]} does not contain {expected[:12]}: {remedy}", subject=branch
            )
        self._push(oid, branch, expected=expected, credential=credential, fence=fence)
        return oid

    def rescue(self, *, clone: Path, agent: str, ref_name: str, credential: GitCredential | None = None) -> str | None:
        """Saves what a clone has and the remote hasn't as the branch `rescue/<agent>/<ref_name>`, and returns its name.

        That is: the commits of every branch, of the stash and of HEAD, and the files that are not committed (but for
        what is ignored) as one more commit on top. None when there is nothing to save. Doing it again gives the same.
        Raises `WorkspaceError`; when the files alone are too large, the commits have been saved before.
        """
        if not is_agent(agent):
            raise UsageError("not the name of an agent", subject=agent)
        branch = f"rescue/{agent}/{ref_name}"
        self._ref(branch)
        too_large: WorkspaceError | None = None
        with (
            self.exclusive(),
            Shadow(clone, objects=self.path / "objects") as shadow,
            explained("can't be rescued", subject=str(clone)),
        ):
            refs = {name: oid for name, oid in references(clone).items() if name.startswith(_OWN_WORK)}
            self._take(shadow, refs.values(), subject=branch)
            commits = self._unknown(refs.values(), but=branch)
            oid = self._bundle(shadow, agent, refs.get("HEAD"), commits, files=True)
            try:
                self._take(shadow, [oid] if oid else [], subject=branch)
            except WorkspaceError as error:
                too_large = error
                oid = self._bundle(shadow, agent, refs.get("HEAD"), commits, files=False)
                self._take(shadow, [oid] if oid else [], subject=branch)
            if oid:
                self._git("update-ref", f"refs/{branch}", oid)
        if oid:
            branch = self._push_rescue(oid, branch, credential)
        if too_large:
            raise too_large
        return branch if oid else None

    def _push_rescue(self, oid: str, branch: str, credential: GitCredential | None) -> str:
        try:
            self._push(oid, branch, expected=None, credential=credential)
        except WorkspaceError as error:
            if MOVED not in error.message:
                raise
            # Another rescue has that name already; with the commit in its name it can only be this one.
            branch = f"{branch}-{oid[:12]}"
            self._push(oid, branch, expected=None, credential=credential)
        return branch

    def _bundle(self, shadow: Shadow, agent: str, head: str | None, commits: list[str], *, files: bool) -> str | None:
        """One commit that holds `commits` and, if asked for, the files; None when there is nothing to hold."""
        committed = shadow.git("rev-parse", f"{head}^{{tree}}") if head else shadow.git("mktree", stdin="")
        tree = shadow.tree(head) if files else committed
        parents = commits
        if tree != committed:
            parents = [*([head] if head else []), *(commit for commit in commits if commit != head)]
        elif len(commits) < 2:
            return commits[0] if commits else None
        # The date is the first parent's, so that a second attempt makes the very same commit.
        date = shadow.git("show", "--no-patch", "--format=@%ct +0000", parents[0]) if parents else "@0 +0000"
        who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _SIGNED.items()}
        dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        given = [word for parent in parents for word in ("-p", parent)]
        message = f"Work of {agent} that was not pushed\n"
        return shadow.git("commit-tree", tree, *given, stdin=message, extra_env={**who, **dates})

    def _unknown(self, commits: Iterable[str], *, but: str) -> list[str]:
        """Those of `commits` that were never on the remote (but as branch `but`), without those that others contain."""
        known = (
            "--not",
            "--tags",
            f"--exclude={but}",
            "--branches",
            f"--exclude=refs/pushed/{but}",
            "--glob=refs/pushed",
        )
        found = sorted(commit for commit in set(commits) if self._git("rev-list", "--max-count=1", commit, *known))
        return self._git("merge-base", "--independent", *found).split() if len(found) > 1 else found

    def _take(self, shadow: Shadow, oids: Collection[str], *, subject: str) -> None:
        """Brings objects from a clone into the mirror, through a quarantine. The caller holds the lock."""
        if not oids:
            return
        with tempfile.TemporaryDirectory(prefix="incoming-", dir=self.path) as folder:
            quarantine = Path(folder)
            (quarantine / "info").mkdir()
            (quarantine / "info" / "alternates").write_text(f"{self.path / 'objects'}\n", encoding="utf-8")
            with explained("can't be taken from the clone", subject=subject):
                git(
                    *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"),
                    *(f"--upload-pack={UPLOAD_PACK}", "--", str(shadow.git_dir), *sorted(set(oids))),
                    cwd=self.path,
                    settings={"fetch.fsckObjects": "true", "fetch.unpackLimit": "1"},  # always one pack, checked
                    extra_env={"GIT_OBJECT_DIRECTORY": str(quarantine)},
                )
            files = sorted((quarantine / "pack").glob("pack-*"), key=lambda file: file.suffix == ".idx")
            size = sum(file.stat().st_size for file in files)
            if size > self._limit:
                raise WorkspaceError(f"too large: {size} bytes of new objects, {self._limit} allowed", subject=subject)
            for file in files:  # git sees a pack once its index is there
                file.rename(self.path / "objects" / "pack" / file.name)

    def _push(
        self,
        oid: str,
        branch: str,
        *,
        expected: str | None,
        credential: GitCredential | None,
        fence: Fence | None = None,
    ) -> None:
        swap = Swap(ref=f"refs/heads/{branch}", seen=expected or "", oid=oid)
        outlet = Outlet(mirror=self.path, remote=self.remote, credential=credential, timeout=self._timeout)
        try:
            if fence is None:
                outlet.push(swap)
            else:
                outlet.push_fenced(swap, fence)
        except GitError as error:
            kind = RemoteUnavailable if error.unreachable else WorkspaceError
            raise kind(f"not pushed: {_refusal(error)}", subject=branch) from error
        with self.exclusive(), explained("is pushed, but can't be noted in the mirror", subject=branch):
            self._git("update-ref", f"refs/pushed/{branch}", oid)
            self._git("update-ref", "-d", f"refs/agents/{branch}")

    def _carries_on(self, oid: str, expected: str, *, base: str | None) -> bool:
        """Whether nothing is lost when `oid` takes the place of `expected`: it descends from it, or from what a mere
        merge of the base, and be it of a mere merge, was made of."""
        last = expected if self._has(expected) else None
        while last is not None and not self._descends(oid, last):
            last = self._merged_into(last, base=base) if base is not None else None
        return last is not None

    def _has(self, oid: str) -> bool:
        return not git("cat-file", "--batch-check", cwd=self.path, stdin=oid).endswith(" missing")

    def _merged_into(self, oid: str, *, base: str) -> str | None:
        """What the commit merges a state of `base` into without adding anything; None if it is no such."""
        parents = self._git("rev-list", "--parents", "--max-count=1", oid).split()[1:]
        if len(parents) != 2:
            return None
        if not self._git("for-each-ref", f"--contains={parents[1]}", self._ref(base)):
            return None
        try:
            merged = self._git("merge-tree", "--write-tree", *parents)
        except GitError as error:
            if error.returncode != 1:
                raise
            return None  # a conflict, which somebody resolved
        return parents[0] if merged == self._git("rev-parse", f"{oid}^{{tree}}") else None

    def _descends(self, oid: str, ancestor: str) -> bool:
        try:
            self._git("merge-base", "--is-ancestor", ancestor, oid)
        except GitError as error:
            if error.returncode is None:
                raise
            return False  # 1: it is not; 128: the mirror doesn't have it, though it has all that `oid` contains
        return True

    def _commit(self, name: str) -> str:
        try:
            return self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        except GitError as error:
            raise WorkspaceError("there is no such branch or commit in the mirror", subject=name) from error

    def _ref(self, branch: str) -> str:
        ref = f"refs/heads/{branch}"
        try:
            git("check-ref-format", ref)
        except GitError as error:
            raise UsageError("not the name of a branch", subject=branch) from error
        return ref

    def _git(self, *arguments: str) -> str:
        return git(*arguments, cwd=self.path)


def _refusal(error: GitError) -> str:
    """Why a push was turned down, out of what git and the remote said."""
    lines = [line.strip() for line in error.stderr.splitlines()]
    said = [line.removeprefix("remote:").strip() for line in lines if line.startswith("remote:")]
    marked = [line for line in lines if line.startswith("!")]
    if any("stale info" in line for line in marked):
        return MOVED
    return "; ".join(filter(None, [*marked, *said])) or error.message
