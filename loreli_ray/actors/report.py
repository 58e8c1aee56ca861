"""The session as JSON: what `status` prints, the demo draws and the API serves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from loreli_ray.actors.settings import SessionSettings
from loreli_ray.config import TimeoutsConfig
from loreli_ray.model import Budget, Event, NodeView, Record, Value
from loreli_ray.policy import Breaker, derive, health


class BoardRow(Value):
    """An open issue at the reactor's last tick."""

    issue: int
    title: str
    stage: str
    agent: str = ""
    pull: int | None = None
    rounds: int = 0


class Board(Value):
    """What the reactor saw at its last tick (`at`, None before the first), and why some demand has to wait.

    `stale`: the git host could not be asked then, and all but the claims is as it was last told.
    """

    at: float | None = None
    stale: bool = False
    rows: tuple[BoardRow, ...] = ()
    pulls: int = 0
    refusals: tuple[str, ...] = ()
    budgets: tuple[Budget, ...] = ()


def status_report(
    *,
    settings: SessionSettings,
    records: Iterable[Record],
    nodes: Sequence[NodeView],
    board: Board,
    breakers: Mapping[tuple[str, str], Breaker],
    landed: Iterable[Event],
    recent: Iterable[Event],
    now: float,
) -> dict[str, Any]:
    """The whole session. Ages are in seconds, times since the epoch."""
    return {
        "session": settings.id,
        "repo": settings.repo,
        "now": now,
        "tick": {
            "age": None if board.at is None else round(now - board.at, 1),
            "stale": board.stale,
            "waiting": list(board.refusals),
        },
        "agents": [_agent(record, now=now) for record in records],
        "issues": [row.model_dump(mode="json") for row in board.rows],
        "open_pulls": board.pulls,
        "landed": [event.data for event in landed],
        "nodes": [
            {
                "id": node.id,
                "host": node.host,
                "free_slots": node.slots,
                "backends": [program.backend for program in node.programs],
                "breakers": [
                    _breaker(backend, breaker, now=now)
                    for (where, backend), breaker in breakers.items()
                    if where == node.id
                ],
            }
            for node in nodes
        ],
        "accounts": [_account(budget, reserve=settings.config.hub.reserve, now=now) for budget in board.budgets],
        "events": [event.model_dump(mode="json") for event in recent],
    }


def health_report(
    record: Record | None, *, name: str, now: float, timeouts: TimeoutsConfig, screen: str
) -> dict[str, Any]:
    """One agent: how it fares, and on what evidence, the strongest first. Ages are in seconds."""
    found = health(record, name=name, now=now, timeouts=timeouts).model_dump(mode="json")
    found["output_length"] = len(screen)
    if record is None:
        return {**found, "evidence": []}
    facts = record.facts
    seen = [
        ("process", str(facts.exit or "its program runs"), facts.exit.at if facts.exit else facts.started_at),
        ("supervisor", "its actor does not answer", facts.unanswered_at),
        ("program", "it called a tool", facts.tool_at),
        ("progress", facts.progress_by or "", facts.progress_at),
        ("busy", facts.busy_by or "", facts.busy_at),
        ("screen", facts.failure.text if facts.failure else "it moved", facts.motion_at),
    ]
    return {
        **_agent(record, now=now),
        **found,
        "evidence": [
            {"source": source, "what": what, "age": round(now - at, 1)} for source, what, at in seen if at is not None
        ],
    }


def _account(budget: Budget, *, reserve: float, now: float) -> dict[str, Any]:
    """An account on the git host, and whether only what was begun may be finished with it until the reset.

    The reset is by the host's clock, all else by ours.
    """
    resets = None if budget.reset is None else max(0.0, budget.reset - now - budget.offset)
    held = None if budget.held_until is None else max(0.0, budget.held_until - now)
    return {
        **budget.model_dump(mode="json"),
        "resets_in": None if resets is None else round(resets, 1),
        "used_up": bool(resets) and budget.used_up(reserve),
        "held_for": None if held is None else round(held, 1),
    }


def _breaker(backend: str, breaker: Breaker, *, now: float) -> dict[str, Any]:
    retry = 0.0 if breaker.opened_at is None else max(0.0, breaker.opened_at + breaker.pause - now)
    state = breaker.state(now).value
    return {"backend": backend, "state": state, "failures": breaker.failures, "retry_in": round(retry, 1)}


def _agent(record: Record, *, now: float) -> dict[str, Any]:
    status, work, spec = derive(record), record.assignment, record.spec
    return {
        "name": spec.name,
        "incarnation": spec.incarnation,
        "role": spec.role.value,
        "provider": spec.provider,
        "side": spec.side.value,
        "backend": spec.backend,
        "node": spec.node,
        "state": status.state.value,
        "source": status.source,
        "age": round(now - status.since, 1),
        "detail": status.detail,
        "doing": record.facts.doing,
        "memory": record.facts.memory,
        "unanswered": None if record.facts.unanswered_at is None else round(now - record.facts.unanswered_at, 1),
        "issue": None if work is None else work.issue,
        "pull": None if work is None else work.pull,
        "round": None if work is None else work.round,
    }
