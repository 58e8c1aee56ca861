"""Where an issue stands, whom the team trusts, and when it goes home (SPEC S16, B10)."""

from __future__ import annotations

import pytest

from loreli_ray.config import Config, TrustConfig
from loreli_ray.model import AgentState, Claim, Outcome, Pull, Stage
from loreli_ray.policy import reapable, stage, trusted
from tests.policy.kit import NOW, by, claim, fleet, issue, member, pull, review, snapshot, work

CONFIG = Config()
CHANGES, REMARK = Outcome.REQUEST_CHANGES, Outcome.COMMENT


@pytest.mark.parametrize(
    ("things", "expected"),
    [
        ((), Stage.OPEN),
        ((claim(until=0),), Stage.OPEN),
        ((claim(until=NOW),), Stage.OPEN),
        ((claim(),), Stage.CLAIMED),
        ((claim(), pull()), Stage.IN_REVIEW),
        ((claim(), pull(10, review(commit="h0"))), Stage.IN_REVIEW),
        ((claim(), pull(10, review())), Stage.APPROVED),
        ((claim(), pull(10, review(CHANGES))), Stage.CHANGES_REQUESTED),
        ((claim(), pull(10, review(REMARK))), Stage.CHANGES_REQUESTED),
        ((pull(10, author=by(issue=2)),), Stage.OPEN),
    ],
)
def test_the_stage_of_an_issue(things: tuple[Claim | Pull, ...], expected: Stage) -> None:
    assert stage(issue(), snapshot=snapshot(issue(), *things), config=CONFIG) is expected


def test_what_a_human_holds_is_held_whatever_else() -> None:
    held = issue(labels=("loreli", "loreli:human"))
    assert stage(held, snapshot=snapshot(held, claim(), pull(10, review())), config=CONFIG) is Stage.HELD


@pytest.mark.parametrize(
    ("association", "fine"), [("OWNER", True), ("COLLABORATOR", True), ("CONTRIBUTOR", False), ("NONE", False)]
)
def test_strangers_start_no_work(association: str, fine: bool) -> None:
    assert trusted(issue(association=association), config=CONFIG) is fine
    assert trusted(issue(association=association), config=Config(trust=TrustConfig(associations=("NONE",)))) is (
        association == "NONE"
    )


def test_who_rests_goes_home_when_all_is_done() -> None:
    team = fleet(
        member("ready"),
        member("dormant", state=AgentState.DORMANT),
        member("busy", work=work()),
        member("starting", state=AgentState.STARTING),
        member("stopping", state=AgentState.STOPPING),
        member("gone", state=AgentState.EXITED),
        member("asked", state=AgentState.WAITING_HUMAN),
    )
    assert reapable(team, snapshot=snapshot(claim())) == ("ready", "dormant")


def test_nobody_goes_home_while_there_is_work() -> None:
    assert reapable(fleet(member()), snapshot=snapshot(issue())) == ()
    assert reapable(fleet(member()), snapshot=snapshot(pull())) == ()


def test_a_pull_request_of_somebody_else_keeps_nobody() -> None:
    foreign = pull().model_copy(update={"by": None})
    assert reapable(fleet(member()), snapshot=snapshot(foreign)) == ("ann",)
