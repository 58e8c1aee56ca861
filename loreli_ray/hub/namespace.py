"""Where on the host the claims stand: the same place for every orchestrator of a repository.

That is beneath `refs/loreli`, which is no branch and starts no workflow. A host that refuses such names gets branches
beneath `refs/heads/loreli`.

Invariants
- What stands on the host decides: where claims or the landing line are, there they stay; the line is never deleted, so
  whoever comes first decides for all, and no one who comes later asks the host again. If both places hold some (two
  came first at once, and the host let only one of them), `refs/loreli` counts.
- Only a clear refusal of the name leads to the branches: twice, with a branch let through in between. A host that does
  not answer, or is in trouble, decides nothing.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable

from loreli_ray.errors import Conflict, Refused, Unavailable
from loreli_ray.hub.refs import Refs
from loreli_ray.model import LINE

PREFERRED = "refs/loreli"
FALLBACK = "refs/heads/loreli"
ROOTS = (PREFERRED, FALLBACK)
#: For `Refs.list`: whatever may be of the team's, in either place.
PATTERNS = tuple(f"{root}/*" for root in ROOTS)
_OURS = re.compile(rf"(?P<root>{'|'.join(ROOTS)})/(?:landing|claims/(?P<issue>[1-9][0-9]{{0,17}}))")


def ref_of(issue: int, *, root: str) -> str:
    return f"{root}/landing" if issue == LINE else f"{root}/claims/{issue}"


def issue_of(ref: str, *, root: str | None) -> int | None:
    """The issue that a ref is the claim on; None for any other ref, and for what is not beneath `root`."""
    found = _OURS.fullmatch(ref)
    if found is None or found["root"] != root:
        return None
    return int(found["issue"]) if found["issue"] else LINE


def inhabited(refs: Iterable[str]) -> str | None:
    """The root that counts among what the host holds; None when nothing of the team's is there yet."""
    roots = {found["root"] for ref in refs if (found := _OURS.fullmatch(ref)) is not None}
    return next((root for root in ROOTS if root in roots), None)


async def usable(refs: Refs) -> str:
    """The root that the host lets us use. Raises `Refused` when it lets us use none."""
    if await _lets(refs, PREFERRED) is None:
        return PREFERRED
    if (refusal := await _lets(refs, FALLBACK)) is not None:
        raise refusal
    return PREFERRED if await _lets(refs, PREFERRED) is None else FALLBACK


async def _lets(refs: Refs, root: str) -> Refused | None:
    """None when the host lets us use names beneath `root`, or its refusal."""
    try:
        await _try(refs, root)
    except Refused as refusal:
        if refusal.status:
            raise  # it is us that it does not let in, whatever the name
        return refusal
    return None


async def _try(refs: Refs, root: str) -> None:
    """Makes a ref, looks for it, and deletes it. Raises `Refused` when the host does not let us."""
    ref = f"{root}/probe/{secrets.token_hex(8)}"  # nobody else has this name: all that can be lost is time
    oid = await refs.commit("Whether such a ref can be made, seen and deleted")
    try:
        await refs.swap(ref, seen="", oid=oid, subject=ref)
        listed = await refs.list(ref)
        await refs.swap(ref, seen=oid, oid=None, subject=ref)
    except Conflict as error:
        if root in await refs.list(root):
            raise Refused(f"{root} is a ref itself, so that none can be beneath it", subject=ref) from error
        raise Unavailable("the host is busy with other refs", subject=ref) from error
    if ref not in listed:
        raise Refused("the host does not list such a ref", subject=ref)
