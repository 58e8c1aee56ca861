"""Metrics of one process, in a registry of its own so that several sessions in one test do not meet."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from loreli_ray.model import Budget


class Metrics:
    """What a control actor counts. Names follow https://prometheus.io/docs/practices/naming/."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.errors = Counter("loreli_errors", "Errors at an actor's edge.", ["actor", "kind"], registry=self.registry)
        self.removed = Counter("loreli_agents_removed", "Agents removed, by cause.", ["cause"], registry=self.registry)
        self.spawned = Counter("loreli_agents_spawned", "Agents started.", ["role"], registry=self.registry)
        self.landed = Counter("loreli_issues_landed", "Issues merged.", registry=self.registry)
        self.agents = Gauge(
            "loreli_agents", "Agents by role, side and state.", ["role", "side", "state"], registry=self.registry
        )
        self._hub = _HubMetrics(self.registry)

    def see(self, budgets: Iterable[Budget]) -> None:
        """Takes in what the hub says of its accounts."""
        for budget in budgets:
            self._hub.see(budget)

    def render(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)


class _HubMetrics:
    """What the accounts on the git host use."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"loreli_hub_{name}", text, ["account"], registry=registry)

        self._requests = Counter(
            "loreli_hub_requests", "Requests, by what they cost.", ["account", "cost"], registry=registry
        )
        self._errors = Counter("loreli_hub_errors", "Requests that failed.", ["account", "kind"], registry=registry)
        self._limit = gauge("budget_limit", "Requests an hour.")
        self._remaining = gauge("budget_remaining", "Requests left until the reset.")
        self._reset = gauge("budget_reset_timestamp_seconds", "When the budget is whole again, by the host's clock.")
        self._queue = gauge("write_queue", "Writes that wait.")
        self._offset = gauge("offset_seconds", "What is to be added to our clock to have the host's.")
        self._counted: dict[tuple[Counter, str, str], int] = {}

    def see(self, budget: Budget) -> None:
        login = budget.login
        for cost, total in (("paid", budget.paid), ("free", budget.free)):
            self._raise(self._requests, (login, cost), total)
        for kind, total in budget.errors.items():
            self._raise(self._errors, (login, kind), total)
        told = ((self._limit, budget.limit), (self._remaining, budget.remaining), (self._reset, budget.reset))
        for gauge, value in told:
            if value is not None:
                gauge.labels(login).set(value)
        self._queue.labels(login).set(budget.queued)
        self._offset.labels(login).set(budget.offset)

    def _raise(self, counter: Counter, labels: tuple[str, str], total: int) -> None:
        """A hub that was started again counts from 0: what it has counted comes on top."""
        key = (counter, *labels)
        known = self._counted.get(key, 0)
        counter.labels(*labels).inc(total - known if total >= known else total)
        self._counted[key] = total
