"""What comes back to an author, and that each thing is said once (SPEC L1, L3)."""

from __future__ import annotations

from typing import Any

import pytest

from loreli_ray.identity import Side
from loreli_ray.model import (
    AgentState,
    Check,
    Checks,
    CheckState,
    Claim,
    ClaimIssue,
    Dispatch,
    Feedback,
    Forward,
    Intent,
    Issue,
    Member,
    Outcome,
    Pull,
    Role,
)
from loreli_ray.roles import action, feedback, reviewer
from loreli_ray.roles.feedback import MOST_REMARKS
from tests.policy.kit import NOW, claim, comment, issue, member, pull, review, said, snapshot, work
from tests.roles.kit import tick, wanted

CHANGES, APPROVE, REMARK = Outcome.REQUEST_CHANGES, Outcome.APPROVE, Outcome.COMMENT
HELD = issue(labels=("loreli", "loreli:human"))
DISAGREED = tuple(review(CHANGES, commit=f"h{n}", id=n) for n in (1, 2, 3))
RED = Checks(
    state=CheckState.RED,
    runs=(
        Check(name="test", state=CheckState.RED, said="2 of 7 failed", url="http://ci/1"),
        Check(name="lint", state=CheckState.GREEN, said="fine"),
    ),
)
WORD = Feedback(key=f"comment-70@{NOW - 20:.0f}", kind="comment", text="Mind the gap.", by="pat")


def author(
    *feedback: Feedback, submitted: str | None = "h1", generation: int = 1, remarks: tuple[Feedback, ...] = ()
) -> Member:
    given = work(pull=10, head="h1", submitted=submitted, feedback=feedback, generation=generation, remarks=remarks)
    return member(state=AgentState.WAITING_REVIEW if submitted else AgentState.WORKING, work=given)


def told(*things: Issue | Claim | Pull | Member) -> list[Feedback]:
    found: list[Intent] = wanted(feedback.forward, issue(), claim(), *things)
    assert all(isinstance(one, Forward) and (one.agent, one.issue) == ("ann", 1) for one in found)
    return [one.feedback for one in found if isinstance(one, Forward)]


# ── verdicts ──


@pytest.mark.parametrize("outcome", [CHANGES, REMARK])
def test_what_is_no_approval_goes_back_to_the_author_once(outcome: Outcome) -> None:
    judged = (issue(), claim(), pull(10, review(outcome)))
    (intent,) = wanted(feedback.forward, *judged, author())
    assert isinstance(intent, Forward)
    assert (intent.agent, intent.feedback.key, intent.feedback.kind, intent.feedback.by) == (
        "ann",
        "review-1",
        "review",
        "bob",
    )
    assert wanted(feedback.forward, *judged, author(intent.feedback, submitted=None)) == []


def test_an_author_who_handed_in_while_the_review_came_back_is_told_again() -> None:
    judged = (issue(), claim(), pull(10, review(CHANGES)))
    (first,) = wanted(feedback.forward, *judged, author())
    assert isinstance(first, Forward)
    assert wanted(feedback.forward, *judged, author(first.feedback, submitted="h1")) == [first]


def test_a_review_comes_with_its_remarks() -> None:
    remarks = (
        comment("Off by one.\nSee?", path="a.py", line=7),
        comment("Whole file.", path="b.py"),
    )
    (one,) = told(pull(10, review(CHANGES).model_copy(update={"remarks": remarks})), author())
    assert one.text == "REQUEST_CHANGES it\n- a.py:7: Off by one.\nSee?\n- b.py: Whole file."


# ── what the host says ──


def test_a_conflict_goes_back_once_for_each_head_also_after_an_approval() -> None:
    (intent,) = wanted(feedback.forward, issue(), claim(), pull(10, review(), mergeable=False), author())
    assert isinstance(intent, Forward)
    assert intent.feedback.kind == "conflict"
    assert "merge `origin/main`" in intent.feedback.text
    again = (issue(), claim(), pull(mergeable=False), author(intent.feedback, submitted=None))
    assert wanted(feedback.forward, *again) == []
    assert wanted(feedback.forward, *again, base_head="base-1") == []  # that it moved on is no news
    moved = (issue(), claim(), pull(mergeable=False, head="h2"), author(intent.feedback, submitted="h2"))
    assert len(wanted(feedback.forward, *moved)) == 1


@pytest.mark.parametrize("reviews", [(), (review(),)])
def test_red_checks_go_back_with_the_evidence_once_for_each_head(reviews: tuple[Any, ...]) -> None:
    red = pull(10, *reviews).model_copy(update={"checks": RED})
    (one,) = told(red, author())
    assert (one.key, one.kind) == ("checks-h1", "checks")
    assert "- test: 2 of 7 failed (http://ci/1)" in one.text
    assert "lint" not in one.text
    assert told(red, author(one, submitted=None)) == []
    assert told(red.model_copy(update={"head": "h2"}), author(one, submitted="h2"))[0].key == "checks-h2"


def test_one_thing_at_a_time_the_verdict_first() -> None:
    both = pull(10, review(CHANGES), mergeable=False).model_copy(update={"checks": RED})
    assert [one.kind for one in told(both, author())] == ["review"]
    assert [one.kind for one in told(both.model_copy(update={"reviews": ()}), author())] == ["conflict"]


# ── people ──


@pytest.mark.parametrize(
    ("things", "keys"),
    [
        ((pull().model_copy(update={"comments": (comment(),)}),), [WORD.key]),
        ((pull(10, said(CHANGES)),), ["review-90"]),
        ((pull(10, said(REMARK)),), ["review-90"]),
        ((pull(10, said(APPROVE)),), ["review-90"]),
        ((pull(10, said(APPROVE, body="")),), []),  # says nothing but yes
        ((pull(10, said(REMARK, body="")),), []),
        ((pull(10, said(CHANGES, body="")),), ["review-90"]),
        ((pull(10, said(REMARK, body="", remarks=(comment(path="a", line=1),))),), ["review-90"]),
        ((pull(10, said(association="NONE")),), []),
        ((pull().model_copy(update={"comments": (comment(association="NONE"),)}),), []),
        ((pull(10, said(), said(id=91, at=NOW - 99)),), ["review-91", "review-90"]),  # oldest first
    ],
)
def test_what_people_say_goes_to_the_author(things: tuple[Pull, ...], keys: list[str]) -> None:
    given = told(*things, author())
    assert [one.key for one in given] == keys
    assert told(*things, author(*given, submitted=None)) == []
    assert told(*things, author(remarks=tuple(given))) == []


def test_whether_people_want_changes_or_talk() -> None:
    kinds = {outcome: told(pull(10, said(outcome)), author())[0].kind for outcome in Outcome}
    assert kinds == {CHANGES: "review", REMARK: "comment", APPROVE: "comment"}


def test_what_people_say_of_the_issue_goes_to_the_author_too() -> None:
    spoken = issue().model_copy(update={"comments": (comment(),)})
    (one,) = wanted(feedback.forward, spoken, claim(), pull(), author())
    assert isinstance(one, Forward)
    assert one.feedback == WORD


def test_an_edited_comment_is_said_again() -> None:
    edited = comment("Mind the step.", at=NOW - 5)
    spoken = pull().model_copy(update={"comments": (edited,)})
    (again,) = told(spoken, author(WORD, submitted=None))
    assert (again.text, again.key != WORD.key) == ("Mind the step.", True)


@pytest.mark.parametrize(
    "things",
    [
        (issue(), claim(), pull(), author()),
        (issue(), claim(), pull(10, review()), author()),
        (issue(), claim(), pull(10, review(CHANGES))),
        (issue(), claim(), pull(10, review(CHANGES)), member()),
        (issue(), claim(), pull(10, review(CHANGES)), member(work=work(2))),
        (issue(), claim(), pull(10, review(CHANGES)), member(state=AgentState.STOPPING, work=work())),
        (issue(), claim(generation=2), pull(10, review(CHANGES)), author(generation=2)),
        (HELD, claim(), pull(10, review(CHANGES)), author()),
        (issue(), claim(), pull(10, *DISAGREED, said(), head="h3"), author()),  # a human decides that
    ],
)
def test_what_is_not_forwarded(things: tuple[Issue | Claim | Pull | Member, ...]) -> None:
    assert wanted(feedback.forward, *things) == []


# ── before there is a pull request ──


def test_what_is_said_before_the_work_is_given_out_goes_with_it() -> None:
    spoken = issue().model_copy(update={"comments": (comment(), comment("x", association="NONE", id=71))})
    (given,) = wanted(action.scan, spoken, member())
    assert isinstance(given, ClaimIssue)
    assert given.assignment.remarks == (WORD,)
    (again,) = wanted(action.scan, spoken, claim(), member())
    assert isinstance(again, Dispatch)
    assert again.assignment.remarks == (WORD,)
    rey = member("rey", side=Side.YANG, role=Role.REVIEWER)
    (judged,) = wanted(reviewer.scan, spoken, claim(), pull(10, said(REMARK)), rey)
    assert isinstance(judged, Dispatch)
    assert [one.key for one in judged.assignment.remarks] == ["review-90", WORD.key]


def test_what_is_said_while_the_work_is_done_is_handed_on() -> None:
    spoken = issue().model_copy(update={"comments": (comment(),)})
    (one,) = wanted(feedback.listen, spoken, claim(), member(work=work()))
    assert one == Forward(agent="ann", issue=1, feedback=WORD)
    assert wanted(feedback.listen, spoken, claim(), member(work=work(remarks=(WORD,)))) == []
    assert wanted(feedback.listen, spoken, claim(), member(work=work(feedback=(WORD,)))) == []
    assert wanted(feedback.listen, spoken, claim(), pull(), author()) == []  # `forward` does that
    assert wanted(feedback.listen, spoken, claim(), member()) == []


def test_only_the_latest_words_go_with_new_work() -> None:
    many = tuple(comment(f"{n}", id=n, at=NOW - 1000 + n) for n in range(MOST_REMARKS + 5))
    found = feedback.of_people(issue().model_copy(update={"comments": many[::-1]}), None, config=tick().config)
    assert [one.text for one in found] == [f"{n}" for n in range(5, MOST_REMARKS + 5)]


# ── whether all is answered ──


@pytest.mark.parametrize(
    ("one", "answered"),
    [
        (None, True),
        (author(), False),  # not heard yet
        (author(WORD, submitted=None), False),  # heard, and at it
        (author(WORD), True),
        (author(remarks=(WORD,)), True),
        (author(remarks=(WORD,), submitted=None), True),
    ],
)
def test_whether_people_are_answered(one: Member | None, answered: bool) -> None:
    spoken = pull(10, review()).model_copy(update={"comments": (comment(),)})
    moment = tick(issue(), claim(), spoken, *([one] if one else []))
    assert feedback.answered(spoken, tick=moment) is answered


def test_who_takes_over_knows_why() -> None:
    stuck = pull(10, mergeable=False)
    first, second = feedback.of_takeover(stuck, snapshot=snapshot(stuck))
    assert (first.kind, first.text, second.kind) == ("takeover", "It was not finished.", "conflict")
    (only,) = feedback.of_takeover(pull(10, review(CHANGES)), snapshot=snapshot())
    assert (only.kind, only.text) == ("takeover", "REQUEST_CHANGES it")
