"""What is about to be merged: on record before the merge, so that what follows it happens whatever dies."""

from __future__ import annotations

from typing import Any

from loreli_ray.clock import Clock
from loreli_ray.ledger import Ledger
from loreli_ray.model import Event, EventKind, Landed

_KEY = "landings"


class Landings:
    """The landings of a session, in its ledger."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    def begin(self, landed: Landed) -> None:
        self._store({**self._pending(), landed.issue: landed})

    def pending(self) -> list[Landed]:
        """Those that were begun and are not known to be finished."""
        return list(self._pending().values())

    def drop(self, issue: int) -> None:
        """It was not merged after all, or all that follows is done."""
        self._store({number: landed for number, landed in self._pending().items() if number != issue})

    def event(self, landed: Landed) -> Event | None:
        """The event of a landing, with the seconds since its issue was first claimed; None when it is on record."""
        if any(event.data.get("pull") == landed.pull for event in self._ledger.events(kinds=(EventKind.LANDED,))):
            return None
        now = self._clock.now()
        claimed = [e.at for e in self._ledger.events(kinds=(EventKind.CLAIMED,)) if e.issue == landed.issue]
        whole = landed.model_copy(update={"seconds": round(now - min(claimed, default=now), 1)})
        return Event(
            kind=EventKind.LANDED,
            at=now,
            agent=landed.author.name,
            issue=landed.issue,
            text=f"merged as {landed.commit[:12]}",
            data=whole.model_dump(mode="json"),
        )

    def _pending(self) -> dict[int, Landed]:
        kept: Any = self._ledger.get(_KEY) or {}
        return {int(issue): Landed.model_validate(landed) for issue, landed in kept.items()}

    def _store(self, landings: dict[int, Landed]) -> None:
        self._ledger.put(_KEY, {issue: landed.model_dump(mode="json") for issue, landed in landings.items()})
