"""Claims: who works on an issue, and what a push must carry so that nobody else can have taken it over."""

from __future__ import annotations

from loreli_ray.model.values import Value

#: The issue number of the lease on landing: no issue has it.
LINE = 0


class Claim(Value):
    """A lease on an issue. `generation` is the fencing token; `oid` is what compare-and-swap compares.

    `until` is in seconds since the epoch, by our own clock: the hub translates from the host's. A released claim keeps
    its generation and ends at once (`until` 0), so that the number only ever rises. A claim that can't be read is held
    for ever by somebody unknown: its session is empty, its generation 0.
    """

    issue: int
    session: str
    agent: str
    generation: int
    until: float
    oid: str

    def held(self, now: float) -> bool:
        return self.until > now

    @property
    def released(self) -> bool:
        return self.until == 0

    def continues(self, earlier: Claim) -> bool:
        """Whether this is `earlier`, renewed or not: the same holder in the same generation, and not released."""
        same = (self.issue, self.session, self.agent, self.generation)
        return same == (earlier.issue, earlier.session, earlier.agent, earlier.generation) and not self.released


class Fence(Value):
    """What a push for `claim` must do at the same instant: move `ref` from `claim.oid` to a commit that says `message`.

    It renews the lease for `ttl` seconds, and can't be done once anybody else has moved the claim.
    """

    claim: Claim
    ref: str
    message: str
    ttl: float
