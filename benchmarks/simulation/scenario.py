"""The benchmark's world: a large team on many nodes, with its share of all that goes wrong in days of work."""

from __future__ import annotations

from benchmarks.simulation.faults import Fault
from benchmarks.simulation.world import World
from loreli_ray.config import Config, HubConfig, ScalingConfig, TimeoutsConfig
from loreli_ray.model import NodeView, Program

STEP = 60.0
_SLOTS = 6
_AGENTS_PER_NODE = 5  # more slots than agents, so that lost nodes can be made up for
_ISSUES_PER_FILE = 5

_CLAUDE, _CODEX, _CURSOR, _GEMINI = (
    Program(backend="claude", provider="anthropic"),
    Program(backend="codex", provider="openai"),
    Program(backend="cursor", provider="cursor-anthropic"),
    Program(backend="gemini", provider="google"),
)
_MIXES = ((_CLAUDE, _CODEX), (_CLAUDE, _CURSOR, _GEMINI), (_CODEX, _GEMINI, _CLAUDE), (_CLAUDE,), (_CODEX,))
# People do not meddle here: what they close or take away is theirs, and nothing could be said of all issues.
_ABSENT = {Fault.OUTAGE, Fault.HOLD, Fault.WITHDRAWN, Fault.REJECTED}
# The odds in the code are those of a storm for a handful of agents; these are how many times rarer all is here.
_RARITY = {
    Fault.DEATH: 20,
    Fault.LOST: 40,
    Fault.HANG: 40,
    Fault.PAUSE: 20,
    Fault.LOOP: 60,
    Fault.DEAF: 20,
    Fault.LAUNCH: 10,
    Fault.CRASH: 200,
    Fault.REFUSED: 10,
    Fault.UNHEARD: 10,
    Fault.OBJECTION: 2,
    Fault.REMARK: 6,
    Fault.SURRENDER: 30,
    Fault.QUESTION: 10,
    Fault.RETITLED: 1,
    Fault.SHUTDOWN: 60,
    Fault.UNDECIDED: 2,
    Fault.MISTAKEN: 6,
}


def large(*, agents: int, issues: int, seed: int) -> World:
    """`issues` issues for at most `agents` agents, until each has landed or a human has it.

    Everything else is as the configuration has it by default, but that what has no conflict lands on whatever base
    there is: to judge each of thousands anew before it lands, one after the other, is for teams of another size.
    """
    nodes = tuple(
        NodeView(id=f"node-{n}", host=f"host-{n}", slots=_SLOTS, programs=_MIXES[n % len(_MIXES)])
        for n in range(max(len(_MIXES), agents // _AGENTS_PER_NODE))
    )
    scaling = ScalingConfig(
        max_agents=agents,
        max_per_role={"action": max(1, agents * 2 // 3)},  # else authors take all places but two
        max_per_tick=max(2, agents // 20),
    )
    return World(
        seed=seed,
        config=Config(
            hub=HubConfig(up_to_date=False), scaling=scaling, timeouts=TimeoutsConfig(start=3 * STEP)
        ),  # no program acts in every step
        nodes=nodes,
        issues=issues,
        faults=frozenset(Fault) - _ABSENT,
        rarity=_RARITY,
        storm=None,
        step=STEP,
        files=max(2, issues // _ISSUES_PER_FILE),
        pace=4,
    )
