"""The fleet's registry: every agent's record, in memory and in the ledger, and the names in use.

A record is written before anything is started for it, and removed as the last act of the way out. What moves each
second (the screen) stays in memory; everything else is in the ledger before the call returns.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from zlib import crc32

from loreli_ray.clock import Clock
from loreli_ray.config import Config
from loreli_ray.errors import SessionError
from loreli_ray.identity import Identities, Identity, Sides, team_theme
from loreli_ray.ledger import Ledger
from loreli_ray.model import AgentSpec, Assignment, Breakers, Facts, Fleet, Member, Placement, Record, Sign, Verdict
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
        kept: Any = ledger.get("breakers") or {}
        self._breakers = {_pair(key): Breaker.model_validate(value) for key, value in kept.items()}
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

    def saw(self, name: str, **facts: Any) -> None:
        """Adds facts that are soon seen again: kept in memory only."""
        record = self._records[name]
        if any(getattr(record.facts, fact) != value for fact, value in facts.items()):
            self._records[name] = record.model_copy(update={"facts": record.facts.model_copy(update=facts)})

    def assign(self, name: str, assignment: Assignment | None) -> Record:
        """Gives an agent work, or takes it back; either is progress. The same work given again is news again."""
        record = self.get(name)
        update = {"progress_at": self._clock.now(), "progress_by": Sign.WORK, "question": None}
        if assignment is None and record.facts.stop_at is None:
            update["told"] = ""
        facts = record.facts.model_copy(update=update)
        return self._store(record.model_copy(update={"assignment": assignment, "facts": facts, "tier": 0}))

    def progressed(self, name: str, *, by: Sign, at: float, **facts: Any) -> Record:
        """An agent got on, and a stall begins anew."""
        record = self.get(name)
        update = {"progress_at": at, "progress_by": by, **facts}
        return self._store(record.model_copy(update={"facts": record.facts.model_copy(update=update), "tier": 0}))

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

    def failed(self, record: Record) -> Breaker:
        """An unexpected death counts against the backend on its node; its breaker after that."""
        breaker = self._breaker_of(record).failed(self._clock.now())
        self._set_breakers({_key(record): breaker})
        return breaker

    def proved(self, record: Record) -> bool:
        """Closes the breaker of an agent's backend when the agent shows that it works; whether that opened or tried."""
        breaker, now = self._breaker_of(record), self._clock.now()
        if not breaker.closed_by(record, now=now, timeouts=self._config.timeouts):
            return False
        self._set_breakers({_key(record): Breaker()})
        return breaker.state(now) is not BreakerState.CLOSED

    def reset(self, backend: str) -> int:
        """Closes the breakers of a backend on all nodes; how many were not closed."""
        now = self._clock.now()
        mine = {key: breaker for key, breaker in self._breakers.items() if key[1] == backend}
        self._set_breakers(dict.fromkeys(mine, Breaker()))
        return sum(breaker.state(now) is not BreakerState.CLOSED for breaker in mine.values())

    def breakers(self) -> dict[tuple[str, str], Breaker]:
        """By (node, backend): those that have anything to say."""
        return {key: breaker for key, breaker in self._breakers.items() if breaker != Breaker()}

    def gates(self) -> Breakers:
        """What the breakers mean for placements."""
        now = self._clock.now()
        closed, trial = set[tuple[str, str]](), set[tuple[str, str]]()
        begun: dict[tuple[str, str], list[float]] = defaultdict(list)
        for record in self._records.values():
            begun[_key(record)].append(record.facts.registered_at)
        for key, breaker in self._breakers.items():
            if not breaker.lets_through(now, registered=begun.get(key, ())):
                closed.add(key)
            elif breaker.state(now) is BreakerState.HALF_OPEN:
                trial.add(key)
        return Breakers(degraded=frozenset(closed), trial=frozenset(trial))

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
        return self._breakers.get(_key(record), Breaker())

    def _set_breakers(self, changed: Mapping[tuple[str, str], Breaker]) -> None:
        self._breakers |= changed
        self._ledger.put("breakers", {"/".join(key): value.model_dump() for key, value in self._breakers.items()})

    def _store(self, record: Record) -> Record:
        self._ledger.save(record)
        self._records[record.name] = record
        return record


def _key(record: Record) -> tuple[str, str]:
    return record.spec.node, record.spec.backend


def _pair(key: str) -> tuple[str, str]:
    node, _, backend = key.partition("/")
    return node, backend
