"""The landing line, branch by branch: who lands, who waits, who lets the others by (SPEC L6)."""

from __future__ import annotations

from typing import Any

import pytest

from loreli_ray.identity import Side
from loreli_ray.model import (
    AgentState,
    AskHuman,
    Check,
    Checks,
    CheckState,
    Claim,
    Feedback,
    Intent,
    Issue,
    Land,
    Member,
    Merged,
    Outcome,
    Pull,
    Review,
    Settle,
    Stamp,
    UpdateBranch,
)
from loreli_ray.roles import landing
from loreli_ray.roles.landing import PATIENCE
from tests.policy.kit import NOW, by, claim, comment, issue, member, pull, review, said, work
from tests.roles.kit import wanted

CHANGES, APPROVE, REMARK = Outcome.REQUEST_CHANGES, Outcome.APPROVE, Outcome.COMMENT
GREEN, RED, PENDING, NONE = CheckState.GREEN, CheckState.RED, CheckState.PENDING, CheckState.NONE
HELD = issue(labels=("loreli", "loreli:human"))
TIMEOUT = 3600.0
APPROVED = "loreli:approved"


def ready(number: int = 10, *reviews: Review, issue: int = 1, **more: Any) -> Pull:
    """A pull request of which nothing but `more` is in the way of landing."""
    return pull(number, *(reviews or (review(),)), author=by(issue=issue)).model_copy(update=more)


def checks(state: CheckState, *, since: float | None = None) -> Checks:
    return Checks(state=state, runs=(Check(name="test", state=state),), since=since)


def line(*pulls: Pull, **more: Any) -> list[Intent]:
    issues = [issue(one.by.issue) for one in pulls if one.by is not None]
    claims = [claim(one.number) for one in issues]
    return wanted(landing.land, *issues, *claims, *pulls, **more)


def which(intents: list[Intent]) -> list[tuple[str, int]]:
    return [(one.kind, one.pull.number) for one in intents if isinstance(one, Land | UpdateBranch | Stamp)]


# ── who lands ──


def test_what_is_approved_by_the_other_side_at_this_head_lands() -> None:
    good = pull(10, review(CHANGES, commit="h0"), review(id=2))
    (intent,) = wanted(landing.land, issue(), claim(), good)
    assert intent == Land(pull=good, base_head="base-0", issue=1, title=issue().title, rounds=2)


def test_it_lands_also_without_its_author() -> None:
    assert len(wanted(landing.land, issue(), claim(until=0), pull(10, review()))) == 1


def test_one_that_the_host_refuses_holds_up_no_other() -> None:
    two = pull(11, review(), author=by("cat", issue=2))
    intents = wanted(landing.land, issue(), issue(2), claim(), claim(2, agent="cat"), pull(10, review()), two)
    assert [intent.issue for intent in intents] == [1, 2]


def test_the_last_verdict_on_a_head_counts_and_one_on_an_older_head_never() -> None:
    objected, approved = review(CHANGES, id=1), review(id=2)
    assert wanted(landing.land, issue(), claim(), pull(10, approved, objected)) == []
    assert len(wanted(landing.land, issue(), claim(), pull(10, objected, approved))) == 1
    late = review(CHANGES, commit="h0", id=3)
    assert len(wanted(landing.land, issue(), claim(), pull(10, late, approved))) == 1


@pytest.mark.parametrize(
    "things",
    [
        (issue(), claim(), pull()),
        (issue(), claim(), pull(10, review(CHANGES))),
        (issue(), claim(), pull(10, review(REMARK))),
        (issue(), claim(), pull(10, review(commit="h0"))),
        (issue(), claim(), pull(10, review(), mergeable=False)),
        (issue(), claim(), pull(10, review(), mergeable=None)),
        (issue(), claim(), pull(10, review(), draft=True)),
        (issue(), claim(), pull(10, review(side=Side.YIN))),
        (issue(), claim(), pull(10, Review(id=1, outcome=APPROVE, commit="h1", author="a stranger"))),
        (issue(), claim(), pull(10, review()).model_copy(update={"by": None})),
        (issue(), claim(generation=2), pull(10, review())),
        (issue(), claim(session="another"), pull(10, review())),
        (HELD, claim(), pull(10, review())),
        (issue(association="NONE"), claim(), pull(10, review())),
        (claim(), pull(10, review())),
        (issue(), claim(), ready(labels=("loreli:human",))),
        (issue(), claim(), ready(10, review(), said(CHANGES))),
        (issue(), claim(), ready(checks=checks(PENDING))),
        (issue(), claim(), ready(checks=checks(RED))),
    ],
)
def test_what_does_not_land(things: tuple[Issue | Claim | Pull, ...]) -> None:
    assert wanted(landing.land, *things) == []


@pytest.mark.parametrize(
    "more",
    [
        {"checks": checks(GREEN)},
        {"reviews": (review(), said(CHANGES), said(APPROVE))},
        {"reviews": (review(), said(CHANGES, association="NONE"))},
        {"reviews": (review(), said(REMARK))},
        {"labels": ("bug",)},
    ],
)
def test_what_lands(more: dict[str, Any]) -> None:
    assert which(line(ready(**more))) == [("land", 10)]


def test_one_side_alone_lands_what_it_approved() -> None:
    assert len(wanted(landing.land, issue(), claim(), pull(10, review(side=Side.YIN)), single=True)) == 1


# ── the line ──


def test_only_the_head_of_the_line_is_brought_up_to_date() -> None:
    first, second = ready(10, behind=True), ready(11, issue=2, behind=True)
    (intent,) = line(second, first)
    assert intent == UpdateBranch(pull=first, issue=1, base_head="base-0")
    assert which(line(ready(10, checks=checks(PENDING)), second)) == []


WAITING = ready(10, review(commit="h0"))  # its head moved, as the base was merged into it


@pytest.mark.parametrize("second", [ready(11, issue=2), ready(11, issue=2, behind=True)])
@pytest.mark.parametrize(
    "first",
    [WAITING, ready(mergeable=None), ready(checks=checks(PENDING)), WAITING.model_copy(update={"mergeable": None})],
)
def test_the_head_of_the_line_keeps_its_place(first: Pull, second: Pull) -> None:
    assert line(first, second) == []


@pytest.mark.parametrize(
    "first",
    [
        ready(mergeable=False),
        ready(checks=checks(RED)),
        ready(draft=True),
        ready(labels=("loreli:human",)),
        ready(10, review(), said(CHANGES)),
        ready(10, review(commit="h0"), review(CHANGES, id=2)),
        pull(10),
        ready(10, review(side=Side.YIN)),
    ],
)
def test_what_can_not_go_on_leaves_the_line(first: Pull) -> None:
    assert which(line(first, ready(11, issue=2))) == [("land", 11)]


def test_nobody_waits_for_ever() -> None:
    def waiting(seconds: float) -> Pull:
        return ready(10, review(commit="h0", at=NOW - seconds))

    second = ready(11, issue=2)
    assert line(waiting(PATIENCE), second) == []
    assert which(line(waiting(PATIENCE + 1), second)) == [("land", 11)]
    # What is approved and waits for its checks is a person's matter in the end, see `escalate`.
    assert line(ready(10, review(at=NOW - 2 * PATIENCE), checks=checks(PENDING)), second) == []


def test_an_author_first_answers_what_people_said() -> None:
    word = Feedback(key=f"comment-70@{NOW - 20:.0f}", kind="comment", text="Mind the gap.", by="pat")
    spoken = ready(comments=(comment(),))

    def author(*feedback: Feedback, submitted: str | None = "h1", remarks: tuple[Feedback, ...] = ()) -> Member:
        given = work(pull=10, head="h1", submitted=submitted, feedback=feedback, remarks=remarks)
        return member(state=AgentState.WAITING_REVIEW if submitted else AgentState.WORKING, work=given)

    def lands(*team: Member) -> bool:
        return which(wanted(landing.land, issue(), claim(), spoken, *team)) == [("land", 10)]

    assert lands()  # nobody is there to answer
    assert not lands(author())
    assert not lands(author(word, submitted=None))
    assert lands(author(word))
    assert lands(author(remarks=(word,)))
    assert lands(author(word, Feedback(key="review-1", kind="review", text="x"), submitted=None))


# ── checks that do not end ──


@pytest.mark.parametrize(
    ("checks", "at", "asked"),
    [
        (checks(PENDING, since=NOW - TIMEOUT - 1), NOW, True),
        (checks(PENDING, since=NOW - TIMEOUT), NOW - 2 * TIMEOUT, False),
        (checks(PENDING), NOW - TIMEOUT - 1, True),  # required, and nobody began it
        (checks(PENDING), NOW - TIMEOUT, False),
        (checks(GREEN), NOW - 2 * TIMEOUT, False),
        (checks(RED), NOW - 2 * TIMEOUT, False),
        (Checks(), NOW - 2 * TIMEOUT, False),
    ],
)
def test_a_human_is_asked_about_checks_that_do_not_end(checks: Checks, at: float, asked: bool) -> None:
    intents = wanted(landing.escalate, issue(), claim(), ready(10, review(at=at), checks=checks))
    why = "checks of #10 have not ended after 3600 s: test"
    assert intents == ([AskHuman(issue=1, why=why)] if asked else [])


@pytest.mark.parametrize("reviews", [(), (review(CHANGES),), (review(commit="h0"),)])
def test_nobody_is_asked_before_it_is_approved(reviews: tuple[Review, ...]) -> None:
    late = pull(10, *reviews).model_copy(update={"checks": checks(PENDING, since=0.0)})
    assert wanted(landing.escalate, issue(), claim(), late) == []


# ── one account: the stamp ──


def stamps(one: Pull, *, stamped: bool = True) -> list[Intent]:
    return wanted(landing.stamp, issue(), claim(), one, stamped=stamped)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_each_verdict_is_stamped_once(outcome: Outcome) -> None:
    one, verdict = ready(10, review(outcome)), review(outcome)
    assert stamps(one) == [Stamp(pull=one, issue=1, verdict=verdict)]
    assert stamps(one, stamped=False) == []
    done: dict[str, Any] = {"stamp": GREEN, "labels": (APPROVED,)} if outcome is APPROVE else {"stamp": RED}
    assert stamps(ready(10, review(outcome), **done)) == []


def test_a_label_of_an_earlier_head_is_taken_off() -> None:
    moved = ready(10, review(commit="h0"), labels=(APPROVED, "bug"))
    assert stamps(moved) == [Stamp(pull=moved, issue=1, verdict=None)]
    objected = ready(10, review(), review(CHANGES, id=2), stamp=GREEN, labels=(APPROVED,))
    assert stamps(objected) == [Stamp(pull=objected, issue=1, verdict=review(CHANGES, id=2))]
    assert stamps(pull(10)) == []


def test_an_approval_overrules_what_the_same_head_was_told_before() -> None:
    twice = ready(10, review(CHANGES), review(id=2), stamp=RED)
    assert stamps(twice) == [Stamp(pull=twice, issue=1, verdict=review(id=2))]
    assert line(twice, ready(11, issue=2), stamped=True) == []  # it keeps its place till then


def test_with_one_account_what_is_stamped_lands() -> None:
    stamped = ready(stamp=GREEN, labels=(APPROVED,))
    assert which(line(stamped, stamped=True)) == [("land", 10)]
    assert line(ready(stamp=NONE, labels=(APPROVED,)), stamped=True) == []
    assert which(line(ready(stamp=NONE))) == [("land", 10)]


@pytest.mark.parametrize("veto", [{"stamp": GREEN}, {"stamp": RED, "labels": (APPROVED,)}])
def test_people_take_an_approval_back(veto: dict[str, Any]) -> None:
    """By the label or by the status; it stays so, and holds up no other."""
    vetoed = ready(**veto)
    assert stamps(vetoed) == []
    second = ready(11, issue=2, stamp=GREEN, labels=(APPROVED,))
    assert which(line(vetoed, second, stamped=True)) == [("land", 11)]


# ── what follows a merge ──


def settled(*things: Issue | Claim, generation: int = 1) -> list[Intent]:
    return wanted(landing.settle, *things, merged=(Merged(number=10, by=by(generation=generation)),))


@pytest.mark.parametrize("lease", [claim(), claim(until=0), claim(session="another", until=NOW - 1)])
def test_what_follows_a_merge_is_done_by_whoever_is_there(lease: Claim) -> None:
    assert settled(issue(), lease) == [Settle(issue=1, pull=10)]


@pytest.mark.parametrize(
    "things",
    [
        (claim(),),  # closed already
        (issue(),),  # no claim: it is done, and the issue was opened again
        (issue(), claim(generation=2)),
        (issue(), claim(session="another")),
        (issue(2), claim(2)),
    ],
)
def test_what_is_not_settled(things: tuple[Issue | Claim, ...]) -> None:
    assert settled(*things) == []
