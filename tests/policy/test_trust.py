"""Whose words steer work."""

from __future__ import annotations

from typing import Any

import pytest

from loreli_ray.config import Config, TrustConfig
from loreli_ray.model import Issue, Outcome, Review
from loreli_ray.policy import Ignored, ignored, trust, trusted
from tests.policy.kit import claim, comment, issue, pull, review, said, snapshot

CONFIG = Config()
STRANGERS = Config(trust=TrustConfig(associations=("OWNER", "NONE")))
CHANGES, APPROVE, REMARK = Outcome.REQUEST_CHANGES, Outcome.APPROVE, Outcome.COMMENT


def theirs(**more: Any) -> Issue:
    return issue(association="NONE").model_copy(update={"author": "sam", **more})


def test_an_adopted_issue_is_work_where_that_is_switched_on() -> None:
    adopted = theirs(adopted_by="pat")
    assert trusted(adopted, config=CONFIG)
    assert not trusted(adopted, config=Config(trust=TrustConfig(adoption=False)))
    assert not trusted(theirs(unadopted="sam changed its body"), config=CONFIG)


def test_an_adoption_lets_no_stranger_speak() -> None:
    words = (comment("a", association="NONE"), comment("b"), comment("c", association="CONTRIBUTOR"))
    assert [one.body for one in trust.words(words, config=CONFIG)] == ["b"]
    assert [one.body for one in trust.words(words, config=STRANGERS)] == ["a"]


def test_a_review_by_the_team_is_not_by_people() -> None:
    reviews = (review(), said(), said(association="NONE", id=91), said(association="CONTRIBUTOR", id=92))
    assert trust.people(pull(10, *reviews), config=CONFIG) == (said(),)


@pytest.mark.parametrize(
    ("reviews", "objected"),
    [
        ((), False),
        ((said(CHANGES),), True),
        ((said(APPROVE),), False),
        ((said(CHANGES), said(APPROVE)), False),
        ((said(APPROVE), said(CHANGES)), True),
        ((said(CHANGES), said(REMARK)), True),  # as the host sees it: a comment takes nothing back
        ((said(CHANGES), said(APPROVE, who="kim")), True),  # nor does another person
        ((said(CHANGES, who="kim"), said(CHANGES), said(APPROVE)), True),
        ((said(CHANGES, commit="h0"),), True),  # also of an earlier head
        ((said(CHANGES, association="NONE"),), False),
        ((said(CHANGES), said(APPROVE, association="NONE")), True),
        ((review(CHANGES),), False),  # the team's own verdicts are another matter
    ],
)
def test_who_wants_changes(reviews: tuple[Review, ...], objected: bool) -> None:
    assert trust.objected(pull(10, *reviews), config=CONFIG) is objected


def test_all_that_steers_nothing_is_told() -> None:
    loud = comment(association="NONE", who="sam", id=1)
    lost = comment(association="NONE", who="", id=2)
    seen = snapshot(
        issue(1).model_copy(update={"comments": (loud, comment(id=3))}),
        theirs(number=2),
        theirs(number=3, adopted_by="pat"),
        theirs(number=4, unadopted="sam changed its body"),
        claim(),
        pull(10, review(), said(), said(association="NONE", who="sam", id=7)).model_copy(update={"comments": (lost,)}),
        pull(11, said(association="NONE", id=8)).model_copy(update={"by": None}),
    )
    lacking = "is NONE, which trust.associations lacks"
    assert list(ignored(seen, config=CONFIG)) == [
        Ignored(what="comment 1 on issue #1", why=f"its author sam {lacking}"),
        Ignored(what="issue #2", why=f"its author sam {lacking}"),
        Ignored(what="issue #4", why=f"its author sam {lacking}; sam changed its body: set it again"),
        Ignored(what="comment 2 on pull request #10", why=f"its author unknown {lacking}"),
        Ignored(what="review 7 of pull request #10", why=f"its author sam {lacking}"),
    ]
    assert list(ignored(seen, config=STRANGERS)) == [
        Ignored(what="comment 3 on issue #1", why="its author pat is MEMBER, which trust.associations lacks"),
        Ignored(what="review 90 of pull request #10", why="its author pat is MEMBER, which trust.associations lacks"),
    ]


def test_where_nobody_adopts_it_is_no_use_to_set_the_label_again() -> None:
    (one,) = ignored(snapshot(theirs(unadopted="x")), config=Config(trust=TrustConfig(adoption=False)))
    assert one.why.endswith("lacks")
