"""What comes out: the figures of one run, as one JSON object and as tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.table import Table

from benchmarks.supervision.observation import Cost
from benchmarks.supervision.processes import Use, total
from benchmarks.supervision.team import PROGRAM

_AGENT = "Agent"


@dataclass(frozen=True)
class Sweep:
    """Looking once at `panes` panes. `total_ms`: with transport and judgement, processor time."""

    panes: int
    ours: Cost
    seed: Cost
    total_ms: float


@dataclass(frozen=True)
class Idle:
    """A team with nothing to do, by kind of process, and as many bare actors as it has actors."""

    team: Mapping[str, Use]
    bare: Use

    @property
    def agents(self) -> int:
        return self.team[_AGENT].processes

    @property
    def used(self) -> Use:
        """Everything that is ours: the actors, the reapers, tmux. Not the agents' programs, and not Ray's own."""
        return total(use for kind, use in self.team.items() if kind != PROGRAM)


@dataclass(frozen=True)
class Figures:
    """Times in ms, medians of several. `together_ms`: until the last of as many agents as idle later is ready."""

    sweeps: tuple[Sweep, ...]
    idle: Idle
    spawn_ms: float
    together_ms: float
    turn_ms: float
    died_ms: float
    removed_ms: float

    def json(self) -> dict[str, object]:
        """`idle_cpu_percent` is of one core, for all agents and the control plane; memory is PSS in MiB, see `Idle`."""
        return {
            "sweep": [
                {
                    "panes": sweep.panes,
                    "cpu_ms": round(sweep.ours.cpu_ms, 2),
                    "seed_cpu_ms": round(sweep.seed.cpu_ms, 2),
                    "total_cpu_ms": round(sweep.total_ms, 2),
                    "wall_ms": round(sweep.ours.wall_ms, 2),
                    "seed_wall_ms": round(sweep.seed.wall_ms, 2),
                }
                for sweep in self.sweeps
            ],
            "death_ms": round(self.removed_ms, 1),
            "spawn_ms": round(self.spawn_ms, 1),
            "turn_ms": round(self.turn_ms, 1),
            "idle_cpu_percent": round(self.idle.used.cpu, 2),
            "memory_mb_per_agent": round(self.idle.used.memory / self.idle.agents, 1),
        }

    def tables(self) -> list[Table]:
        return [self._sweeps(), self._times(), self._idle()]

    def _sweeps(self) -> Table:
        table = Table(title="One look at all panes (CPU: client and tmux server)")
        for name in ("panes", "CPU ms", "seed's", "ratio", "with transport, judgement", "ratio", "wall ms", "seed's"):
            table.add_column(name, justify="right")
        for sweep in self.sweeps:
            table.add_row(
                str(sweep.panes),
                f"{sweep.ours.cpu_ms:.1f}",
                f"{sweep.seed.cpu_ms:.0f}",
                f"1/{sweep.seed.cpu_ms / sweep.ours.cpu_ms:.0f}",
                f"{sweep.total_ms:.1f}",
                f"1/{sweep.seed.cpu_ms / sweep.total_ms:.0f}",
                f"{sweep.ours.wall_ms:.1f}",
                f"{sweep.seed.wall_ms:.0f}",
            )
        return table

    def _times(self) -> Table:
        table = Table("", title="Times")
        table.add_column("ms", justify="right")
        for what, took in (
            ("a program is killed → its death is in the ledger", self.died_ms),
            ("a program is killed → its agent's removal is in the ledger", self.removed_ms),
            ("an agent is asked for → ready", self.spawn_ms),
            (f"{self.idle.agents} agents are asked for → all ready", self.together_ms),
            ("a message → the tool call it causes", self.turn_ms),
        ):
            table.add_row(what, f"{took:.0f}")
        return table

    def _idle(self) -> Table:
        table = Table("", title=f"{self.idle.agents} idle agents and the control plane, against bare Ray actors")
        for name in ("processes", "CPU %", "PSS MiB"):
            table.add_column(name, justify="right")
        for kind, use in sorted(self.idle.team.items()):
            table.add_row(f"  {kind}" + (" (not counted)" if kind == PROGRAM else ""), *_cells(use))
        used, bare = self.idle.used, self.idle.bare
        table.add_row("together", *_cells(used), style="bold")
        table.add_row(f"{bare.processes} bare actors", *_cells(bare))
        table.add_row("ratio", "", f"{used.cpu / bare.cpu:.2f}", f"{used.memory / bare.memory:.2f}", style="bold")
        few = self.idle.agents / bare.processes
        cells = (f"{used.cpu / (bare.cpu * few):.2f}", f"{used.memory / (bare.memory * few):.2f}")
        table.add_row(f"ratio to {self.idle.agents} bare actors", "", *cells)
        return table


def _cells(use: Use) -> tuple[str, str, str]:
    return str(use.processes), f"{use.cpu:.1f}", f"{use.memory:.0f}"
