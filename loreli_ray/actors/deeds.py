"""Carrying out intents, one method for each kind. Each is safe to do again: the next tick may ask for it once more."""

from __future__ import annotations

from typing import assert_never

from loreli_ray.actors.calls import Peer
from loreli_ray.actors.settings import SessionSettings
from loreli_ray.errors import Refused
from loreli_ray.model import (
    AskHuman,
    Claim,
    ClaimIssue,
    ClosePull,
    Complete,
    Dispatch,
    Event,
    EventKind,
    Forward,
    Intent,
    Land,
    Landed,
    ReleaseClaim,
    RenewClaim,
    Review,
    Settle,
    Show,
    Snapshot,
    Stamp,
    UpdateBranch,
)
from loreli_ray.policy.landing import gated


class Deeds:
    """What the reactor does through the hub and the supervisor."""

    def __init__(self, settings: SessionSettings, *, hub: Peer, supervisor: Peer) -> None:
        self._config = settings.config
        self._clock = settings.clock()
        self._hub = hub
        self._supervisor = supervisor

    async def do(self, intent: Intent) -> None:
        """Raises what the hub or the supervisor raises; `Conflict` when somebody else was faster."""
        match intent:
            case ClaimIssue():
                await self._claim(intent)
            case RenewClaim():
                await self._hub.call("renew_claim", intent.claim, ttl=self._config.claims.ttl)
            case ReleaseClaim():
                await self._hub.call("release_claim", intent.claim)
                await self._say(EventKind.RELEASED, "its claim is free again", intent.claim.agent, intent.issue)
            case Dispatch():
                await self._assign(intent)
            case Forward():
                await self._supervisor.call("forward", intent.agent, intent.feedback)
            case Land():
                await self._land(intent)
            case Settle():
                await self._hub.call("settle", intent.pull, issue=intent.issue)
            case UpdateBranch():
                await self._hub.call("update_branch", intent.pull)
            case Stamp():
                await self._hub.call("stamp", intent.pull, intent.verdict)
            case Show():
                seen = intent.model_dump(include={"add", "remove", "assigned", "note"})
                await self._hub.call("show", intent.issue, **seen)
            case ClosePull():
                await self._hub.call("close_pull", intent.pull.number, why=intent.why)
                await self._hub.call("delete_branch", intent.pull.head_ref)
            case Complete():
                await self._supervisor.call("complete", intent.agent, intent.assignment_key, intent.why)
            case AskHuman():
                await self._hub.call("hold", intent.issue, why=f"A human is needed: {intent.why}.")
                await self._say(EventKind.ESCALATED, intent.why, "", intent.issue)
            case _:
                assert_never(intent)

    async def _claim(self, intent: ClaimIssue) -> None:
        claim: Claim = await self._hub.call(
            "take_claim",
            intent.issue,
            agent=intent.agent,
            generation=intent.assignment.generation,
            ttl=self._config.claims.ttl,
            replaces=intent.replaces,
        )
        await self._say(EventKind.CLAIMED, f"generation {claim.generation}", intent.agent, intent.issue)
        await self._assign(intent)

    async def _assign(self, intent: ClaimIssue | Dispatch) -> None:
        start = self._config.timeouts.start
        await self._supervisor.call("assign", intent.agent, intent.assignment, deadline=start)

    async def _land(self, intent: Land) -> None:
        pull = intent.pull
        verdict = pull.verdict
        if pull.by is None or verdict is None or verdict.by is None:
            return
        landed = _landed(intent, verdict)
        await self._supervisor.call("landing", landed)
        title = f"{pull.title} (#{pull.number})"
        message = f"Closes #{intent.issue}\n\nWritten by {pull.by.agent}, reviewed by {verdict.by.agent}."
        try:
            await self._hub.call(
                "land", pull, base_head=intent.base_head, title=title, message=message, claims=self._config.claims
            )
        except Refused as error:
            if gated(error.message):
                why = f"the git host does not let #{pull.number} in: {error.message}"
                await self.do(AskHuman(issue=intent.issue, why=why))
            raise
        await self._settle(landed)

    async def settle_all(self, snapshot: Snapshot) -> bool:
        """Finishes what was being landed when something died: the merge may have been carried out, and no more.

        True when there was such a one: the snapshot still shows its issue.
        """
        settled = False
        pending: list[Landed] = await self._supervisor.call("landings")
        opened = {pull.number for pull in snapshot.pulls}
        for landed in pending:
            if landed.pull in opened:
                continue  # not merged yet: it is landed like any other
            settled = await self._settle(landed) or settled
        return settled

    async def _settle(self, landed: Landed) -> bool:
        """What follows a merge, to the ledger last. False when it was not merged after all."""
        author, reviewer = landed.author, landed.reviewer
        note = f"**landed** · #{landed.pull} by {author.name} ({author.provider}, {author.side}) · reviewed by "
        note += f"{reviewer.name} ({reviewer.provider}, {reviewer.side})"
        commit: str | None = await self._hub.call("settle", landed.pull, issue=landed.issue, note=note)
        if commit is None:
            await self._supervisor.call("not_landed", landed.issue)
            return False
        await self._supervisor.call("landed", landed.model_copy(update={"commit": commit}))
        return True

    async def _say(self, kind: EventKind, text: str, agent: str, issue: int) -> None:
        event = Event(kind=kind, at=self._clock.now(), agent=agent, issue=issue, text=text)
        await self._supervisor.call("report", event)


def _landed(intent: Land, verdict: Review) -> Landed:
    author, reviewer = intent.pull.by, verdict.by
    assert author is not None
    assert reviewer is not None
    return Landed(
        issue=intent.issue,
        title=intent.title,
        pull=intent.pull.number,
        branch=intent.pull.head_ref,
        author=Landed.Who(name=author.agent, provider=author.provider, side=author.side),
        reviewer=Landed.Who(name=reviewer.agent, provider=reviewer.provider, side=reviewer.side),
        rounds=intent.rounds,
        commit="",
        seconds=0.0,
    )
