"""The claims on issues and the line of landings, as the rest of the team asks for them: in seconds from now.

Two hands of one session hold a claim: the reactor renews it, and so does every push of its agent. Either may find that
the other was faster, which is no loss.
"""

from __future__ import annotations

from loreli_ray.config import ClaimsConfig
from loreli_ray.errors import Conflict
from loreli_ray.hub.host import Host
from loreli_ray.model import LINE, Authorship, Claim, Fence
from loreli_ray.policy import claims as policy

_TRIES = 5
# Seconds. Longer than a merge takes, and short, for nobody lands while one that died in the line still has it.
_LANDING = 120.0


class Leases(Host):
    """The hub's part that holds claims."""

    async def claims_root(self) -> str:
        """Beneath which name on the host the claims stand. Raises `Refused` when the host lets us use none."""
        return await self._leases.root()

    async def claim(self, issue: int) -> Claim | None:
        return await self._leases.get(issue)

    async def take_claim(self, issue: int, *, agent: str, generation: int, ttl: float, replaces: Claim | None) -> Claim:
        """A lease of `ttl` seconds. `Conflict` when somebody else was faster."""
        until = self._clock.now() + ttl
        return await self._leases.take(issue, agent=agent, generation=generation, until=until, replaces=replaces)

    async def renew_claim(self, claim: Claim, *, ttl: float) -> Claim:
        """A lease of `ttl` seconds from now, or the one that another hand of ours has just renewed.

        One that has ended is renewed as well, as long as nobody took it. `Conflict` means that it is lost.
        """
        try:
            return await self._leases.renew(claim, until=self._clock.now() + ttl)
        except Conflict:
            now = await self._leases.get(claim.issue)
            if now is None or not now.continues(claim):
                raise
            return now

    async def release_claim(self, claim: Claim) -> Claim:
        """Ends a lease at once. `Conflict` when it is not ours any more."""
        for _ in range(_TRIES):
            try:
                return await self._leases.release(claim)
            except Conflict:
                now = await self._leases.get(claim.issue)
                if now is None or not now.continues(claim):
                    raise
                claim = now
        raise Conflict("is being renewed all the time", subject=f"issue #{claim.issue}")

    async def remove_claim(self, issue: int) -> None:
        """Removes the claim on a closed issue; nothing happens when there is none."""
        claim = await self._leases.get(issue)
        if claim is not None:
            await self._leases.remove(claim)

    # ── fencing ──

    async def fence(self, issue: int, *, ttl: float) -> Fence | None:
        """What a push to the host must carry for the claim on an issue; None when nobody has it.

        Whose the claim is, the caller must look at. Whether its lease has ended is no matter, for the push itself
        renews it, and fails when anybody else took it.
        """
        claim = await self._leases.get(issue)
        return None if claim is None else await self._leases.fence(claim, until=self._clock.now() + ttl, ttl=ttl)

    async def fence_merge(self, by: Authorship, *, line: Claim, claims: ClaimsConfig) -> Claim:
        """To be called right before a merge: the line, renewed.

        Raises `Conflict` when the issue is in other hands by now, or the line.
        """
        claim = await self._leases.get(by.issue)
        why = policy.obstacle(claim, by=by, session=self._session, now=self._clock.now(), claims=claims)
        if why:
            raise Conflict(f"not to be landed: {why}", subject=f"issue #{by.issue}")
        return await self.renew_claim(line, ttl=_landing(claims))

    async def enter_line(self, agent: str, *, claims: ClaimsConfig) -> Claim:
        """The line of landings, which one orchestrator at a time has: for two minutes, unless `fence_merge` renews it.

        `agent` says for whom, to people. This session may enter again at once: who left the line without a word is not
        there any more. Raises `Conflict` while another session has it.
        """
        await self._leases.root()  # whoever comes first makes the line
        line = await self._leases.get(LINE)
        taken = line is not None and not policy.free(line, now=self._clock.now(), claims=claims)
        if line is not None and taken and line.session != self._session:
            raise Conflict(f"session {line.session or 'unknown'} is landing", subject=self.repo)
        generation = policy.next_generation(line)
        return await self.take_claim(LINE, agent=agent, generation=generation, ttl=_landing(claims), replaces=line)

    async def leave_line(self, line: Claim) -> None:
        """Lets the next one land. Nothing happens when the lease had ended and somebody else took it."""
        try:
            await self.release_claim(line)
        except Conflict:
            return


def _landing(claims: ClaimsConfig) -> float:
    return min(_LANDING, claims.ttl)
