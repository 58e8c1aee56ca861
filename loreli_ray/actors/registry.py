"""The fleet's registry: every agent's record, in memory and in the ledger, and the names in use.

A record is written before anything is started for it, and removed as the last act of the way out. What moves each
second (the screen) stays in memory; everything else is in the ledger before the call returns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any
from zlib import crc32

from loreli_ray.clock import Clock
from loreli_ray.config import Config
from loreli_ray.errors import SessionError
from loreli_ray.identity import Identities, Identity, Sides, team_theme
from loreli_ray.ledger import Ledger
from loreli_ray.model import AgentSpec, Assignment, Facts, Fleet, Member, Placement, Record, Verdict
from loreli_ray.policy import Breaker, BreakerState, derive

_NUMBERED = re.compile(r"-[0-9]+$")


class Registry:
    """One session's agents."""

    def __init__(self, *, session: str, config: Config, ledger: Ledger, clock: Clock) -> None:
        self._session = session
        self._config = config
        self._ledger = ledger
        self._clock = clock
        self._identities = Identities(Sides(config.sides))
        self._records = {record.name: record for record in ledger.records()}
        for record in self._records.values():
            self._identities.restore(record.spec.identity)
        kept = ledger.get("breakers")
        self._breakers = {k: Breaker.model_validate(v) for k, v in kept.items()} if isinstance(kept, dict) else {}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        self.taken: frozenset[str] | None = None

    # ── agents ──

    def admit(self, placement: Placement) -> AgentSpec:
        """A new identity for a placement, on record before it is started (SPEC S9).

        Raises `SessionError` until the names that are taken elsewhere are known (SPEC S2, B11).
        """
        if self.taken is None:
            raise SessionError("the names that are taken elsewhere are not known yet", subject=self._session)
        live = [record.spec.identity for record in self._records.values()]
        theme = team_theme(live, self._config.theme, choose=self._pick)
        opponents = [identity.name for identity in live if identity.side is placement.side.opposite]
        identity = self._acquire(placement.provider, theme=theme, opponents=opponents, taken=self.taken)
        spec = AgentSpec(
            session=self._session,
            identity=identity,
            incarnation=self._ledger.next_incarnation(identity.name),
            role=placement.role,
            backend=placement.backend,
            node=placement.node,
        )
        self._store(Record(spec=spec, facts=Facts(registered_at=self._clock.now())))
        return spec

    def get(self, name: str) -> Record:
        """Raises `SessionError` when there is no such agent."""
        record = self._records.get(name)
        if record is None:
            raise SessionError("there is no such agent", subject=name)
        return record

    def find(self, name: str) -> Record | None:
        return self._records.get(name)

    def all(self) -> tuple[Record, ...]:
        return tuple(self._records.values())

    def on(self, node: str) -> tuple[Record, ...]:
        return tuple(record for record in self._records.values() if record.spec.node == node)

    def note(self, name: str, **facts: Any) -> Record:
        """Adds facts to an agent's record."""
        record = self.get(name)
        return self._store(record.model_copy(update={"facts": record.facts.model_copy(update=facts)}))

    def moved(self, name: str, at: float) -> None:
        """The screen moved: kept in memory only."""
        record = self._records[name]
        facts = record.facts.model_copy(update={"motion_at": at})
        self._records[name] = record.model_copy(update={"facts": facts})

    def assign(self, name: str, assignment: Assignment | None) -> Record:
        """Gives an agent work, or takes it back; either is progress."""
        record = self.get(name)
        facts = record.facts.model_copy(update={"progress_at": self._clock.now(), "question": None})
        return self._store(record.model_copy(update={"assignment": assignment, "facts": facts, "tier": 0}))

    def progressed(self, name: str, *, doing: str | None = None) -> Record:
        """The program spoke: whatever it said, it is alive and a stall begins anew."""
        record = self.get(name)
        now = self._clock.now()
        facts = record.facts.model_copy(
            update={
                "connected_at": record.facts.connected_at or now,
                "progress_at": now,
                "doing": record.facts.doing if doing is None else doing,
            }
        )
        return self._store(record.model_copy(update={"facts": facts, "tier": 0}))

    def escalated(self, name: str, tier: int) -> Record:
        return self._store(self.get(name).model_copy(update={"tier": tier}))

    def leave(self, name: str, verdict: Verdict) -> Record:
        """It is decided that the agent goes, and why: for good, also after a restart."""
        return self._store(self.get(name).model_copy(update={"leaving": verdict}))

    def release_identity(self, record: Record) -> None:
        self._identities.release(record.spec.identity)

    def remove(self, name: str) -> None:
        """Forgets an agent; nothing happens when it is not there."""
        self._ledger.remove(name)
        self._records.pop(name, None)

    def fleet(self) -> Fleet:
        return Fleet(
            members=tuple(
                Member(spec=record.spec, status=derive(record), assignment=record.assignment)
                for record in self._records.values()
            )
        )

    # ── breakers ──

    def breaker(self, *, node: str, backend: str) -> Breaker:
        return self._breakers.get(f"{node}/{backend}", Breaker())

    def failed(self, record: Record) -> None:
        """An unexpected death counts against the backend on its node."""
        self._set_breaker(record, self._breaker_of(record).failed(self._clock.now()))

    def succeeded(self, record: Record) -> None:
        if self._breaker_of(record) != Breaker():
            self._set_breaker(record, Breaker())

    def degraded(self) -> Iterable[tuple[str, str]]:
        """(node, backend) of every open breaker."""
        now = self._clock.now()
        for key, breaker in self._breakers.items():
            if breaker.state(now) is BreakerState.OPEN:
                node, _, backend = key.partition("/")
                yield node, backend

    # ── inside ──

    def _acquire(self, provider: str, *, theme: str, opponents: list[str], taken: frozenset[str]) -> Identity:
        """A name that nobody had yet in this session, so that logs and people never take one for another.

        When the theme has no more of them, those of agents that have gone come round again: gone from the record, too,
        or the last act of one agent's removal would be another's end.
        """
        acquire = partial(self._identities.acquire, provider, theme=theme, prefer_opponents_of=opponents)
        identity = acquire(taken=taken | self._ledger.names())
        if not _NUMBERED.search(identity.name):
            return identity
        self._identities.release(identity)
        return acquire(taken=taken | self._records.keys())

    def _pick(self, names: Sequence[str]) -> str:
        """One theme of several: always the same for a session."""
        return names[crc32(self._session.encode()) % len(names)]

    def _breaker_of(self, record: Record) -> Breaker:
        return self.breaker(node=record.spec.node, backend=record.spec.backend)

    def _set_breaker(self, record: Record, breaker: Breaker) -> None:
        self._breakers[f"{record.spec.node}/{record.spec.backend}"] = breaker
        self._ledger.put("breakers", {key: value.model_dump() for key, value in self._breakers.items()})

    def _store(self, record: Record) -> Record:
        self._ledger.save(record)
        self._records[record.name] = record
        return record
