"""The way out of the mirror: refs of the remote, moved by compare-and-swap and never with `+`.

Every method raises `GitError` when the remote refuses or does not answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from loreli_ray.errors import Conflict, GitError
from loreli_ray.git import GitCredential, git
from loreli_ray.model import Fence

MOVED = "the branch on the remote is not where it was expected"
_NOT_ATOMIC = "does not support --atomic"
_AUTHOR = {f"GIT_{who}_{what}": value
           for who in ("AUTHOR", "COMMITTER")
           for what, value in (("NAME", "loreli"), ("EMAIL", "loreli@localhost"))}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Swap:
    """`ref` moves from `seen` ("": it is not there) to `oid`."""

    ref: str
    seen: str
    oid: str


@dataclass(frozen=True, kw_only=True)
class Outlet:
    """Pushes from the repository `mirror` to `remote`; `timeout` is in seconds, for one conversation."""

    mirror: Path
    remote: str
    credential: GitCredential | None
    timeout: float

    def push(self, *swaps: Swap, timeout: float | None = None) -> None:
        """Moves all of them or none."""
        git(
            *("push", "--quiet", "--no-verify", "--no-follow-tags", "--recurse-submodules=no"),
            *(["--atomic"] if len(swaps) > 1 else []),
            *(f"--force-with-lease={swap.ref}:{swap.seen}" for swap in swaps),
            *("--", self.remote, *(f"{swap.oid}:{swap.ref}" for swap in swaps)),
            cwd=self.mirror,
            credential=self.credential,
            timeout=timeout or self.timeout,
        )

    def push_fenced(self, swap: Swap, fence: Fence) -> None:
        """Moves a ref and renews a claim at the same instant, or does neither. `Conflict`: the claim has moved.

        A host that can't do two things at once is told to renew first; the push then has as long as that lease holds.
        """
        claim = Swap(ref=fence.ref, seen=fence.claim.oid, oid=self._commit(fence.message))
        try:
            self._renew(claim, swap)
        except GitError as error:
            if _NOT_ATOMIC not in error.stderr:
                raise
            self._renew(claim)
            self.push(swap, timeout=min(self.timeout, fence.ttl))

    def _renew(self, claim: Swap, *others: Swap) -> None:
        try:
            self.push(claim, *others)
        except GitError as error:
            if _NOT_ATOMIC in error.stderr:
                raise
            held = self._held(claim.ref)
            if held == claim.oid:
                return  # all is done, only the answer was lost
            if held != claim.seen:
                raise Conflict("somebody else moved the claim", subject=claim.ref) from error
            raise

    def _held(self, ref: str) -> str:
        """The object that the remote has at `ref`; "" when there is no such ref."""
        asked = ("ls-remote", "--quiet", "--", self.remote, ref)
        text = git(*asked, cwd=self.mirror, credential=self.credential, timeout=self.timeout)
        pairs = (line.split("\t", 1) for line in text.split("\n") if "\t" in line)
        return next((oid for oid, name in pairs if name == ref), "")

    def _commit(self, message: str) -> str:
        """A commit without parents and with an empty tree, as claims are."""
        tree = git("hash-object", "-t", "tree", "-w", "--stdin", cwd=self.mirror, stdin="")
        return git("commit-tree", tree, cwd=self.mirror, stdin=message, extra_env=_AUTHOR)
