"""Claims as git refs, by compare-and-swap: exactly one holder for each issue (facts of the git host, section 4).

`refs/loreli/claims/<issue>` points at a commit without parents and with an empty tree, whose message is the claim as
JSON. It is moved by `git push --force-with-lease=<ref>:<seen>` and never with `+`, which would switch the lease off. A
nonce in each message keeps two claims from ever being the same object. Costs no API request.

Every method raises `Unavailable` when the host can't be reached and another `HubError` when it refuses.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path

from pydantic import FiniteFloat, ValidationError

from loreli_ray.errors import Conflict, GitError, HubError, NotFound, Refused, Unavailable
from loreli_ray.git import GitCredential, git_async
from loreli_ray.model import Claim, Value

NAMESPACE = "refs/loreli/claims"
_REF = re.compile(rf"{NAMESPACE}/([1-9][0-9]{{0,17}})")
_AUTHOR = {f"GIT_{who}_{what}": value
           for who in ("AUTHOR", "COMMITTER")
           for what, value in (("NAME", "loreli"), ("EMAIL", "loreli@localhost"))}  # fmt: skip
# What git says of a swap that lost, at either end; and of a host that gave no answer.
_LOST = ("stale info", "fetch first", "lock ref", "failed to update ref", "already exists", "incorrect old value")
_SILENT = ("unable to access", "RPC failed", "hung up unexpectedly", "unexpected disconnect", "early EOF")
_STATUS = re.compile(r"returned error: (\d{3})")
_LOCKED_OUT = re.compile(r"Authentication failed|could not read Username")
_MISSING = re.compile(r"repository .* not found", re.IGNORECASE)
TIMEOUT = 30.0

Keys = Callable[[], Awaitable[GitCredential | None]]
"""The credential that holds now: a GitHub App's lasts for an hour."""


class _Lease(Value):
    """A claim's message."""

    session: str
    agent: str
    generation: int
    until: FiniteFloat
    nonce: str


class Claims:
    """The claims of one repository, through a small bare repository of their own at `path`."""

    def __init__(self, path: Path, *, remote: str, keys: Keys, session: str) -> None:
        self._path = path
        self._remote = remote
        self._keys = keys
        self._session = session
        self._refs: dict[str, str] = {}
        self._claims: dict[int, Claim] = {}
        self._lock = asyncio.Lock()

    async def open(self) -> None:
        """Makes the repository, if it is not there yet."""
        if not (self._path / "HEAD").exists():
            self._path.mkdir(parents=True, exist_ok=True)
            await self._git("init", "--quiet", "--bare")

    async def read(self, base: str) -> tuple[tuple[Claim, ...], str]:
        """All claims, and the head of branch `base`. One call to the host when nothing has changed, two otherwise."""
        async with self._lock:
            head = f"refs/heads/{base}"
            refs = await self._listing(f"{NAMESPACE}/*", head)
            base_head = refs.pop(head, "")
            if refs != self._refs:
                await self._fetch()
            return tuple(claim for _, claim in sorted(self._claims.items())), base_head

    async def get(self, issue: int) -> Claim | None:
        """The claim on one issue as the host holds it now."""
        async with self._lock:
            ref = f"{NAMESPACE}/{issue}"
            if (await self._listing(ref)).get(ref) != self._refs.get(ref):
                await self._fetch()
            return self._claims.get(issue)

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
        lease = _Lease(
            session=self._session, agent=agent, generation=generation, until=until, nonce=secrets.token_hex(8)
        )
        tree = await self._git("hash-object", "-t", "tree", "-w", "--stdin", stdin="")
        oid = await self._git("commit-tree", tree, stdin=lease.model_dump_json(), extra_env=_AUTHOR)
        await self._push(f"{oid}:{NAMESPACE}/{issue}", issue=issue, expected=expected, oid=oid)
        return _claim(issue, lease, oid=oid)

    async def _push(self, refspec: str, *, issue: int, expected: str, oid: str | None) -> None:
        ref, subject = f"{NAMESPACE}/{issue}", f"issue #{issue}"
        try:
            await self._remotely("push", "--quiet", f"--force-with-lease={ref}:{expected}", self._remote, refspec)
        except GitError as error:
            if any(words in error.stderr for words in _LOST):
                raise Conflict("somebody else moved the claim", subject=subject) from error
            failure = _translated(error, subject=subject)
            # The answer may be lost and the push not: what the host holds now decides.
            if not isinstance(failure, Unavailable) or (await self._listing(ref)).get(ref) != oid:
                raise failure from error

    async def _listing(self, *patterns: str) -> dict[str, str]:
        """The refs that the host holds, with their objects. ls-remote also matches longer names that end alike."""
        text = await self._reading("ls-remote", "--quiet", self._remote, *patterns)
        pairs = (line.split("\t", 1) for line in text.split("\n") if "\t" in line)
        return {ref: oid for oid, ref in pairs if ref in patterns or ref.startswith(f"{NAMESPACE}/")}

    async def _fetch(self) -> None:
        """Brings all claims here, and reads them from what has come, which may be newer than what was listed."""
        everything = f"+{NAMESPACE}/*:{NAMESPACE}/*"
        await self._reading("fetch", "--quiet", "--no-tags", "--prune", self._remote, everything)
        # A claim's message is one line, so its subject is the whole of it.
        text = await self._git("for-each-ref", "--format=%(refname) %(objectname) %(contents:subject)", NAMESPACE)
        self._refs, self._claims = {}, {}
        for ref, oid, message in (line.split(" ", 2) for line in text.split("\n") if line):
            self._refs[ref] = oid
            name = _REF.fullmatch(ref)
            try:
                if name is not None:
                    issue = int(name[1])
                    self._claims[issue] = _claim(issue, _Lease.model_validate_json(message), oid=oid)
            except ValidationError:
                continue  # a ref that nobody of ours wrote is no claim

    async def _reading(self, *arguments: str) -> str:
        try:
            return await self._remotely(*arguments)
        except GitError as error:
            raise _translated(error, subject=self._remote) from error

    async def _remotely(self, *arguments: str) -> str:
        credential = await self._keys()
        return await git_async(*arguments, cwd=self._path, credential=credential, timeout=TIMEOUT)

    async def _git(self, *arguments: str, stdin: str | None = None, extra_env: dict[str, str] | None = None) -> str:
        return await git_async(*arguments, cwd=self._path, stdin=stdin, extra_env=extra_env)


def _claim(issue: int, lease: _Lease, *, oid: str) -> Claim:
    return Claim(
        issue=issue,
        session=lease.session,
        agent=lease.agent,
        generation=lease.generation,
        until=lease.until,
        oid=oid,
    )


def _translated(error: GitError, *, subject: str) -> HubError:
    found = _STATUS.search(error.stderr)
    status = int(found[1]) if found else 0
    kind = HubError
    if status in (401, 403) or _LOCKED_OUT.search(error.stderr):
        kind = Refused
    elif _MISSING.search(error.stderr):
        kind = NotFound
    elif error.returncode is None or any(words in error.stderr for words in _SILENT):
        kind = Unavailable
    return kind(str(error), subject=subject, status=status)
