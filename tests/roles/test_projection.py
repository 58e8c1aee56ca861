"""What people see of the team's work: put right when it differs, and left alone when it does not."""

from __future__ import annotations

from typing import Any

import pytest

from loreli_ray.model import Claim, Issue, Note, Outcome, Pull, Show
from loreli_ray.roles import projection
from tests.policy.kit import NOW, by, claim, issue, pull, review
from tests.roles.kit import wanted

CHANGES = Outcome.REQUEST_CHANGES
WORKING, REVIEW, HUMAN = "loreli:working", "loreli:review", "loreli:human"
INTERVAL = 60.0


def status(text: str, *, ago: float = 1000.0) -> Note:
    return Note(key="status", body=text, at=NOW - ago)


def labelled(*labels: str, **more: Any) -> Issue:
    return issue(labels=("loreli", *labels)).model_copy(update=more)


def shown(*things: Issue | Claim | Pull, **host: Any) -> Show | None:
    found = wanted(projection.show, *things, **host)
    assert len(found) <= 1
    return found[0] if found and isinstance(found[0], Show) else None


@pytest.mark.parametrize(
    ("before", "things", "after"),
    [
        ((), (), None),
        ((), (claim(),), (WORKING,)),
        ((WORKING,), (claim(),), None),
        ((WORKING,), (), ()),
        ((WORKING,), (claim(until=0),), ()),
        ((WORKING,), (claim(), pull()), (REVIEW,)),
        ((REVIEW,), (claim(), pull()), None),
        ((REVIEW,), (claim(), pull(10, review())), None),
        ((REVIEW,), (claim(), pull(10, review(CHANGES))), (WORKING,)),
        ((WORKING, REVIEW), (claim(), pull()), (REVIEW,)),
        ((HUMAN, WORKING), (claim(),), (HUMAN,)),  # nobody works on what a person holds
        (("bug", "Good first issue"), (claim(),), ("bug", "Good first issue", WORKING)),  # people's own stay
    ],
)
def test_labels(before: tuple[str, ...], things: tuple[Claim | Pull, ...], after: tuple[str, ...] | None) -> None:
    found = shown(labelled(*before), *things) or Show(issue=1)
    assert not set(found.add) & set(before)
    assert set(found.remove) <= set(before)
    assert {*before, *found.add} - set(found.remove) == set(before if after is None else after)


def test_two_teams_do_not_write_over_each_other() -> None:
    assert shown(labelled(REVIEW), claim(session="another")) is None
    assert shown(labelled(REVIEW), claim(session="another", until=NOW - 1)) is not None


@pytest.mark.parametrize(
    ("assignees", "things", "assigned"),
    [
        ((), (claim(),), True),
        (("team",), (claim(),), None),
        (("pat",), (claim(),), True),
        (("team", "pat"), (claim(until=0),), False),
        (("pat",), (claim(until=0),), None),
        (("team",), (), None),  # no claim: a person assigned it
        ((), (claim(until=NOW - 1),), None),
    ],
)
def test_the_assignee(assignees: tuple[str, ...], things: tuple[Claim, ...], assigned: bool | None) -> None:
    found = shown(labelled(assignees=assignees), *things, assignee="team")
    assert (found.assigned if found is not None else None) is assigned
    found = shown(labelled(assignees=assignees), *things)
    assert found is None or found.assigned is None  # the host takes no assignee of ours


def note(*things: Claim | Pull, said: Note | None = None) -> str | None:
    found = shown(labelled(notes=(said,) if said else ()), *things)
    return found.note if found is not None else None


@pytest.mark.parametrize(
    ("things", "text"),
    [
        ((claim(),), "**claimed** · with ann"),
        ((claim(), pull()), "**in review** · with ann · #10 by ann (anthropic, yin)"),
        (
            (claim(), pull(10, review(CHANGES, commit="h0"), review(id=2))),
            "**approved** · with ann · #10 by ann (anthropic, yin) · 2 reviews",
        ),
        (
            (claim(agent="cat"), pull(10, review(CHANGES), author=by("bob"))),
            "**changes requested** · with cat · #10 by bob (anthropic, yin) · 1 review",
        ),
    ],
)
def test_the_status_comment(things: tuple[Claim | Pull, ...], text: str) -> None:
    assert note(*things) == text
    assert note(*things, said=status(text)) is None
    assert note(*things, said=status("**open**")) == text


def test_the_status_comment_is_not_written_all_the_time() -> None:
    assert note(claim(), said=status("**open**", ago=INTERVAL - 1)) is None
    assert note(claim(), said=status("**open**", ago=INTERVAL)) == "**claimed** · with ann"


def test_an_issue_that_nobody_took_gets_no_comment() -> None:
    assert note() is None
    assert note(claim(until=0)) is None
    assert note(pull()) is None  # a comment is begun by who holds the claim
    assert note(claim(until=0), said=status("**claimed** · with ann")) == "**open**"


def test_what_is_as_it_should_be_is_left_alone() -> None:
    said = status("**claimed** · with ann")
    quiet = labelled(WORKING, assignees=("team",), notes=(said,))
    assert shown(quiet, claim(), assignee="team") is None
