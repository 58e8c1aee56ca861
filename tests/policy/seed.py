"""What the seed decided, and how to ask the same of ours.

`seed.json` holds what the seed itself decided, run with its clock and its timers in hand, in some hundred situations.
A test puts each into our own values, asks `policy`, and compares. Its table lists every answer that is meant to be
another, under the row of SPEC section 2 (B1, …) or the word of `WHY` that explains it. An answer that is listed and
does not differ fails too, so that the tables are exactly the difference.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest
from pydantic import Field

from loreli_ray.config.vocabulary import RoleName
from loreli_ray.model import Role, Value

WHY = {
    "B1": "the caps hold at every moment",
    "B2": "what fails to start uses up neither the tick nor the role's cool-down",
    "B3": "one way out for every agent",
    "B6": "only unexpected deaths count",
    "B8": "what stands on a screen by chance is not its program's own word",
    "B9": "motion is no progress",
    "B10": "foreign pull requests keep nobody",
    "B13": "what is degraded gets nobody: another of its side does, or of the other side for who writes",
    "room": "the last places are kept for the reviewers of what is being written (policy.scaling)",
    "each": "each pull request that waits gets a reviewer opposite its own author (policy.scaling)",
    "live": "only live agents are authors and peers (S15; policy.scaling)",
    "rest": "who is free goes home too, not only who is dormant (policy.reap)",
    "patient": "who is free, or waits for others, is silent rightly (DESIGN section 5)",
    "process": "that the process ended overrules what the program said of itself (DESIGN section 5); it goes at once",
    "edge": "a time is over when more than it has passed; who answers just before is believed",
    "safe": "no name is free while its program may run or its workspace is there (policy.removal)",
}

T = TypeVar("T")


class Case(Value):
    name: str


class ScaleCase(Case):
    programs: str = "anthropic openai"
    degraded: str = ""
    team: str = ""
    waiting: str = ""
    asks: dict[Role, int]
    max_agents: int = 8
    max_per_tick: int = 8
    max_per_role: dict[RoleName, int] = Field(default_factory=dict[RoleName, int])
    ago: dict[Role, float] = Field(default_factory=dict[Role, float])
    seed: str


class TicksCase(Case):
    """`wants` so many of each role; a start of a role in `fails` fails in its first ticks; `ends` at a tick: one."""

    wants: dict[Role, int]
    every: float
    count: int
    fails: dict[Role, int] = Field(default_factory=dict[Role, int])
    ends: dict[int, Role] = Field(default_factory=dict[int, Role])
    max_agents: int = 20
    max_per_tick: int = 8
    max_per_role: dict[RoleName, int] = Field(default_factory=dict[RoleName, int])
    seed: tuple[str, ...]


class ReapCase(Case):
    team: dict[str, str]
    issues: tuple[tuple[str, ...], ...]
    pulls: tuple[Literal["own", "foreign"], ...]
    seed: str


class TierCase(Case):
    """One look at an agent that has been silent for `age`, with `stall` as the time-out."""

    stall: float
    age: float
    state: Literal["working", "idle", "waiting", "dormant"]
    nudge: bool
    seed: str


class StallCase(Case):
    """One look after the other, until `until`: when the agent calls a tool, when its screen moves, …"""

    stall: float
    until: float
    calls: tuple[float, ...] = ()
    moves: tuple[float, ...] = ()
    exit: float | None = None
    dormant: float | None = None
    seed: dict[str, float]
    times: dict[str, int]


class HealthCase(Case):
    state: Literal["working", "dormant", "absent"]
    dead: bool
    age: float
    seed: str


class RapidCase(Case):
    class Decision(Value):
        event: str
        degrades: bool

    exit: float | None = None
    dormant: float | None = None
    asked: bool = False
    screen: str = ""
    seed: Decision


class ShutdownCase(Case):
    class Decision(Value):
        after: float
        acknowledged: bool

    shutdown: float
    dormant: float | None = None
    exit: float | None = None
    seed: Decision


class LeaveCase(Case):
    """What was tried, in order, when an agent leaves for the reason `way` and the step `fails` fails."""

    way: str
    fails: str
    seed: str


SEED: dict[str, list[dict[str, Any]]] = json.loads(Path(__file__).with_name("seed.json").read_text(encoding="utf-8"))


def cases(kind: type[Case]) -> pytest.MarkDecorator:
    """Runs a test with each case of a kind."""
    told = [kind.model_validate(each) for each in SEED[_key(kind)]]
    return pytest.mark.parametrize("case", told, ids=[case.name for case in told])


def expected(name: str, seed: T, ours: Mapping[str, Mapping[str, T]]) -> T:
    """Our answer where it is meant to differ, else the seed's."""
    for why, answers in ours.items():
        assert why in WHY
        if name in answers:
            assert answers[name] != seed, f"{name} is no deviation"
            return answers[name]
    return seed


def unasked(kind: type[Case], ours: Mapping[str, Mapping[str, object]]) -> set[str]:
    """The names in `ours` that are no case's."""
    return {name for answers in ours.values() for name in answers} - {each["name"] for each in SEED[_key(kind)]}


def _key(kind: type[Case]) -> str:
    return kind.__name__.removesuffix("Case").lower()
