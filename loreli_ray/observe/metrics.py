"""Metrics of one process, in a registry of its own so that several sessions in one test do not meet."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest


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

    def render(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)
