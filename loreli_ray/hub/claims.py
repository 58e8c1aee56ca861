"""Claims as git refs, by compare-and-swap: exactly one holder for each issue (facts of the git host, section 4).

`<root>/claims/<issue>` holds a commit whose message is the claim as JSON; `<root>/landing` in the same form is the line
in which orchestrators land. A nonce in each message keeps two claims from ever being the same object.

Invariants
- On the host stands the host's time, in a `Claim` ours: clocks of orchestrators may differ by any amount.
- A claim that can't be read (of a newer version, or nobody of ours wrote it) is held by somebody unknown, for ever: a
  person must delete the ref. Fields that this version does not know are no hindrance.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, FiniteFloat, ValidationError

from loreli_ray.errors import Conflict, Unavailable
from loreli_ray.hub import namespace
from loreli_ray.hub.refs import Keys, Refs
from loreli_ray.model import LINE, Claim, Fence


class _Lease(BaseModel):
    """A claim's message. `until` is in seconds since the epoch, by the host's clock."""

    session: str
    agent: str
    generation: int
    until: FiniteFloat
    nonce: str


class Claims:
    """The claims of one repository, through a small bare repository of their own at `path`.

    `offset` is how many seconds the host's clock is ahead of ours.
    """

    def __init__(
        self,
        path: Path,
        *,
        remote: str,
        keys: Keys,
        session: str,
        offset: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._refs = Refs(path, remote=remote, keys=keys)
        self._session = session
        self._offset = offset
        self._root: str | None = None
        self._known: dict[str, _Lease | None] = {}
        self._lock = asyncio.Lock()

    async def open(self) -> None:
        """Makes the repository, if it is not there yet. Where the claims stand is settled when one is first taken."""
        await self._refs.open()

    async def root(self) -> str:
        """Beneath which name the claims stand: `refs/loreli`, or `refs/heads/loreli` where the host refuses that.

        Raises `Refused` when the host lets us use neither.
        """
        return self._root or await self._settled()

    async def read(self, base: str) -> tuple[tuple[Claim, ...], str]:
        """All claims, and the head of branch `base`. One call to the host when nothing has changed, two otherwise."""
        async with self._lock:
            head = f"refs/heads/{base}"
            refs, base_head = await self._list(head)
            found = await self._understood({issue: oid for issue, oid in refs.items() if issue != LINE})
            self._known = {claim.oid: self._known[claim.oid] for claim in found.values()}
            return tuple(claim for _, claim in sorted(found.items())), base_head

    async def get(self, issue: int) -> Claim | None:
        """The claim on one issue, or the line (`LINE`), as the host holds it now."""
        async with self._lock:
            refs, _ = await self._list()
            return (await self._understood({issue: refs[issue]})).get(issue) if issue in refs else None

    async def take(self, issue: int, *, agent: str, generation: int, until: float, replaces: Claim | None) -> Claim:
        """Takes the lease on an issue from exactly the state `replaces` (None: no ref). `Conflict` when it moved."""
        lease = self._lease(agent=agent, generation=generation, until=until)
        return await self._swap(issue, lease, seen=replaces.oid if replaces else "")

    async def renew(self, claim: Claim, *, until: float) -> Claim:
        """A lease that ends later. `Conflict` when the claim has moved."""
        lease = self._lease(agent=claim.agent, generation=claim.generation, until=until)
        return await self._swap(claim.issue, lease, seen=claim.oid)

    async def release(self, claim: Claim) -> Claim:
        """Ends a lease at once; the generation is kept."""
        return await self.renew(claim, until=0)

    async def remove(self, claim: Claim) -> None:
        """Deletes the ref: only for an issue that is closed."""
        await self._refs.swap(await self._ref(claim.issue), seen=claim.oid, oid=None, subject=_subject(claim.issue))

    async def fence(self, claim: Claim, *, until: float, ttl: float) -> Fence:
        """What renews `claim` within somebody's push."""
        lease = self._lease(agent=claim.agent, generation=claim.generation, until=until)
        return Fence(claim=claim, ref=await self._ref(claim.issue), message=lease.model_dump_json(), ttl=ttl)

    async def _swap(self, issue: int, lease: _Lease, *, seen: str) -> Claim:
        ref = await self._ref(issue)
        oid = await self._refs.commit(lease.model_dump_json())
        self._known[oid] = lease
        await self._refs.swap(ref, seen=seen, oid=oid, subject=_subject(issue))
        return self._claim(issue, lease, oid=oid)

    async def _list(self, head: str = "") -> tuple[dict[int, str], str]:
        """Issue → object of its claim, and what `head` points at. The caller holds the lock."""
        refs = await self._refs.list(*namespace.PATTERNS, *filter(None, [head]))
        self._root = namespace.inhabited(refs) or self._root
        return self._by_issue(refs), refs.get(head, "")

    def _by_issue(self, refs: Mapping[str, str]) -> dict[int, str]:
        named = ((namespace.issue_of(ref, root=self._root), oid) for ref, oid in refs.items())
        return {issue: oid for issue, oid in named if issue is not None}

    async def _understood(self, listed: Mapping[int, str]) -> dict[int, Claim]:
        """The claims that stand in `listed`. One never seen is fetched, and may be newer then than what was listed."""
        if self._root is not None and not self._known.keys() >= set(listed.values()):
            fetched = await self._refs.fetch(self._root)
            self._known = {oid: _parsed(message) for oid, message in fetched.values()}
            brought = self._by_issue({ref: oid for ref, (oid, _) in fetched.items()})
            listed = {issue: oid for issue, oid in brought.items() if issue in listed}
        return {issue: self._claim(issue, self._known[oid], oid=oid) for issue, oid in listed.items()}

    async def _settled(self) -> str:
        """The root. If nothing stands on the host yet the line is made, so that whoever comes later finds it."""
        async with self._lock:
            if self._root is None:
                await self._list()
            if self._root is None:
                root = await namespace.usable(self._refs)
                message = self._lease(agent="", generation=0, until=0).model_dump_json()
                line = namespace.ref_of(LINE, root=root)
                with suppress(Conflict):  # somebody else came first, to the same place
                    await self._refs.swap(line, seen="", oid=await self._refs.commit(message), subject=line)
                await self._list()
        if self._root is None:
            raise Unavailable("the landing line vanished as soon as it was made", subject=self._refs.remote)
        return self._root

    async def _ref(self, issue: int) -> str:
        return namespace.ref_of(issue, root=self._root or await self._settled())

    def _lease(self, *, agent: str, generation: int, until: float) -> _Lease:
        """`until` is ours; 0 is no time, but says that the claim is released."""
        theirs = until + self._offset() if until else 0.0
        return _Lease(
            session=self._session, agent=agent, generation=generation, until=theirs, nonce=secrets.token_hex(8)
        )

    def _claim(self, issue: int, lease: _Lease | None, *, oid: str) -> Claim:
        if lease is None:
            return Claim(issue=issue, session="", agent="unknown", generation=0, until=math.inf, oid=oid)
        until = lease.until - self._offset() if lease.until else 0.0
        return Claim(
            issue=issue, session=lease.session, agent=lease.agent, generation=lease.generation, until=until, oid=oid
        )


def _parsed(message: str) -> _Lease | None:
    # A claim's message is one line, so its first paragraph is the whole of it.
    try:
        return _Lease.model_validate_json(message)
    except ValidationError:
        return None


def _subject(issue: int) -> str:
    return "the landing line" if issue == LINE else f"the claim on issue #{issue}"
