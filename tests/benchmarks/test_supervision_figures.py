"""What the benchmark of supervision prints: the keys that others read, and what counts as ours."""

from __future__ import annotations

import pytest

from benchmarks.supervision.figures import Figures, Idle, Sweep
from benchmarks.supervision.observation import Cost
from benchmarks.supervision.processes import Use

FIGURES = Figures(
    sweeps=(Sweep(50, ours=Cost(cpu_ms=4.0, wall_ms=5.0), seed=Cost(cpu_ms=200.0, wall_ms=250.0), total_ms=10.0),),
    idle=Idle(
        team={
            "Agent": Use(20, cpu=10.0, memory=1000.0),
            "tmux": Use(1, cpu=1.0, memory=2.0),
            "Program": Use(20, 7, 900),
        },
        bare=Use(25, cpu=10.0, memory=1000.0),
    ),
    spawn_ms=300.0,
    together_ms=9000.0,
    turn_ms=320.0,
    died_ms=100.0,
    removed_ms=200.0,
)


def test_one_object_with_these_keys() -> None:
    assert FIGURES.json() == {
        "sweep": [
            {
                "panes": 50,
                "cpu_ms": 4.0,
                "seed_cpu_ms": 200.0,
                "total_cpu_ms": 10.0,
                "wall_ms": 5.0,
                "seed_wall_ms": 250.0,
            }
        ],
        "death_ms": 200.0,
        "spawn_ms": 300.0,
        "turn_ms": 320.0,
        "idle_cpu_percent": 11.0,
        "memory_mb_per_agent": 50.1,
    }


def test_the_agents_programs_are_not_ours() -> None:
    used = FIGURES.idle.used
    assert (used.processes, used.cpu, used.memory) == (21, pytest.approx(11.0), pytest.approx(1002.0))
