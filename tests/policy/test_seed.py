"""The seed as oracle: who is started, and when the team goes home (SPEC S14 to S16)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import count

from loreli_ray.config import ScalingConfig
from loreli_ray.identity import Identity, Sides
from loreli_ray.model import AgentSpec, AgentState, Demand, Member, Program, Role, Status
from loreli_ray.policy import plan, reapable
from tests.policy.kit import NOW, SESSION, fleet, issue, member, node, pull, snapshot, work
from tests.policy.seed import ReapCase, ScaleCase, TicksCase, cases, expected, unasked

# ── who is started (S14, S15) ──


def someone(number: int, what: str) -> Member:
    """A member as `role:provider` or `role:provider:dormant`."""
    role, provider, state = (*what.split(":"), "working")[:3]
    identity = Identity(name=f"m{number}", theme="zelda", provider=provider, side=Sides().of(provider))
    status = Status(state=AgentState(state), source="program", since=NOW)
    agent = AgentSpec(session=SESSION, identity=identity, incarnation=1, role=Role(role), backend=provider, node="n1")
    return Member(spec=agent, status=status)


def started(
    demands: list[Demand],
    *,
    team: list[Member],
    programs: str,
    degraded: str = "",
    scaling: ScalingConfig,
    last: Mapping[Role, float],
    now: float,
) -> list[tuple[Role, str]]:
    known = tuple(Program(backend=p, provider=p, degraded=p in degraded.split()) for p in programs.split())
    decided = plan(
        demands,
        fleet=fleet(*team),
        nodes=[node(*known, slots=100)],
        sides=Sides(),
        scaling=scaling,
        last_spawn=last,
        now=now,
    )
    assert decided.retire == ()
    return [(placement.role, placement.provider) for placement in decided.placements]


def asked(role: Role, deficit: int, *, waiting: str = "") -> Demand:
    return Demand(role=role, workload=deficit, supply=0, deficit=deficit, action_providers=tuple(waiting.split()))


SCALED: dict[str, dict[str, str]] = {
    "B1": {
        "one place, a reviewer and a planner": "reviewer:anthropic",
        "one place, four roles": "reviewer:anthropic",
        "two places, three of each": "reviewer:anthropic reviewer:anthropic",
        "three places, two of each": "reviewer:anthropic reviewer:anthropic risk:anthropic",
    },
    "B13": {
        "a second author, degraded openai": "action:anthropic",
        "a reviewer of yin, degraded openai": "",
        "a second author, degraded anthropic openai": "action:cursor-anthropic",
        "a reviewer of yin, degraded anthropic openai": "",
        "an author, degraded anthropic cursor-anthropic": "action:openai",
        "a reviewer of yang, degraded anthropic cursor-anthropic": "",
        "a second author, degraded openai cursor-anthropic": "action:anthropic",
        "a reviewer of yin, degraded openai cursor-anthropic": "",
        "an author, degraded anthropic openai cursor-anthropic": "",
        "a second author, degraded anthropic openai cursor-anthropic": "",
        "a reviewer of yang, degraded anthropic openai cursor-anthropic": "",
        "a reviewer of yin, degraded anthropic openai cursor-anthropic": "",
        "degraded alone": "",
        "degraded, another of its side": "planner:mistral",
    },
    "room": {
        "two places, two authors": "action:anthropic",
        "three places, three authors": "action:anthropic action:anthropic",
        "four places, four authors": "action:anthropic action:openai",
        "a last place, an author, the reviewer is there": "action:anthropic",
        "a last place, a planner, authors without a reviewer": "",
        "one side, three places, three authors": "action:anthropic action:anthropic",
    },
    "each": {
        "two pulls of two sides": "reviewer:openai reviewer:anthropic",
        "a pull of the other side than the live author": "reviewer:anthropic",
        "pulls of both sides beside a live author": "reviewer:anthropic reviewer:openai reviewer:openai",
    },
    "live": {
        "a dormant author beside a live one": "reviewer:openai",
        "a dormant author and a pull of the other side": "reviewer:openai",
        "dormant yin authors in the balance": "action:anthropic action:openai",
        "dormant yang authors in the balance": "action:anthropic action:openai",
    },
}


@cases(ScaleCase)
def test_who_is_started(case: ScaleCase) -> None:
    decided = started(
        [
            asked(role, deficit, waiting=case.waiting if role in (Role.REVIEWER, Role.RISK) else "")
            for role, deficit in case.asks.items()
        ],
        team=[someone(number, what) for number, what in enumerate(case.team.split())],
        programs=case.programs,
        degraded=case.degraded,
        scaling=ScalingConfig(
            max_agents=case.max_agents, max_per_tick=case.max_per_tick, max_per_role=case.max_per_role
        ),
        last={role: NOW - ago for role, ago in case.ago.items()},
        now=NOW,
    )
    assert " ".join(f"{role}:{provider}" for role, provider in decided) == expected(case.name, case.seed, SCALED)


TICKED: dict[str, dict[str, tuple[str, ...]]] = {
    "B1": {"two roles at the cap": ("reviewer:anthropic reviewer:anthropic planner:anthropic", "", "")},
    "B2": {
        "several starts that fail": (  # all of the tick's starts are tried
            "reviewer:anthropic failed reviewer:anthropic failed reviewer:anthropic failed",
            "reviewer:anthropic reviewer:anthropic reviewer:anthropic",
            "",
        ),
        "a start that fails after another role": (
            "reviewer:anthropic planner:anthropic failed",
            "planner:anthropic",
            "",
            "",
        ),
        "a start that fails between others": (
            "reviewer:anthropic risk:anthropic failed risk:anthropic failed planner:anthropic",
            "risk:anthropic risk:anthropic",
            "",
            "planner:openai planner:anthropic",
        ),
    },
}


@cases(TicksCase)
def test_who_is_started_tick_by_tick(case: TicksCase) -> None:
    decided = tuple(ticks(case))
    assert decided == expected(case.name, case.seed, TICKED)


def ticks(case: TicksCase) -> Iterator[str]:
    """Each tick's starts; only what succeeds joins the team and makes its role cool down (B2), as in the scaler."""
    team, last, names = list[Member](), dict[Role, float](), count()
    scaling = ScalingConfig(
        max_agents=case.max_agents, max_per_tick=case.max_per_tick, max_per_role=case.max_per_role, cooldown=30
    )
    for tick in range(case.count):
        now = NOW + tick * case.every
        if tick in case.ends:
            leaver = next(member for member in team if member.spec.role is case.ends[tick])
            team.remove(leaver)
        supply = Counter(member.spec.role for member in team)
        decided = started(
            [asked(role, max(0, wanted - supply[role])) for role, wanted in case.wants.items()],
            team=team,
            programs="anthropic openai",
            scaling=scaling,
            last=last,
            now=now,
        )
        said = list[str]()
        for role, provider in decided:
            failed = tick < case.fails.get(role, 0)
            said.append(f"{role}:{provider}" + " failed" * failed)
            if not failed:
                team.append(someone(next(names), f"{role}:{provider}"))
                last[role] = now
        yield " ".join(said)


# ── when the team goes home (S16) ──

REAPED: dict[str, dict[str, str]] = {
    "B10": {
        "dormant, no issue, a foreign pull": "ann",
        "dormant, a foreign issue, a foreign pull": "ann",
        "dormant and working, no issue, a foreign pull": "ann",
        "dormant and working, a foreign issue, a foreign pull": "ann",
        "two dormant, one idle, no issue, a foreign pull": "ann bob cid",
        "two dormant, one idle, a foreign issue, a foreign pull": "ann bob cid",
    },
    "rest": {
        "two dormant, one idle, no issue, no pull": "ann bob cid",
        "two dormant, one idle, a foreign issue, no pull": "ann bob cid",
    },
}
STATES = {"dormant": AgentState.DORMANT, "idle": AgentState.READY, "working": AgentState.WORKING}


@cases(ReapCase)
def test_who_goes_home(case: ReapCase) -> None:
    """Of the issues, the snapshot holds only those with our label; of a foreign pull request it knows no author."""
    issues = [issue(number) for number, labels in enumerate(case.issues, 1) if "loreli" in labels]
    pulls = [pull(number) for number, _ in enumerate(case.pulls, 10)]
    pulls = [
        p if whose == "own" else p.model_copy(update={"by": None}) for p, whose in zip(pulls, case.pulls, strict=True)
    ]
    team = [someone_called(name, STATES[state], busy=state == "working") for name, state in case.team.items()]
    decided = " ".join(reapable(fleet(*team), snapshot=snapshot(*issues, *pulls)))
    assert decided == expected(case.name, case.seed, REAPED)


def someone_called(name: str, state: AgentState, *, busy: bool) -> Member:
    return member(name, state=state, work=work(agent=name) if busy else None)


def test_nothing_is_listed_that_was_not_asked() -> None:
    assert not unasked(ScaleCase, SCALED) | unasked(TicksCase, TICKED) | unasked(ReapCase, REAPED)
