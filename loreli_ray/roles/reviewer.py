"""The review role: the other side judges each pull request (SPEC L3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from loreli_ray.identity import Side
from loreli_ray.model import (
    AskHuman,
    Assignment,
    Complete,
    Demand,
    Dispatch,
    Intent,
    Member,
    Outcome,
    Pull,
    Role,
)
from loreli_ray.roles import feedback
from loreli_ray.roles.tick import Tick


def finish(tick: Tick) -> Iterator[Intent]:
    """Takes back reviews that are over: the verdict is in, the head moved, or the pull request is gone."""
    heads = {(pull.number, pull.head) for pull in _waiting(tick)}
    for member in tick.fleet.of(Role.REVIEWER):
        work = member.assignment
        if work is not None and (work.pull, work.head) not in heads:
            why = "this head needs no review any more"
            yield Complete(agent=member.name, issue=work.issue, assignment_key=work.key, why=why)


def scan(tick: Tick) -> Iterator[Intent]:
    """Gives each waiting pull request to an idle reviewer of the other side."""
    for pull, reviewer in _matched(_unserved(tick), tick.fleet.idle(Role.REVIEWER), tick=tick):
        if reviewer is not None:
            yield Dispatch(agent=reviewer.name, assignment=_assignment(pull, tick=tick))


def escalate(tick: Tick) -> Iterator[Intent]:
    """Puts an issue into a human's hands when the rounds are used up."""
    for pull in tick.pulls:
        if pull.by is not None and tick.worn_out(pull):
            why = f"no agreement on #{pull.number} after {pull.objections} rounds of review"
            yield AskHuman(issue=pull.by.issue, why=why)


def demand(tick: Tick) -> Demand:
    """Pull requests that wait for a verdict, against reviewers of the right side (SPEC S14)."""
    agents = tick.fleet.of(Role.REVIEWER)
    free = [member for member in agents if member.assignment is None]  # idle, or about to be
    matched = list(_matched(_unserved(tick), free, tick=tick))
    unserved = [pull for pull, taker in matched if taker is None]
    taken = {taker.name for _, taker in matched if taker is not None}
    return Demand(
        role=Role.REVIEWER,
        workload=len(_waiting(tick)),
        supply=len(agents),
        deficit=len(unserved),
        action_providers=tuple(pull.by.provider for pull in unserved if pull.by is not None),
        surplus=tuple(member.name for member in free if member.idle and member.name not in taken),
    )


def _matched(pulls: Sequence[Pull], members: Sequence[Member], *, tick: Tick) -> Iterator[tuple[Pull, Member | None]]:
    """Each pull request with the first of the members that may review it and has none yet."""
    pools = {side: [m for m in members if tick.single or m.spec.side is side.opposite] for side in Side}
    taken: set[str] = set()
    for pull in pulls:
        assert pull.by is not None
        pool = pools[pull.by.side]
        while pool and pool[0].name in taken:
            pool.pop(0)
        taker = next((m for m in pool if m.name not in taken and tick.may_review(m, pull)), None)
        if taker is not None:
            taken.add(taker.name)
        yield pull, taker


def _waiting(tick: Tick) -> list[Pull]:
    """Those that wait for a verdict on their present head. One in conflict or with a red check goes back first."""
    return [
        pull
        for pull in tick.pulls
        if pull.verdict is None and not tick.worn_out(pull) and not pull.draft and feedback.obstacle(pull) is None
    ]


def _unserved(tick: Tick) -> list[Pull]:
    return [pull for pull in _waiting(tick) if tick.reviewer_of(pull) is None]


def _assignment(pull: Pull, *, tick: Tick) -> Assignment:
    assert pull.by is not None
    issue = tick.snapshot.issue(pull.by.issue)
    return Assignment(
        role=Role.REVIEWER,
        issue=pull.by.issue,
        title=issue.title if issue else pull.title,
        body=issue.body if issue else pull.body,
        generation=pull.by.generation,
        branch=pull.head_ref,
        base=pull.base,
        start=pull.head,
        pull=pull.number,
        head=pull.head,
        round=pull.round,
        approved=_approved(pull),
        author=pull.by.agent,
        feedback=tuple(feedback.of_review(review) for review in pull.verdicts),
        remarks=feedback.of_people(issue, pull, config=tick.config),
    )


def _approved(pull: Pull) -> str:
    last = pull.last_verdict
    return last.commit if last is not None and last.outcome is Outcome.APPROVE else ""
