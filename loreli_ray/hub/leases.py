"""The claims on issues, as the rest of the team asks for them: in seconds from now."""

from __future__ import annotations

from loreli_ray.hub.host import Host
from loreli_ray.model import Claim


class Leases(Host):
    """The hub's part that holds claims."""

    async def claim(self, issue: int) -> Claim | None:
        return await self._leases.get(issue)

    async def take_claim(self, issue: int, *, agent: str, generation: int, ttl: float, replaces: Claim | None) -> Claim:
        """A lease of `ttl` seconds. `Conflict` when somebody else was faster."""
        until = self._clock.now() + ttl
        return await self._leases.take(issue, agent=agent, generation=generation, until=until, replaces=replaces)

    async def renew_claim(self, claim: Claim, *, ttl: float) -> Claim:
        return await self._leases.renew(claim, until=self._clock.now() + ttl)

    async def release_claim(self, claim: Claim) -> Claim:
        return await self._leases.release(claim)

    async def remove_claim(self, issue: int) -> None:
        """Removes the claim on a closed issue; nothing happens when there is none."""
        claim = await self._leases.get(issue)
        if claim is not None:
            await self._leases.remove(claim)
