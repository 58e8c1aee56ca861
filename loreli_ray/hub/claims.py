"""Claims as git refs, by compare-and-swap: exactly one holder for each issue (facts of the git host, section 4).

`refs/loreli/claims/<issue>` points at a commit without parents and with an empty tree, whose message is the claim as
JSON. It is moved by `git push --force-with-lease=<ref>:<seen>` and never with `+`, which would switch the lease off. A
nonce in each message keeps two claims from ever being the same object. Costs no API request.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from pathlib import Path
from typing import Any

from loreli_ray.errors import Conflict, GitError, HubError, Unavailable
from loreli_ray.git import GitCredential, git_async
from loreli_ray.model import Claim

NAMESPACE = "refs/loreli/claims"
_AUTHOR = {f"GIT_{who}_{what}": value
           for who in ("AUTHOR", "COMMITTER")
           for what, value in (("NAME", "loreli"), ("EMAIL", "loreli@localhost"))}  # fmt: skip
_LOST = ("stale info", "[rejected]", "[remote rejected]", "fetch first", "cannot lock ref", "failed to update ref")


class Claims:
    """The claims of one repository, through a small bare repository of their own at `path`."""

    def __init__(self, path: Path, *, remote: str, credential: GitCredential | None, session: str) -> None:
        self._path = path
        self._remote = remote
        self._credential = credential
        self._session = session
        self._known: dict[str, Claim] = {}
        self._lock = asyncio.Lock()

    async def open(self) -> None:
        """Makes the repository, if it is not there yet."""
        if not (self._path / "HEAD").exists():
            self._path.mkdir(parents=True, exist_ok=True)
            await self._git("init", "--quiet", "--bare")

    async def read(self, base: str) -> tuple[tuple[Claim, ...], str]:
        """All claims, and the head of branch `base`. One call to the host when nothing has changed, two otherwise.

        Raises `Unavailable` when the host can't be reached.
        """
        async with self._lock:
            heads = await self._listing(f"{NAMESPACE}/*", f"refs/heads/{base}")
            base_head = heads.pop(f"refs/heads/{base}", "")
            if any(oid not in self._known for oid in heads.values()):
                await self._network("fetch", "--quiet", "--no-tags", "--prune", self._remote,
                                    f"+{NAMESPACE}/*:{NAMESPACE}/*")  # fmt: skip
            claims = [await self._claim(ref, oid) for ref, oid in heads.items()]
            self._known = {claim.oid: claim for claim in claims if claim is not None}
        return tuple(sorted(self._known.values(), key=lambda claim: claim.issue)), base_head

    async def get(self, issue: int) -> Claim | None:
        """The claim on one issue as the host holds it now."""
        async with self._lock:
            ref = f"{NAMESPACE}/{issue}"
            oid = (await self._listing(ref)).get(ref)
            if oid is None:
                return None
            if oid not in self._known:
                await self._network("fetch", "--quiet", "--no-tags", self._remote, f"+{ref}:{ref}")
            return await self._claim(ref, oid)

    async def take(self, issue: int, *, agent: str, generation: int, until: float, replaces: Claim | None) -> Claim:
        """Takes the lease on an issue from exactly the state `replaces` (None: no ref). `Conflict` when it moved."""
        return await self._swap(
            issue, agent=agent, generation=generation, until=until, expected=replaces.oid if replaces else ""
        )

    async def renew(self, claim: Claim, *, until: float) -> Claim:
        """A lease that ends later. `Conflict` means that it is lost."""
        return await self._swap(
            claim.issue, agent=claim.agent, generation=claim.generation, until=until, expected=claim.oid
        )

    async def release(self, claim: Claim) -> Claim:
        """Ends a lease at once; the generation is kept."""
        return await self.renew(claim, until=0)

    async def remove(self, claim: Claim) -> None:
        """Deletes the ref: only for an issue that is closed."""
        await self._push(f":{NAMESPACE}/{claim.issue}", issue=claim.issue, expected=claim.oid, oid=None)

    async def _swap(self, issue: int, *, agent: str, generation: int, until: float, expected: str) -> Claim:
        fields = {"session": self._session, "agent": agent, "generation": generation, "until": until}
        message = json.dumps({**fields, "nonce": secrets.token_hex(8)}, sort_keys=True)
        tree = await self._git("hash-object", "-t", "tree", "-w", "--stdin", stdin="")
        oid = await self._git("commit-tree", tree, "-m", message, extra_env=_AUTHOR)
        await self._push(f"{oid}:{NAMESPACE}/{issue}", issue=issue, expected=expected, oid=oid)
        return Claim(issue=issue, session=self._session, agent=agent, generation=generation, until=until, oid=oid)

    async def _push(self, refspec: str, *, issue: int, expected: str, oid: str | None) -> None:
        ref = f"{NAMESPACE}/{issue}"
        try:
            lease = f"--force-with-lease={ref}:{expected}"
            await self._network("push", "--quiet", lease, self._remote, refspec)
        except Unavailable:
            # The answer may be lost and the push not: what the host holds now decides.
            if (await self._listing(ref)).get(ref) != oid:
                raise
        except GitError as error:
            if any(word in error.stderr or word in str(error) for word in _LOST):
                raise Conflict("somebody else moved the claim", subject=f"issue #{issue}") from error
            raise HubError(f"the claim can't be written: {error}", subject=f"issue #{issue}") from error

    async def _listing(self, *patterns: str) -> dict[str, str]:
        try:
            text = await self._network("ls-remote", "--quiet", self._remote, *patterns)
        except GitError as error:
            raise HubError(f"the claims can't be listed: {error}", subject=self._remote) from error
        pairs = (line.split("\t", 1) for line in text.splitlines() if "\t" in line)
        return {ref: oid for oid, ref in pairs}

    async def _claim(self, ref: str, oid: str) -> Claim | None:
        if oid in self._known:
            return self._known[oid]
        issue = ref.rpartition("/")[2]
        try:
            fields: dict[str, Any] = json.loads(await self._git("log", "-1", "--format=%B", oid))
            return Claim(
                issue=int(issue),
                session=str(fields["session"]),
                agent=str(fields["agent"]),
                generation=int(fields["generation"]),
                until=float(fields["until"]),
                oid=oid,
            )
        except (ValueError, KeyError, TypeError, GitError):
            # A ref that nobody of ours wrote, or one that moved between listing and fetching: it is no claim now.
            return None

    async def _network(self, *arguments: str) -> str:
        try:
            return await git_async(*arguments, cwd=self._path, credential=self._credential, timeout=30)
        except GitError as error:
            if error.returncode is None or "unable to access" in error.stderr or "RPC failed" in error.stderr:
                raise Unavailable(str(error), subject=self._remote) from error
            raise

    async def _git(self, *arguments: str, stdin: str | None = None, extra_env: dict[str, str] | None = None) -> str:
        return await git_async(*arguments, cwd=self._path, stdin=stdin, extra_env=extra_env)
