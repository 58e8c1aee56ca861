"""When a lease may be taken, must be renewed, and counts (facts of the git host; DESIGN section 2)."""

from __future__ import annotations

from loreli_ray.config import ClaimsConfig
from loreli_ray.model import Authorship, Claim


def free(claim: Claim | None, *, now: float, claims: ClaimsConfig) -> bool:
    """Whether anybody may take the issue: no claim, a released one, or one that ended longer ago than the grace."""
    return claim is None or claim.released or now > claim.until + claims.grace


def due(claim: Claim, *, now: float, claims: ClaimsConfig) -> bool:
    """Whether its holder should renew: a third of the lease is over."""
    return claim.until - now < claims.ttl * 2 / 3


def next_generation(claim: Claim | None) -> int:
    return 1 if claim is None else claim.generation + 1


def obstacle(claim: Claim | None, *, by: Authorship, session: str, now: float, claims: ClaimsConfig) -> str:
    """Why `session` may not land what `by` wrote, as the claim on its issue stands; "" when it may."""
    if claim is None:
        return ""
    if claim.generation != by.generation:
        return f"generation {claim.generation} has taken over from {by.generation}"
    if claim.session != session and not free(claim, now=now, claims=claims):
        return f"session {claim.session or 'unknown'} holds the claim"
    return ""
