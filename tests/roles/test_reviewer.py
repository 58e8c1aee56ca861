"""What the review role wants, branch by branch (SPEC L3)."""

from __future__ import annotations

import pytest

from loreli_ray.identity import Side
from loreli_ray.model import (
    AgentState,
    AskHuman,
    Claim,
    Complete,
    Dispatch,
    Feedback,
    Issue,
    Member,
    Outcome,
    Pull,
    Review,
    Role,
)
from loreli_ray.roles import reviewer
from tests.policy.kit import NOW, by, claim, issue, member, pull, review, review_work, work
from tests.roles.kit import tick, wanted

YANG = Side.YANG
CHANGES, REMARK = Outcome.REQUEST_CHANGES, Outcome.COMMENT
HELD = issue(labels=("loreli", "loreli:human"))
STALE = (issue(), claim(generation=2), pull())
RIVALS = (issue(), claim(session="another"), pull())
DISAGREED = tuple(review(CHANGES, commit=f"h{n}", id=n) for n in (1, 2, 3))


def rey(pull: Pull | None = None, *, side: Side = YANG, state: AgentState | None = None) -> Member:
    return member("rey", side=side, role=Role.REVIEWER, state=state, work=review_work(pull) if pull else None)


def author(*feedback: Feedback, submitted: str | None = "h1", generation: int = 1) -> Member:
    assignment = work(pull=10, head="h1", submitted=submitted, feedback=feedback, generation=generation)
    return member(state=AgentState.WAITING_REVIEW if submitted else AgentState.WORKING, work=assignment)


# ── scan ──


def test_a_pull_request_goes_to_the_other_side_at_exactly_its_head() -> None:
    (intent,) = wanted(reviewer.scan, issue(), claim(), pull(), rey(side=Side.YIN), member("bob", side=YANG), rey())
    assert isinstance(intent, Dispatch)
    given = intent.assignment
    assert intent.agent == "rey"
    assert (given.role, given.pull, given.head, given.start, given.round) == (Role.REVIEWER, 10, "h1", "h1", 1)
    assert (given.issue, given.title, given.body, given.author) == (1, "Task 1", "Do it.", "ann")


def test_a_later_round_knows_the_earlier_ones() -> None:
    second = pull(10, review(CHANGES), head="h2")
    (intent,) = wanted(reviewer.scan, issue(), claim(), second, rey())
    assert isinstance(intent, Dispatch)
    assert intent.assignment.round == 2
    assert [feedback.text for feedback in intent.assignment.feedback] == [review(CHANGES).body]


@pytest.mark.parametrize(
    "things",
    [
        (issue(), claim()),
        (issue(), claim(), pull(10, review())),
        (issue(), claim(), pull(10, review(CHANGES))),
        (issue(), claim(), pull(10, review(REMARK))),
        (issue(), claim(), pull(mergeable=False)),
        (issue(), claim(), pull(draft=True)),
        (issue(), claim(), pull().model_copy(update={"by": None})),
        (issue(), claim(), pull(10, *DISAGREED, head="h4")),
        (HELD, claim(), pull()),
        (issue(association="NONE"), claim(), pull()),
        (claim(), pull()),
        STALE,
        RIVALS,
    ],
)
def test_what_is_not_reviewed(things: tuple[Issue | Claim | Pull, ...]) -> None:
    assert wanted(reviewer.scan, *things, rey()) == []
    assert reviewer.demand(tick(*things)).deficit == 0


@pytest.mark.parametrize("lease", [None, claim(until=0), claim(session="another", until=NOW - 1), claim()])
def test_what_is_reviewed_also_without_its_author(lease: Claim | None) -> None:
    things = [issue(), pull(mergeable=None), rey()] + ([lease] if lease else [])
    assert len(wanted(reviewer.scan, *things)) == 1


@pytest.mark.parametrize(
    "one",
    [
        rey(side=Side.YIN),
        rey(pull(11)),
        rey(state=AgentState.STARTING),
        rey(state=AgentState.STOPPING),
        member("rey", side=YANG),
    ],
)
def test_who_does_not_review(one: Member) -> None:
    assert wanted(reviewer.scan, issue(), claim(), pull(), one) == []


def test_each_pull_request_has_one_reviewer_and_each_reviewer_one_pull_request() -> None:
    two = pull(11, author=by("cat", issue=2))
    things = (issue(), issue(2), claim(), claim(2, agent="cat"), pull(), two)
    assert wanted(reviewer.scan, *things, rey(pull()), member("max", side=YANG, role=Role.REVIEWER))[0].issue == 2
    assert len(wanted(reviewer.scan, *things, rey())) == 1


def test_one_side_alone_reviews_itself_but_nobody_their_own_work() -> None:
    own = pull(author=by("rey"))
    assert wanted(reviewer.scan, issue(), claim(agent="rey"), own, rey(side=Side.YIN), single=True) == []
    assert len(wanted(reviewer.scan, issue(), claim(), pull(), rey(side=Side.YIN), single=True)) == 1


# ── finish ──


@pytest.mark.parametrize(
    "things",
    [
        (issue(), claim()),
        (issue(), claim(), pull(head="h2")),
        (issue(), claim(), pull(10, review())),
        (issue(), claim(), pull(10, review(CHANGES))),
        (issue(), claim(), pull(10, review(REMARK))),  # a comment is an answer, too
        (issue(), claim(), pull(mergeable=False)),
        (HELD, claim(), pull()),
        STALE,
    ],
)
def test_a_review_that_is_over_is_taken_back(things: tuple[Issue | Claim | Pull, ...]) -> None:
    (intent,) = wanted(reviewer.finish, *things, rey(pull()))
    assert isinstance(intent, Complete)
    assert (intent.agent, intent.assignment_key) == ("rey", review_work(pull()).key)


def test_a_review_that_is_needed_goes_on() -> None:
    assert wanted(reviewer.finish, issue(), claim(), pull(mergeable=None), rey(pull())) == []


# ── escalate ──


def test_a_human_is_asked_when_the_rounds_are_used_up() -> None:
    (intent,) = wanted(reviewer.escalate, issue(), claim(), pull(10, *DISAGREED, head="h3"))
    assert isinstance(intent, AskHuman)
    assert (intent.issue, intent.why) == (1, "no agreement on #10 after 3 rounds of review")
    assert len(wanted(reviewer.escalate, issue(), claim(), pull(10, *DISAGREED, head="h4"))) == 1


@pytest.mark.parametrize(
    "reviews",
    [
        (),
        DISAGREED[:2],
        (*DISAGREED, review(commit="h4", id=4)),  # agreed in the end
        tuple(review(commit=f"h{n}", id=n) for n in range(9)),  # approved again and again: only conflicts came between
        tuple(review(CHANGES, agent=f"r{n}", id=n) for n in range(9)),  # several on one head are one round
    ],
)
def test_no_human_is_asked_for_less(reviews: tuple[Review, ...]) -> None:
    assert wanted(reviewer.escalate, issue(), claim(), pull(10, *reviews, head="h4")) == []


# ── demand ──


@pytest.mark.parametrize(
    ("team", "deficit", "surplus"),
    [
        ((), 2, ()),
        ((rey(),), 1, ()),
        ((rey(state=AgentState.STARTING),), 1, ()),
        ((rey(pull()),), 1, ()),
        ((rey(state=AgentState.STOPPING),), 2, ()),
        ((rey(side=Side.YIN),), 1, ()),
        ((rey(), member("yin", role=Role.REVIEWER), member("spare", role=Role.REVIEWER)), 0, ("spare",)),
    ],
)
def test_the_demand_for_reviewers(team: tuple[Member, ...], deficit: int, surplus: tuple[str, ...]) -> None:
    yang = pull(11, author=by("cat", side=YANG, issue=2))
    found = reviewer.demand(tick(issue(), issue(2), claim(), claim(2, agent="cat"), pull(), yang, *team))
    assert (found.workload, found.deficit, found.surplus) == (2, deficit, surplus)
    assert len(found.action_providers) == deficit


def test_the_authors_of_what_waits_are_named_in_order() -> None:
    yang = pull(9, author=by("cat", side=YANG, issue=2))
    found = reviewer.demand(tick(issue(), issue(2), claim(), claim(2, agent="cat"), pull(), yang))
    assert found.action_providers == ("openai", "anthropic")
