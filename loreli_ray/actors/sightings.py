"""What the nodes see of the agents, taken into the registry: deaths at once, progress stored, the rest in memory."""

from __future__ import annotations

from collections.abc import Callable

from loreli_ray.actors.registry import Registry
from loreli_ray.clock import Clock
from loreli_ray.config import Config
from loreli_ray.model import Event, EventKind, Exit, Observation, Record
from loreli_ray.policy import classify

_MISSED_LOOKS = 3


class Sightings:
    """`report` puts an event into the ledger, `look` has the supervisor sweep now."""

    def __init__(
        self,
        registry: Registry,
        *,
        config: Config,
        clock: Clock,
        report: Callable[[Event], None],
        look: Callable[[], None],
    ) -> None:
        self._registry = registry
        self._config = config
        self._clock = clock
        self._report = report
        self._look = look
        self._missing: dict[str, int] = {}

    def take(self, node: str, seen: tuple[Observation, ...]) -> None:
        """All that a node saw of its agents."""
        found = {observation.name: observation for observation in seen}
        for record in self._registry.on(node):
            if record.facts.started_at is None or record.facts.exit is not None or record.leaving is not None:
                continue
            observation = found.get(record.name)
            if observation is None or observation.incarnation not in (None, record.spec.incarnation):
                self._miss(record)
                continue
            self._missing.pop(record.name, None)
            if observation.exit is not None:
                self._died(record, observation.exit)
            else:
                self._lives(record, observation)

    def _miss(self, record: Record) -> None:
        """A pane that is not there three looks in a row is gone, and its tmux server with it."""
        missed = self._missing[record.name] = self._missing.get(record.name, 0) + 1
        if missed >= _MISSED_LOOKS:
            self._died(record, Exit(code=None, signal=None, at=self._clock.now()))

    def _died(self, record: Record, ended: Exit) -> None:
        self._missing.pop(record.name, None)
        self._registry.note(record.name, exit=ended)
        self._look()
        facts, work = record.facts, record.assignment
        if facts.stop_at is None and facts.dormant_at is None:  # else it was about to go
            issue, now = work.issue if work is not None else 0, self._clock.now()
            self._report(Event(kind=EventKind.DIED, at=now, agent=record.name, issue=issue, text=str(ended)))

    def _lives(self, record: Record, seen: Observation) -> None:
        """What is seen again in a second is not worth the ledger's while."""
        facts = {"motion_at": seen.motion_at, "busy_at": seen.busy_at, "busy_by": seen.busy_by, "memory": seen.memory}
        self._registry.saw(record.name, **{fact: value for fact, value in facts.items() if value is not None})
        if seen.tail is not None:
            rules = self._config.backends[record.spec.backend].failures
            failure = classify(seen.tail, at=(seen.motion_at or 0.0) + 1.0, rules=rules)
            self._registry.saw(record.name, failure=failure)
        known = record.facts.progress_at or record.facts.registered_at
        if seen.progress_at is not None and seen.progress_by is not None and seen.progress_at > known:
            self._registry.progressed(record.name, by=seen.progress_by, at=seen.progress_at)
