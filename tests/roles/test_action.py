"""What the action role wants, branch by branch (SPEC L1)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loreli_ray.identity import Side
from loreli_ray.model import (
    AgentState,
    AskHuman,
    Claim,
    ClaimIssue,
    ClosePull,
    Complete,
    Dispatch,
    Fleet,
    Issue,
    Member,
    Outcome,
    Pull,
    ReleaseClaim,
    RenewClaim,
    Role,
)
from loreli_ray.roles import action
from tests.policy.kit import NOW, by, claim, issue, member, pull, review, work
from tests.roles.kit import tick, wanted

CHANGES = Outcome.REQUEST_CHANGES
HELD = issue(labels=("loreli", "loreli:human"))
ENDED = NOW - 31  # longer ago than the grace
BUSY = member(work=work())


# ── keep ──


@pytest.mark.parametrize(
    ("things", "renewed"),
    [
        ((BUSY,), True),
        ((member(),), True),  # claimed, and something died before the work was handed out
        ((member(state=AgentState.STOPPING, work=work()),), True),
        ((member(work=work(2)),), False),
        ((member(role=Role.REVIEWER),), False),  # the name is another's by now
        ((member(state=AgentState.EXITED, work=work()),), False),
        ((member(state=AgentState.LOST, work=work()),), False),
        ((), False),
    ],
)
def test_a_claim_is_kept_while_its_agent_has_the_work(things: tuple[Member, ...], renewed: bool) -> None:
    lease = claim(until=NOW + 1)
    assert wanted(action.keep, issue(), lease, *things) == [
        RenewClaim(claim=lease) if renewed else ReleaseClaim(claim=lease)
    ]


def test_a_fresh_lease_is_left_as_it_is() -> None:
    assert wanted(action.keep, issue(), claim(), BUSY) == []


@pytest.mark.parametrize("things", [(), (HELD,), (issue(association="NONE"),)])
def test_the_claim_on_what_is_not_workable_is_given_up(things: tuple[Issue, ...]) -> None:
    assert wanted(action.keep, *things, claim(), BUSY) == [ReleaseClaim(claim=claim())]


@pytest.mark.parametrize("lease", [claim(session="another"), claim(until=0)])
def test_other_claims_and_released_ones_are_left_alone(lease: Claim) -> None:
    assert wanted(action.keep, issue(), lease) == []


def test_what_is_stale_costs_nobody_their_claim() -> None:
    """What the host held when it could last be asked may be nothing at all."""
    lease = claim(until=NOW + 1)
    old = tick(lease, BUSY)
    stale = replace(old, snapshot=old.snapshot.model_copy(update={"stale": True}))
    assert list(action.keep(old)) == [ReleaseClaim(claim=lease)]
    assert list(action.keep(stale)) == [RenewClaim(claim=lease)]
    alone = replace(stale, fleet=Fleet())
    assert list(action.keep(alone)) == []


# ── finish ──


@pytest.mark.parametrize(
    ("things", "why"),
    [
        ((claim(),), "closed"),
        ((HELD, claim()), "a human has the issue"),
        ((issue(),), "no longer ours"),
        ((issue(), claim(until=0)), "no longer ours"),
        ((issue(), claim(agent="bob")), "no longer ours"),
        ((issue(), claim(session="another")), "no longer ours"),
        ((issue(), claim(generation=2)), "no longer ours"),
    ],
)
def test_an_assignment_that_is_over_is_taken_back(things: tuple[Issue | Claim, ...], why: str) -> None:
    (intent,) = wanted(action.finish, *things, BUSY)
    assert isinstance(intent, Complete)
    assert (intent.agent, intent.issue, intent.assignment_key) == ("ann", 1, work().key)
    assert why in intent.why


@pytest.mark.parametrize("until", [NOW + 1, NOW - 5, NOW - 5_000])
def test_a_lease_that_ran_out_while_we_were_away_costs_no_work(until: float) -> None:
    lease = claim(until=until)
    waiting = member(state=AgentState.WAITING_REVIEW, work=work(pull=10, head="h1", submitted="h1"))
    assert wanted(action.finish, issue(), lease, pull(), waiting) == []
    assert wanted(action.keep, issue(), lease, pull(), waiting) == [RenewClaim(claim=lease)]
    assert wanted(action.scan, issue(), lease, pull(), waiting, member("idle")) == []


def test_who_is_stopping_is_left_to_its_removal() -> None:
    assert wanted(action.finish, member(state=AgentState.STOPPING, work=work())) == []


# ── escalate ──


def test_a_pull_request_that_somebody_closed_goes_to_a_human() -> None:
    author = member(state=AgentState.WAITING_REVIEW, work=work(pull=10, head="h1", submitted="h1"))
    (intent,) = wanted(action.escalate, issue(), claim(), author)
    assert isinstance(intent, AskHuman)
    assert "#10 was closed" in intent.why
    assert wanted(action.escalate, issue(), claim(), pull(10), author) == []


@pytest.mark.parametrize("things", [(), (HELD, claim()), (issue(), claim(generation=2)), (issue(),)])
def test_that_is_nobody_s_business_when_the_work_is_over_anyway(things: tuple[Issue | Claim, ...]) -> None:
    author = member(work=work(pull=10, head="h1", submitted="h1"))
    assert wanted(action.escalate, *things, author) == []


# ── scan ──


def test_a_free_issue_is_claimed_and_begun_at_the_base() -> None:
    (intent,) = wanted(action.scan, issue(), member())
    assert isinstance(intent, ClaimIssue)
    assert intent.assignment == work(body="Do it.")
    assert intent.replaces is None


def test_the_oldest_issues_go_first_and_nobody_gets_two() -> None:
    intents = wanted(action.scan, issue(3), issue(1), issue(2), member("ann"), member("bob"))
    assert [(intent.issue, intent.agent) for intent in intents if isinstance(intent, ClaimIssue)] == [
        (1, "ann"),
        (2, "bob"),
    ]


@pytest.mark.parametrize("until", [0.0, ENDED])
def test_a_claim_that_ended_is_replaced_by_the_next_generation(until: float) -> None:
    lease = claim(agent="bob", session="another", generation=4, until=until)
    (intent,) = wanted(action.scan, issue(), lease, member())
    assert isinstance(intent, ClaimIssue)
    assert (intent.replaces, intent.assignment.generation) == (lease, 5)
    assert intent.assignment.branch == "ann/1-task-1-5", "what an earlier generation left can't be in the way"


@pytest.mark.parametrize(
    "things",
    [
        (HELD,),
        (issue(association="NONE"),),
        (issue(), claim(agent="bob")),
        (issue(), claim(agent="bob", until=NOW - 29)),
        (issue(), BUSY.model_copy(update={"spec": member("bob").spec})),
        (issue(), pull()),
        (issue(), pull(10, review())),
        (issue(), claim(until=0), pull(10, review(commit="h0"))),
        (issue(), pull(mergeable=None)),
    ],
)
def test_what_needs_no_author_is_left_alone(things: tuple[Issue | Claim | Pull | Member, ...]) -> None:
    assert wanted(action.scan, *things, member()) == []


@pytest.mark.parametrize("state", [state for state in AgentState if state is not AgentState.READY])
def test_only_idle_agents_get_work(state: AgentState) -> None:
    assert wanted(action.scan, issue(), member(state=state)) == []


def test_a_claim_of_ours_without_its_worker_is_handed_out_again() -> None:
    """Something died between the claim and the hand-out."""
    intents = wanted(action.scan, issue(1), issue(2), claim(2, generation=7), member("bob"), member("ann"))
    claimed, dispatched = sorted(intents, key=lambda intent: intent.issue)
    assert isinstance(dispatched, Dispatch)
    assert (dispatched.agent, dispatched.assignment.generation) == ("ann", 7)
    assert isinstance(claimed, ClaimIssue)
    assert claimed.agent == "bob"


@pytest.mark.parametrize(
    ("standing", "kinds"),
    [
        (pull(10, review(CHANGES), author=by("bob")), ["takeover"]),
        (pull(10, review(Outcome.COMMENT), author=by("bob")), ["takeover"]),
        (pull(10, author=by("bob"), mergeable=False), ["takeover", "conflict"]),
    ],
)
def test_another_carries_on_where_an_author_left_off(standing: Pull, kinds: list[str]) -> None:
    (intent,) = wanted(action.scan, issue(), claim(agent="bob", until=0), standing, member())
    assert isinstance(intent, ClaimIssue)
    taken = intent.assignment
    assert (taken.start, taken.pull, taken.generation) == ("h1", None, 2)
    assert [feedback.kind for feedback in taken.feedback] == kinds
    assert taken.branch.startswith("ann/")
    if standing.verdict is not None:
        assert taken.feedback[0].text == standing.verdict.body


def test_the_same_agent_carries_on_in_its_own_pull_request() -> None:
    mine = pull(10, review(CHANGES), author=by("ann"))
    (intent,) = wanted(action.scan, issue(), claim(until=0), mine, member())
    assert isinstance(intent, ClaimIssue)
    assert intent.assignment.branch == mine.head_ref
    (intent,) = wanted(action.scan, issue(), claim(), mine, member())
    assert isinstance(intent, Dispatch)
    assert intent.assignment.pull == 10


def test_when_who_took_it_over_is_gone_too_somebody_else_does() -> None:
    """Even if the stale pull request looks fine: nothing of an earlier generation lands."""
    (intent,) = wanted(action.scan, issue(), claim(generation=2, until=0), pull(10, review()), member())
    assert isinstance(intent, ClaimIssue)
    assert intent.assignment.generation == 3


def test_what_is_about_to_go_to_a_human_is_not_begun_again() -> None:
    rounds = [review(CHANGES, commit=f"h{n}", id=n) for n in (1, 2, 3)]
    assert wanted(action.scan, issue(), claim(until=0), pull(10, *rounds, head="h3"), member()) == []


# ── supersede ──


def test_only_the_latest_pull_request_for_an_issue_stays() -> None:
    old, new = pull(10), pull(11, author=by("bob", generation=2))
    other = pull(12, author=by("cat", issue=2))
    (intent,) = wanted(action.supersede, issue(), issue(2), old, new, other)
    assert isinstance(intent, ClosePull)
    assert (intent.pull, intent.issue) == (old, 1)
    assert "#11" in intent.why


def test_a_pull_request_of_somebody_else_is_never_closed() -> None:
    foreign = pull(9).model_copy(update={"by": None})
    assert wanted(action.supersede, issue(), foreign, pull(10)) == []


# ── demand ──


@pytest.mark.parametrize(
    ("things", "expected"),
    [
        ((issue(1), issue(2)), (2, 0, 2, ())),
        ((issue(1), issue(2), member()), (2, 1, 1, ())),
        ((issue(1), issue(2), claim(), BUSY), (2, 1, 1, ())),
        ((issue(1), issue(2), member("a", state=AgentState.STARTING)), (2, 1, 1, ())),
        ((issue(1), member("a"), member("b")), (1, 2, 0, ("a",))),
        ((issue(1), claim(), BUSY, member("b")), (1, 2, 0, ("b",))),
        ((member("a"), member("b", side=Side.YANG)), (0, 2, 0, ("a", "b"))),
        ((issue(1), member("a", state=AgentState.STOPPING), member("b", state=AgentState.LOST)), (1, 0, 1, ())),
        ((issue(1), member("a", role=Role.REVIEWER)), (1, 0, 1, ())),
        ((), (0, 0, 0, ())),
    ],
)
def test_the_demand_for_authors(
    things: tuple[Issue | Claim | Member, ...], expected: tuple[int, int, int, tuple[str, ...]]
) -> None:
    found = action.demand(tick(*things))
    assert (found.workload, found.supply, found.deficit, found.surplus) == expected


def test_intents_for_the_same_wish_have_the_same_key() -> None:
    first, second = (wanted(action.scan, issue(), member())[0].key for _ in range(2))
    assert first == second == "claim/1/1"
