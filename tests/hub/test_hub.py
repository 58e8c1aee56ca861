"""The hub against the embedded forge, over HTTP: what it sees, and what it writes at most once."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from loreli_ray.config import HubConfig
from loreli_ray.errors import Conflict, HubError, NotFound, RateLimited, Refused, Unavailable
from loreli_ray.forge import ForgeServer
from loreli_ray.hub import Hub, markers
from loreli_ray.identity import Side
from loreli_ray.model import Credentials, Outcome, Pull
from tests.hub.hub_kit import JUDGE, REPOSITORY, STRANGER, TEAM, Answer, Asked, House, Wire, by, forward


def issue(house: House, title: str, *, labels: tuple[str, ...] = ("loreli",), author: str = TEAM) -> int:
    return house.forge.create_issue(REPOSITORY, author=author, title=title, body=f"About {title}", labels=labels)


def rest(house: House, method: str, path: str, *, login: str = TEAM, **fields: Any) -> Any:
    with house.http(login) as http:
        answer = http.request(method, path, json=fields or None)
        answer.raise_for_status()
        return answer.json() if answer.content else None


async def submitted(
    house: House, hub: Hub, *, branch: str = "kira/1-work", files: dict[str, str] | None = None
) -> Pull:
    """A pull request of the team's."""
    house.branch(branch, files or {"work.txt": "done\n"})
    number = await hub.submit_pull(head=branch, title="Work", body="Did it.", by=by())
    pull = await hub.pull(number)
    assert pull is not None
    return pull


# ── opening ──


async def test_open_says_what_is_missing(house: House) -> None:
    hub = house.hub()
    with pytest.raises(HubError, match="not opened yet"):
        await hub.snapshot()
    lost = Hub(
        "team/nowhere",
        config=HubConfig(api_url=house.server.url),
        credentials=Credentials(token=house.forge.token(TEAM)),
        session="s",
        home=house.folder,
        clock=house.clock,
    )
    with pytest.raises(NotFound, match="team/nowhere: no such repository"):
        await lost.open()
    stranger = house.hub(token="wrong")
    with pytest.raises(Refused):
        await stranger.open()
    for one in (hub, lost, stranger):
        await one.close()


async def test_nothing_is_written_twice_before_it_is_opened(house: House, hub: Hub) -> None:
    """A hub that was just restarted may be asked before it knows its own accounts."""
    pull = await submitted(house, hub)
    reviewer = by("lee", side=Side.YANG)
    await hub.comment(pull.number, key="status", text="First.")
    await hub.submit_review(pull, outcome=Outcome.APPROVE, text="Fine.", comments=[], by=reviewer)
    early = house.hub()
    try:
        with pytest.raises(HubError, match="not opened yet"):
            await early.comment(pull.number, key="status", text="First.")
        with pytest.raises(HubError, match="not opened yet"):
            await early.submit_review(pull, outcome=Outcome.APPROVE, text="Fine.", comments=[], by=reviewer)
    finally:
        await early.close()
    assert len(rest(house, "GET", f"/issues/{pull.number}/comments")) == 1
    assert len(rest(house, "GET", f"/pulls/{pull.number}/reviews")) == 1


async def test_nothing_shows_the_token(house: House, hub: Hub) -> None:
    token = house.forge.token(TEAM)
    remote = await hub.push_remote()
    assert remote.url == house.remote
    for thing in (remote, Credentials(token=token, reviewer_token=token), remote.credential):
        assert token not in repr(thing)
        assert token not in str(thing)
        assert token not in f"{[thing]}"
    assert [path for path in (house.folder / "home-s").rglob("*") if path.is_file() and token in path.read_text()] == []


# ── the snapshot ──


async def test_snapshot(house: House, hub: Hub) -> None:
    first = issue(house, "One", author=STRANGER)
    second = issue(house, "Two", labels=("loreli", "bug"))
    issue(house, "Other", labels=("bug",))
    rest(house, "PATCH", f"/issues/{issue(house, 'Closed')}", state="closed")
    pull = await submitted(house, hub)
    house.branch("theirs", {"their.txt": "x\n"})
    theirs = rest(house, "POST", "/pulls", login=JUDGE, title="Theirs", head="theirs", base="main", draft=True)
    claim = await hub.take_claim(first, agent="kira", generation=3, ttl=60, replaces=None)

    seen = await hub.snapshot()
    assert (seen.repo, seen.at, seen.base) == (REPOSITORY, house.clock.now(), "main")
    assert seen.base_head == rest(house, "GET", "/git/ref/heads/main")["object"]["sha"]
    assert {one.number for one in seen.issues} == {first, second}
    one, two = seen.issue(first), seen.issue(second)
    assert one is not None
    assert two is not None
    assert (one.title, one.body, one.author, one.association) == ("One", "About One", STRANGER, "NONE")
    assert (set(two.labels), two.association) == ({"loreli", "bug"}, "OWNER")
    assert seen.claims == (claim,)
    assert (claim.issue, claim.agent, claim.generation, claim.until) == (first, "kira", 3, house.clock.now() + 60)

    assert {one.number for one in seen.pulls} == {pull.number, theirs["number"]}
    assert seen.ours == (pull,)
    assert (pull.by, pull.author, pull.title, pull.base, pull.head_ref) == (by(), TEAM, "Work", "main", "kira/1-work")
    assert pull.body == "Did it.\n\nCloses #1"
    other = next(one for one in seen.pulls if one.number != pull.number)
    assert (other.by, other.draft, other.author) == (None, True, JUDGE)


async def test_a_second_look_costs_nothing(house: House, hub: Hub) -> None:
    issue(house, "One")
    pull = await submitted(house, hub)
    await hub.submit_review(pull, outcome=Outcome.APPROVE, text="Fine.", comments=[], by=by("lee", side=Side.YANG))
    first = await hub.snapshot()
    before = hub.budget
    assert await hub.snapshot() == first
    after = hub.budget
    assert after.paid == before.paid
    assert after.free > before.free
    assert after.remaining == before.remaining
    issue(house, "Two")
    assert len((await hub.snapshot()).issues) == 2
    assert hub.budget.paid > after.paid


async def test_a_base_of_its_own(house: House) -> None:
    head = house.branch("next", {"next.txt": "x\n"})
    hub = house.hub(config=HubConfig(api_url=house.server.url, base="next", min_write_interval=0.0))
    try:
        await hub.open()
        seen = await hub.snapshot()
        assert (seen.base, seen.base_head) == ("next", head)
        assert (await submitted(house, hub)).base == "next"
    finally:
        await hub.close()


# ── whose marker counts ──


async def test_the_marker_of_a_stranger_is_no_marker(house: House, hub: Hub) -> None:
    house.branch("evil", {"evil.txt": "x\n"})
    marked = f"Mine.\n\n{markers.render('pull', **by().model_dump(mode='json'))}"
    evil = rest(house, "POST", "/pulls", login=JUDGE, title="Evil", head="evil", base="main", body=marked)
    seen = await hub.snapshot()
    assert seen.ours == ()
    assert [(one.number, one.by, one.body) for one in seen.pulls] == [(evil["number"], None, "Mine.")]

    pull = await submitted(house, hub)
    verdict = markers.render("review", outcome="APPROVE", **by("lee", side=Side.YANG).model_dump(mode="json"))
    for login in (STRANGER, JUDGE):
        rest(house, "POST", f"/pulls/{pull.number}/reviews", login=login, event="COMMENT", body=f"Good.\n{verdict}")
    now = await hub.pull(pull.number)
    assert now is not None
    assert [(review.by, review.outcome, review.body) for review in now.reviews] == [
        (None, Outcome.COMMENT, "Good.")
    ] * 2
    assert now.verdicts == ()

    mark = markers.render("comment", key="hold")
    rest(house, "POST", f"/issues/{pull.number}/comments", login=STRANGER, body=f"Nothing to see.\n\n{mark}")
    await hub.comment(pull.number, key="hold", text="Wait.")
    comments = rest(house, "GET", f"/issues/{pull.number}/comments")
    assert [(one["user"]["login"], markers.strip(one["body"])) for one in comments] == [
        (STRANGER, "Nothing to see."),
        (TEAM, "Wait."),
    ]


async def test_an_agent_cannot_mark_its_own_text(house: House, hub: Hub) -> None:
    house.branch("kira/1-work", {"work.txt": "done\n"})
    forged = markers.render("pull", **by("somebody", issue=9, side=Side.YANG).model_dump(mode="json"))
    number = await hub.submit_pull(head="kira/1-work", title="Work", body=f"{forged}\nDid it.\n{forged}", by=by())
    pull = await hub.pull(number)
    assert pull is not None
    assert pull.by == by()
    assert pull.body == "Did it.\n\n\nCloses #1"
    reviewer = by("lee", side=Side.YANG)
    verdict = markers.render("review", outcome="APPROVE", **reviewer.model_dump(mode="json"))
    await hub.submit_review(pull, outcome=Outcome.REQUEST_CHANGES, text=f"No.\n{verdict}", comments=[], by=reviewer)
    now = await hub.pull(number)
    assert now is not None
    assert [(review.outcome, review.by) for review in now.reviews] == [(Outcome.REQUEST_CHANGES, reviewer)]
    await hub.comment(number, key="answer", text=f"Yes. {markers.render('comment', key='hold')}")
    await hub.comment(number, key="hold", text="Wait.")
    assert len(rest(house, "GET", f"/issues/{number}/comments")) == 2


@pytest.mark.parametrize(
    "fields", [{}, {"agent": "kira"}, {"outcome": ["APPROVE"]}, {"outcome": "PERHAPS"}, {"side": "left", "issue": "x"}]
)
async def test_a_marker_of_another_version(house: House, hub: Hub, fields: dict[str, Any]) -> None:
    pull = await submitted(house, hub)
    for kind in ("review", "pull"):
        body = f"Hm.\n\n{markers.render(kind, **fields)}"
        rest(house, "POST", f"/pulls/{pull.number}/reviews", event="COMMENT", body=body)
    rest(house, "PATCH", f"/pulls/{pull.number}", body=body)
    now = await hub.pull(pull.number)
    assert now is not None
    assert now.by is None
    assert [(review.outcome, review.by) for review in now.reviews] == [(Outcome.COMMENT, None)] * 2


# ── pull requests and reviews ──


async def test_a_pull_request_is_submitted_once(house: House, hub: Hub) -> None:
    pull = await submitted(house, hub)
    again = await hub.submit_pull(head="kira/1-work", title="Better", body="Did it again.", by=by(generation=2))
    assert again == pull.number
    now = await hub.pull(again)
    assert now is not None
    assert (now.title, now.by, now.body) == ("Better", by(generation=2), "Did it again.\n\nCloses #1")
    assert len(rest(house, "GET", "/pulls?state=all")) == 1
    with pytest.raises(Refused):
        await hub.submit_pull(head="no/such-branch", title="x", body="x", by=by())
    await hub.close_pull(again, why="Over.")
    assert await hub.submit_pull(head="kira/1-work", title="Work", body="New.", by=by()) != again


@pytest.mark.parametrize("outcome", list(Outcome))
async def test_a_verdict_with_one_account(house: House, hub: Hub, outcome: Outcome) -> None:
    pull = await submitted(house, hub)
    reviewer = by("lee", side=Side.YANG)
    remarks = [{"path": "work.txt", "line": 1, "side": "RIGHT", "body": "Here."}]
    number = await hub.submit_review(pull, outcome=outcome, text="Reasons.", comments=remarks, by=reviewer)
    again = await hub.submit_review(pull, outcome=outcome, text="Reasons.", comments=remarks, by=reviewer)
    assert again == number
    posted = rest(house, "GET", f"/pulls/{pull.number}/reviews")
    assert [(one["id"], one["state"], one["commit_id"]) for one in posted] == [(number, "COMMENTED", pull.head)]
    assert [one["body"] for one in rest(house, "GET", f"/pulls/{pull.number}/comments")] == ["Here."]
    now = await hub.pull(pull.number)
    assert now is not None
    (review,) = now.reviews
    assert (review.outcome, review.body, review.by, review.commit) == (outcome, "Reasons.", reviewer, pull.head)
    assert now.verdict == review

    moved = house.branch("kira/1-work", {"work.txt": "better\n"})
    later = await hub.pull(pull.number)
    assert later is not None
    assert (later.head, later.verdict) == (moved, None)
    assert await hub.submit_review(later, outcome=outcome, text="Now.", comments=[], by=reviewer) != number


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome.APPROVE, "APPROVED"),
        (Outcome.REQUEST_CHANGES, "CHANGES_REQUESTED"),
        (Outcome.COMMENT, "COMMENTED"),
    ],
)
async def test_a_verdict_with_two_accounts(house: House, two: Hub, outcome: Outcome, state: str) -> None:
    pull = await submitted(house, two)
    for _ in range(2):
        await two.submit_review(pull, outcome=outcome, text="So.", comments=[], by=by("lee", side=Side.YANG))
    posted = rest(house, "GET", f"/pulls/{pull.number}/reviews")
    assert [(one["user"]["login"], one["state"]) for one in posted] == [(JUDGE, state)]
    now = await two.pull(pull.number)
    assert now is not None
    assert [(one.outcome, one.author) for one in now.reviews] == [(outcome, JUDGE)]


async def test_one_account_given_twice_is_one_account(house: House) -> None:
    hub = house.hub(reviewer=TEAM)
    try:
        await hub.open()
        pull = await submitted(house, hub)
        await hub.submit_review(pull, outcome=Outcome.APPROVE, text="So.", comments=[], by=by("lee", side=Side.YANG))
        now = await hub.pull(pull.number)
        assert now is not None
        assert now.verdict is not None
    finally:
        await hub.close()


async def test_a_remark_beside_the_change_is_a_part_of_the_review(house: House, hub: Hub) -> None:
    pull = await submitted(house, hub)
    remarks = [
        {"path": "README.md", "line": 900, "side": "RIGHT", "body": "Where?\nHere?"},
        {"path": "work.txt", "line": 1, "side": "RIGHT", "body": "There."},
    ]
    by_lee = by("lee", side=Side.YANG)
    number = await hub.submit_review(pull, outcome=Outcome.APPROVE, text="Fine.", comments=remarks, by=by_lee)
    (posted,) = rest(house, "GET", f"/pulls/{pull.number}/reviews")
    assert posted["id"] == number
    assert markers.strip(posted["body"]) == "Fine.\n\nBeside the diff:\n\n- `README.md:900`: Where?\n  Here?"
    assert [one["body"] for one in rest(house, "GET", f"/pulls/{pull.number}/comments")] == ["There."]
    now = await hub.pull(pull.number)
    assert now is not None
    assert now.approved


async def test_a_review_of_nothing_that_was_changed(house: House, hub: Hub) -> None:
    pull = await submitted(house, hub)
    remarks = [{"path": "README.md", "line": 900, "side": "RIGHT", "body": "Where?"}]
    await hub.submit_review(pull, outcome=Outcome.COMMENT, text="x", comments=remarks, by=by("lee"))
    assert rest(house, "GET", f"/pulls/{pull.number}/comments") == []
    assert len(rest(house, "GET", f"/pulls/{pull.number}/reviews")) == 1


# ── merging and tidying up ──


async def test_merge(house: House, hub: Hub) -> None:
    number = issue(house, "One")
    pull = await submitted(house, hub)
    assert await hub.merged_as(pull.number) is None
    commit = await hub.merge(pull, title="Land it", message=f"Closes #{number}")
    assert await hub.merged_as(pull.number) == commit
    assert await hub.merge(pull, title="Land it", message="again") == commit
    assert await hub.pull(pull.number) is None
    seen = await hub.snapshot()
    assert (seen.base_head, seen.pulls) == (commit, ())
    assert rest(house, "GET", f"/git/commits/{commit}")["message"].splitlines()[0] == "Land it"


async def test_only_the_head_that_was_seen_is_merged(house: House, hub: Hub) -> None:
    pull = await submitted(house, hub)
    house.branch("kira/1-work", {"more.txt": "more\n"})
    with pytest.raises(Conflict):
        await hub.merge(pull, title="x", message="x")
    now = await hub.pull(pull.number)
    assert now is not None
    await hub.merge(now, title="x", message="x")
    with pytest.raises((Conflict, Refused)):
        await hub.merge(pull, title="x", message="x")


async def test_what_conflicts_is_not_merged(house: House, hub: Hub) -> None:
    pull = await submitted(house, hub, files={"README.md": "mine\n"})
    house.branch("main", {"README.md": "theirs\n"})
    with pytest.raises(Refused) as caught:
        await hub.merge(pull, title="x", message="x")
    assert caught.value.status == 405
    now = await hub.pull(pull.number)
    assert now is not None
    assert now.mergeable is False


@pytest.mark.parametrize("reached", [True, False])
async def test_a_merge_without_an_answer(house: House, hub: Hub, reached: bool) -> None:
    pull = await submitted(house, hub)

    def respond(asked: Asked) -> Answer | None:
        if asked.method == "PUT":
            if reached:
                forward(asked, to=house.server.url)
            return None
        return forward(asked, to=house.server.url)

    with Wire(respond, clock=house.clock) as wire:
        cut = house.hub(config=HubConfig(api_url=wire.url, min_write_interval=0.0))
        try:
            await cut.open()
            if reached:
                assert await cut.merge(pull, title="x", message="x") == (await hub.snapshot()).base_head
            else:
                with pytest.raises(Unavailable):
                    await cut.merge(pull, title="x", message="x")
        finally:
            await cut.close()
    landed = [one["commit"]["message"] for one in rest(house, "GET", "/commits")]
    assert landed.count("x\n\nx") + landed.count("x") == (1 if reached else 0)


async def test_a_comment_is_there_once(house: House, hub: Hub) -> None:
    number = issue(house, "One")
    for text in ("First.", "First.", "Second."):
        await hub.comment(number, key="status", text=text)
    await hub.comment(number, key="other", text="First.")
    comments = rest(house, "GET", f"/issues/{number}/comments")
    assert [markers.strip(one["body"]) for one in comments] == ["Second.", "First."]
    assert len({one["id"] for one in comments}) == 2


async def test_hold_and_close(house: House, hub: Hub) -> None:
    number = issue(house, "One")
    for _ in range(2):
        await hub.hold(number, why="A human is needed.")
    seen = (await hub.snapshot()).issue(number)
    assert seen is not None
    assert set(seen.labels) == {"loreli", "loreli:human"}
    assert len(rest(house, "GET", f"/issues/{number}/comments")) == 1
    assert await hub.issue_open(number)
    for _ in range(2):
        await hub.close_issue(number)
    assert not await hub.issue_open(number)

    pull = await submitted(house, hub)
    for _ in range(2):
        await hub.close_pull(pull.number, why="Nobody will finish it.")
    assert await hub.pull(pull.number) is None
    assert len(rest(house, "GET", f"/issues/{pull.number}/comments")) == 1


async def test_a_branch_is_deleted_once(house: House, hub: Hub) -> None:
    house.branch("kira/1-wörk", {"work.txt": "done\n"})
    for _ in range(2):
        await hub.delete_branch("kira/1-wörk")
    with pytest.raises(httpx.HTTPStatusError):
        rest(house, "GET", "/git/ref/heads/kira/1-wörk")


async def test_a_token_that_may_only_read(house: House) -> None:
    number = issue(house, "One")
    hub = house.hub(token=house.forge.token(STRANGER))
    try:
        await hub.open()
        assert len((await hub.snapshot()).issues) == 1
        with pytest.raises(Refused):
            await hub.close_issue(number)
        with pytest.raises(Refused):
            await hub.take_claim(number, agent="kira", generation=1, ttl=60, replaces=None)
    finally:
        await hub.close()


async def test_many_pages(house: House, hub: Hub) -> None:
    for n in range(105):
        issue(house, f"Issue {n}")
    assert len((await hub.snapshot()).issues) == 105


async def test_the_limit_is_used_up(house: House) -> None:
    number = issue(house, "One")
    with ForgeServer(house.forge, rate_limit=4) as server:
        hub = house.hub(config=HubConfig(api_url=server.url))
        try:
            await hub.open()
            assert await hub.issue_open(number)
            assert hub.budget.remaining == 0
            with pytest.raises(RateLimited):
                await hub.pull(number)
            assert (await hub.snapshot()).stale
        finally:
            await hub.close()


async def test_a_host_of_another_kind(house: House) -> None:
    """GitHub Enterprise has its API beneath a path."""
    hub = house.hub(config=HubConfig(api_url=f"{house.server.url}/api/v3"))
    try:
        await hub.open()
        assert hub.base == "main"
        assert json.loads((await hub.push_remote()).model_dump_json())["username"] == "x-access-token"
    finally:
        await hub.close()


async def test_a_restart_while_nothing_may_be_asked(house: House, hub: Hub) -> None:
    """Git is asked all the same, so the claims are kept."""
    number = issue(house, "One")
    claim = await hub.take_claim(number, agent="kira", generation=1, ttl=60, replaces=None)
    with ForgeServer(house.forge, rate_limit=1) as poor:
        config = HubConfig(api_url=poor.url, patience=0.0)
        again = house.hub(config=config)
        never = house.hub(config=config, session="another")
        try:
            with pytest.raises(RateLimited):
                await never.open()
            await again.open()
            seen = await again.snapshot()
            assert (seen.stale, seen.issues, [one.oid for one in seen.claims]) == (True, (), [claim.oid])
            assert (await again.renew_claim(claim, ttl=600)).until > claim.until
        finally:
            await again.close()
            await never.close()
