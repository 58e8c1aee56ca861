"""Each refusal of a tool, and what is allowed (DESIGN section 6)."""

from __future__ import annotations

import pytest

from loreli_ray.errors import ToolRefused
from loreli_ray.identity import Side
from loreli_ray.model import Claim, Pull, Record, Role
from loreli_ray.policy import permission
from tests.policy.kit import NOW, SESSION, by, claim, pull, record, review_work, spec, work

REVIEWER = spec("bob", side=Side.YANG, role=Role.REVIEWER)
STOPPED = record(work=work(), stop_at=NOW)


def submit(held: Claim | None, agent: Record | None = None) -> None:
    permission.may_submit(agent or record(work=work()), claim=held, session=SESSION)


@pytest.mark.parametrize(
    ("agent", "role", "why"),
    [
        (record(work=work()), Role.REVIEWER, "for the role reviewer"),
        (record(REVIEWER, work=work()), Role.ACTION, "for the role action"),
        (record(), Role.ACTION, "no assignment"),
        (STOPPED, Role.ACTION, "asked to shut down"),
    ],
)
def test_a_tool_is_for_who_has_work_of_its_role(agent: Record, role: Role, why: str) -> None:
    with pytest.raises(ToolRefused, match=why) as refusal:
        permission.assigned(agent, role)
    assert refusal.value.subject == agent.name


@pytest.mark.parametrize("until", [NOW + 1, NOW, NOW - 1000])
def test_the_holder_of_the_claim_may_submit(until: float) -> None:
    """Also when its lease has ended: the push renews it, unless somebody was faster."""
    agent = record(work=work())
    assert permission.may_submit(agent, claim=claim(until=until), session=SESSION) == agent.assignment


@pytest.mark.parametrize(
    ("held", "why"),
    [
        (None, "no longer yours"),
        (claim(agent="bob"), "no longer yours"),
        (claim(session="another"), "no longer yours"),
        (claim(generation=2), "no longer yours"),
        (claim(until=0), "no longer yours"),
    ],
)
def test_nobody_else_may_submit(held: Claim | None, why: str) -> None:
    with pytest.raises(ToolRefused, match=why):
        submit(held)


@pytest.mark.parametrize("branch", ["main", "bob/1-task", "annabel/1-task", "ann"])
def test_only_a_branch_of_ones_own(branch: str) -> None:
    with pytest.raises(ToolRefused, match="is not yours"):
        submit(claim(), record(work=work(branch=branch)))


@pytest.mark.parametrize("agent", [record(REVIEWER, work=work()), record(), STOPPED])
def test_submitting_needs_work_of_an_author(agent: Record) -> None:
    with pytest.raises(ToolRefused):
        submit(claim(), agent)


def test_the_other_side_may_review_the_head_that_it_was_given() -> None:
    agent = record(REVIEWER, work=review_work(pull()))
    assert permission.may_review(agent, pull=pull(), single=False) == agent.assignment


@pytest.mark.parametrize(
    ("seen", "single", "why"),
    [
        (None, False, "not open any more"),
        (pull(head="h2"), False, "has moved to h2"),
        (pull(author=by("bob")), True, "their own work"),
        (pull().model_copy(update={"by": None}), True, "their own work"),
        (pull(author=by(side=Side.YANG)), False, "of your own side"),
    ],
)
def test_what_may_not_be_reviewed(seen: Pull | None, single: bool, why: str) -> None:
    with pytest.raises(ToolRefused, match=why):
        permission.may_review(record(REVIEWER, work=review_work(pull())), pull=seen, single=single)


def test_a_side_reviews_itself_only_where_there_is_no_other() -> None:
    same = pull(author=by(side=Side.YANG))
    permission.may_review(record(REVIEWER, work=review_work(same)), pull=same, single=True)


@pytest.mark.parametrize(
    ("text", "why"), [("", "is empty"), (" \n\t", "is empty"), ("x" * 60_001, "60000 are allowed")]
)
def test_text_is_bounded(text: str, why: str) -> None:
    with pytest.raises(ToolRefused, match=why):
        permission.bounded(text, what="the body", agent="ann")


def test_text_of_any_other_length_passes_as_it_is() -> None:
    assert permission.bounded("x" * 60_000, what="the body", agent="ann") == "x" * 60_000
