"""What the room's tests share: records and events, and programs of their own that can be killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from loreli_ray.identity import Identity, Side
from loreli_ray.model import AgentSpec, Event, EventKind, Facts, Record, Role


def record(name: str = "kira", *, incarnation: int = 1) -> Record:
    identity = Identity(name=name, theme="scifi", provider="anthropic", side=Side.YIN)
    spec = AgentSpec(
        session="s", identity=identity, incarnation=incarnation, role=Role.ACTION, backend="claude", node="n"
    )
    return Record(spec=spec, facts=Facts(registered_at=1.5))


def event(n: int, *, kind: EventKind = EventKind.PROGRESS, agent: str = "kira") -> Event:
    return Event(kind=kind, at=float(n), agent=agent, issue=n, text=f"text {n}", data={"n": [n]})


def program(source: str, *arguments: str | Path, before: Callable[[], object] | None = None) -> subprocess.Popen[str]:
    """A Python program of its own; `before` runs in it before it starts."""
    return subprocess.Popen(
        [sys.executable, "-c", source, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=before,
    )
