"""The review role: the other side judges each pull request; its verdict goes back; what is good lands (SPEC L3)."""

from __future__ import annotations

from collections.abc import Iterator

from loreli_ray.model import (
    AskHuman,
    Assignment,
    Complete,
    Demand,
    Dispatch,
    Feedback,
    Forward,
    Intent,
    Land,
    Outcome,
    Pull,
    Review,
    Role,
)
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
    idle = list(tick.fleet.idle(Role.REVIEWER))
    for pull in _unserved(tick):
        reviewer = next((member for member in idle if tick.may_review(member, pull)), None)
        if reviewer is None:
            continue
        idle.remove(reviewer)
        yield Dispatch(agent=reviewer.name, assignment=_assignment(pull, tick=tick))


def forward(tick: Tick) -> Iterator[Intent]:
    """Hands back what keeps a pull request from landing: a review that asks for changes, or a conflict, once each."""
    for pull in _workable_pulls(tick):
        assert pull.by is not None
        author = tick.author_of(pull)
        feedback = _feedback(pull, tick=tick)
        if author is None or author.assignment is None or feedback is None:
            continue
        if all(given.key != feedback.key for given in author.assignment.feedback):
            yield Forward(agent=author.name, issue=pull.by.issue, feedback=feedback)


def land(tick: Tick) -> Iterator[Intent]:
    """Lands the first pull request that may be: approved by the other side at exactly this head, and mergeable.

    One at a time: landing moves the base, so the next one is looked at anew.
    """
    for pull in _workable_pulls(tick):
        assert pull.by is not None
        verdict = pull.verdict
        if verdict is None or verdict.outcome is not Outcome.APPROVE or pull.mergeable is not True or pull.draft:
            continue
        other_side = verdict.by is not None and verdict.by.side is pull.by.side.opposite
        if not other_side and not tick.single:
            continue
        yield Land(pull=pull, issue=pull.by.issue, rounds=len(pull.verdicts))
        return


def escalate(tick: Tick) -> Iterator[Intent]:
    """Puts an issue into a human's hands when the rounds are used up."""
    for pull in _workable_pulls(tick):
        assert pull.by is not None
        rounds, allowed = len(pull.verdicts), tick.config.review.max_rounds
        verdict = pull.verdict
        if rounds >= allowed and (verdict is None or verdict.outcome is not Outcome.APPROVE):
            yield AskHuman(issue=pull.by.issue, why=f"no agreement on #{pull.number} after {rounds} rounds of review")


def demand(tick: Tick) -> Demand:
    """Pull requests that wait for a verdict, against reviewers of the right side (SPEC S14)."""
    agents = tick.fleet.of(Role.REVIEWER)
    waiting = _waiting(tick)
    unserved = _unserved(tick)
    free = [member for member in agents if member.assignment is None]  # idle, or about to be
    for pull in list(unserved):
        taker = next((member for member in free if tick.may_review(member, pull)), None)
        if taker is not None:
            free.remove(taker)
            unserved.remove(pull)
    return Demand(
        role=Role.REVIEWER,
        workload=len(waiting),
        supply=len(agents),
        deficit=len(unserved),
        action_providers=tuple(pull.by.provider for pull in unserved if pull.by is not None),
        surplus=tuple(member.name for member in free if member.idle),
    )


def _workable_pulls(tick: Tick) -> list[Pull]:
    """The team's pull requests whose issue is workable: the latest for each, of the claim's own generation."""
    found: list[Pull] = []
    for issue in tick.workable:
        pull, claim = tick.snapshot.pull_for(issue.number), tick.snapshot.claim(issue.number)
        if pull is None or pull.by is None:
            continue
        if claim is None or claim.generation == pull.by.generation:
            found.append(pull)
    return sorted(found, key=lambda pull: pull.number)


def _waiting(tick: Tick) -> list[Pull]:
    """Those that wait for a verdict on their present head. One in conflict goes back to its author first."""
    rounds = tick.config.review.max_rounds
    return [
        pull
        for pull in _workable_pulls(tick)
        if pull.verdict is None and pull.mergeable is not False and not pull.draft and len(pull.verdicts) < rounds
    ]


def _unserved(tick: Tick) -> list[Pull]:
    return [pull for pull in _waiting(tick) if tick.reviewer_of(pull) is None]


def _feedback(pull: Pull, *, tick: Tick) -> Feedback | None:
    verdict = pull.verdict
    if verdict is not None and verdict.outcome is Outcome.REQUEST_CHANGES:
        return _as_feedback(verdict)
    if pull.mergeable is False:
        base, head = tick.snapshot.base, tick.snapshot.base_head
        text = (
            f"Your branch conflicts with {base} at {head}. Fetch `origin`, merge `origin/{base}` into your branch, "
            "resolve the conflict, run the tests and submit again."
        )
        return Feedback(key=f"conflict-{pull.head}@{head}", kind="conflict", text=text)
    return None


def _as_feedback(review: Review) -> Feedback:
    by = review.by.agent if review.by is not None else review.author
    return Feedback(key=f"review-{review.id}", kind="review", text=review.body, by=by)


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
        round=len(pull.verdicts) + 1,
        author=pull.by.agent,
        feedback=tuple(_as_feedback(review) for review in pull.verdicts),
    )
