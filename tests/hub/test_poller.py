"""The poller against the forge: what each change costs, and that none is missed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from loreli_ray.config import HubConfig
from loreli_ray.hub import Hub
from loreli_ray.hub.poller import RELISTED, SETTLED
from loreli_ray.identity import Side
from loreli_ray.model import CheckState, Issue, Outcome, Pull, Snapshot
from tests.forge.app_kit import Key
from tests.hub.hub_kit import JUDGE, STRANGER, TEAM, Answer, Asked, House, Wire, by, forward
from tests.hub.test_hub import issue, rest, submitted


@pytest.fixture
def house(still: House) -> House:
    return still


async def settled(house: House, hub: Hub) -> Snapshot:
    """What is seen once the second of the last change is surely over."""
    await hub.snapshot()
    house.clock.advance(SETTLED + 1)
    return await hub.snapshot()


async def cost(house: House, hub: Hub, change: Callable[[], object]) -> int:
    """The paid requests for a change, until everything rests again."""
    await settled(house, hub)
    before = hub.budget.paid
    house.clock.advance(5)
    change()
    await settled(house, hub)
    return hub.budget.paid - before


async def seen_issue(hub: Hub, number: int) -> Issue:
    found = (await hub.snapshot()).issue(number)
    assert found is not None
    return found


async def seen_pull(hub: Hub, number: int) -> Pull:
    return next(pull for pull in (await hub.snapshot()).pulls if pull.number == number)


# ── what it costs ──


async def test_nothing_moves_and_nothing_is_paid(house: House, hub: Hub) -> None:
    for n in range(3):
        rest(house, "POST", f"/issues/{issue(house, f'Issue {n}')}/comments", body="Hello")
    pull = await submitted(house, hub)
    await hub.submit_review(pull, outcome=Outcome.APPROVE, text="Fine.", comments=[], by=by("lee", side=Side.YANG))
    first, before = await settled(house, hub), hub.budget
    for _ in range(60):
        house.clock.advance(RELISTED / 100)
        assert not await hub.ring()
        assert (await hub.snapshot()).model_copy(update={"at": first.at}) == first
    after = hub.budget
    assert (after.paid, after.remaining) == (before.paid, before.remaining)
    # The bells twice, and for the team's pull request its checks, its statuses and how far behind it is.
    assert after.free - before.free == 60 * (2 + 2 + 3)


async def test_a_bell_costs_nothing_and_tells_once(house: House, hub: Hub) -> None:
    issue(house, "One")
    assert await hub.ring()  # nothing is known yet
    await settled(house, hub)
    before = hub.budget.paid
    assert not await hub.ring()
    assert hub.budget.paid == before
    house.clock.advance(5)
    number = issue(house, "Two")
    assert await hub.ring()
    assert not await hub.ring()
    assert (await hub.snapshot()).issue(number) is not None


async def test_what_a_change_costs(house: House, hub: Hub) -> None:
    for n in range(30):
        issue(house, f"Issue {n}")
    pull = await submitted(house, hub)
    number = issue(house, "One")
    stranger = issue(house, "Theirs", labels=(), author=STRANGER)

    def post(path: str, **fields: Any) -> Callable[[], object]:
        return lambda: rest(house, "POST", path, **fields)

    assert await cost(house, hub, lambda: None) == 0
    assert (
        await cost(house, hub, lambda: issue(house, "New")) == 2
    )  # both bells: the other one tells how many issues are open
    assert await cost(house, hub, post(f"/issues/{number}/comments", body="Hm")) == 2  # and its comments
    assert await cost(house, hub, post(f"/issues/{number}/labels", labels=["bug"])) == 1
    # Both bells, the pull request, and its comments.
    assert await cost(house, hub, post(f"/issues/{pull.number}/comments", body="Hm")) == 4
    # Both bells, the pull request; the checks and statuses of another commit.
    assert await cost(house, hub, lambda: house.branch("kira/1-work", {"more.txt": "x\n"})) == 5
    # The pull request, for it may be in conflict now.
    assert await cost(house, hub, lambda: house.branch("main", {"base.txt": "x\n"})) <= 3
    assert await cost(house, hub, lambda: rest(house, "PATCH", f"/issues/{number}", state="closed")) == 2
    # The bell, its events, whether the adopter may, and twice (it is looked at again) who edited it since.
    assert await cost(house, hub, post(f"/issues/{stranger}/labels", labels=["loreli"])) == 5


# ── what moves ──


async def test_in_the_very_second_of_the_last_look(house: House, hub: Hub) -> None:
    number = issue(house, "One")
    pull = await submitted(house, hub)
    assert (await seen_issue(hub, number)).comments == ()
    rest(house, "PATCH", f"/issues/{number}", body="Better")
    said = rest(house, "POST", f"/issues/{number}/comments", body="First")
    assert [one.body for one in (await seen_issue(hub, number)).comments] == ["First"]
    rest(house, "PATCH", f"/issues/comments/{said['id']}", body="Second")  # the bell has nothing to tell of this
    rest(house, "POST", f"/pulls/{pull.number}/reviews", login=JUDGE, event="COMMENT", body="Hm")
    house.clock.advance(SETTLED)
    one = await seen_issue(hub, number)
    assert (one.body, [comment.body for comment in one.comments]) == ("Better", ["Second"])
    assert [review.body for review in (await seen_pull(hub, pull.number)).reviews] == ["Hm"]


async def test_an_issue_comes_and_goes(house: House, hub: Hub) -> None:
    number = issue(house, "One", labels=())
    changes: list[tuple[str, str, dict[str, Any], bool]] = [
        ("GET", "", {}, False),
        ("POST", "/labels", {"labels": ["loreli"]}, True),
        ("DELETE", "/labels/loreli", {}, False),
        ("PUT", "/labels", {"labels": ["bug", "loreli"]}, True),
        ("PATCH", "", {"state": "closed"}, False),
        ("PATCH", "", {"state": "open"}, True),
        ("PATCH", "", {"title": "Other", "body": None}, True),
    ]
    for method, path, fields, there in changes:
        rest(house, method, f"/issues/{number}{path}", **fields)
        for _ in range(2):
            assert ((await hub.snapshot()).issue(number) is not None) is there, (method, path)
            house.clock.advance(5)
    one = await seen_issue(hub, number)
    assert (one.title, one.body, set(one.labels)) == ("Other", "", {"bug", "loreli"})


async def test_to_the_host_case_makes_no_difference_in_labels(house: House, hub: Hub) -> None:
    rest(house, "PATCH", "/labels/loreli", new_name="Loreli")
    rest(house, "POST", "/labels", name="LORELI:Human", color="ffffff")
    number = issue(house, "One", labels=("loreli", "loreli:human"))
    assert {one["name"] for one in rest(house, "GET", f"/issues/{number}")["labels"]} == {"Loreli", "LORELI:Human"}
    assert set((await seen_issue(hub, number)).labels) == {"loreli", "loreli:human"}


@pytest.mark.parametrize("pause", [0, 5])
async def test_comments(house: House, hub: Hub, pause: int) -> None:
    number = issue(house, "One")
    await hub.snapshot()
    house.clock.advance(pause)
    first, second = (rest(house, "POST", f"/issues/{number}/comments", body=text) for text in "ab")
    assert [one.body for one in (await seen_issue(hub, number)).comments] == ["a", "b"]
    house.clock.advance(pause)
    rest(house, "PATCH", f"/issues/comments/{first['id']}", body="A")
    rest(house, "POST", f"/issues/{number}/comments", login=STRANGER, body="c")
    await hub.comment(number, key="status", text="Ours")
    told = await seen_issue(hub, number)
    assert [(one.body, one.author, one.association) for one in told.comments] == [
        ("A", TEAM, "OWNER"),
        ("b", TEAM, "OWNER"),
        ("c", STRANGER, "NONE"),
    ]
    assert [(note.key, note.body) for note in told.notes] == [("status", "Ours")]
    for one in rest(house, "GET", f"/issues/{number}/comments"):
        house.clock.advance(pause)
        rest(house, "DELETE", f"/issues/comments/{one['id']}")
    gone = await seen_issue(hub, number)
    assert (gone.comments, gone.notes, second["body"]) == ((), (), "b")


async def test_reviews_and_whose_their_remarks_are(house: House, hub: Hub) -> None:
    pull = await submitted(house, hub, files={"work.txt": "one\ntwo\n"})
    remarks = [{"path": "work.txt", "line": line, "body": f"line {line}"} for line in (1, 2)]
    for login, line in ((JUDGE, 0), (STRANGER, 1)):
        fields = {"event": "REQUEST_CHANGES", "body": f"by {login}", "comments": remarks[line : line + 1]}
        rest(house, "POST", f"/pulls/{pull.number}/reviews", login=login, **fields)
    lee = by("lee", side=Side.YANG)
    await hub.submit_review(pull, outcome=Outcome.APPROVE, text="ours", comments=remarks, by=lee)
    reviews = (await seen_pull(hub, pull.number)).reviews
    assert [
        (one.author, one.outcome, one.body, one.by, [(r.path, r.line, r.body, r.author) for r in one.remarks])
        for one in reviews
    ] == [
        (JUDGE, Outcome.REQUEST_CHANGES, f"by {JUDGE}", None, [("work.txt", 1, "line 1", JUDGE)]),
        (STRANGER, Outcome.REQUEST_CHANGES, f"by {STRANGER}", None, [("work.txt", 2, "line 2", STRANGER)]),
        (TEAM, Outcome.APPROVE, "ours", lee, [("work.txt", 1, "line 1", TEAM), ("work.txt", 2, "line 2", TEAM)]),
    ]
    assert all(one.at == house.clock.now() for one in reviews)
    house.clock.advance(5)
    rest(house, "PUT", f"/pulls/{pull.number}/reviews/{reviews[0].id}/dismissals", message="It is fine now")
    assert [one.author for one in (await seen_pull(hub, pull.number)).reviews] == [STRANGER, TEAM]


async def test_a_pull_request_moves(house: House, hub: Hub) -> None:
    pull = await submitted(house, hub)
    assert await seen_pull(hub, pull.number) == pull
    house.clock.advance(5)
    head = house.branch("kira/1-work", {"more.txt": "x\n"})
    assert (await seen_pull(hub, pull.number)).head == head
    house.clock.advance(5)
    rest(house, "PATCH", f"/pulls/{pull.number}", state="closed")
    assert (await hub.snapshot()).pulls == ()
    rest(house, "PATCH", f"/pulls/{pull.number}", state="open")  # in the very second
    assert (await seen_pull(hub, pull.number)).head == head
    house.clock.advance(5)
    rest(house, "PATCH", f"/pulls/{pull.number}", body="No marker any more")
    now = await seen_pull(hub, pull.number)
    assert (now.by, now.body) == (None, "No marker any more")
    house.clock.advance(5)
    assert await hub.submit_pull(head="kira/1-work", title="Work", body="Did it.", by=by()) == pull.number
    assert (await seen_pull(hub, pull.number)).by == by()
    house.branch("theirs", {"their.txt": "x\n"})
    theirs = rest(house, "POST", "/pulls", login=JUDGE, title="Theirs", head="theirs", base="main", draft=True)
    assert (await seen_pull(hub, theirs["number"])).draft


async def test_the_base_moves_on(house: House, hub: Hub) -> None:
    pull = await submitted(house, hub, files={"README.md": "mine\n"})
    lee = by("lee", side=Side.YANG)
    house.branch("main", {"base.txt": "1\n"})
    now = await seen_pull(hub, pull.number)
    assert (now.mergeable, now.behind) == (True, False)  # nobody needs to know before it is approved
    await hub.submit_review(pull, outcome=Outcome.APPROVE, text="Fine.", comments=[], by=lee)
    now = (await settled(house, hub)).ours[0]
    assert (now.mergeable, now.behind, now.approved) == (True, True, True)
    await hub.update_branch(now)
    now = (await settled(house, hub)).ours[0]
    assert (now.behind, now.approved, now.last_verdict is not None) == (False, False, True)
    house.branch("main", {"README.md": "theirs\n"})
    assert (await settled(house, hub)).ours[0].mergeable is False
    house.branch("main", {"README.md": "one\ntwo\nthree\n"})
    assert (await settled(house, hub)).ours[0].mergeable is True


async def test_no_listing_tells_that_the_base_moved(house: House, hub: Hub) -> None:
    """On GitHub a pull request names the base that it had when its head was last pushed."""
    await submitted(house, hub, files={"README.md": "mine\n"})

    def respond(asked: Asked) -> Answer:
        answer = forward(asked, to=house.server.url)
        if "/pulls?" not in asked.path:
            return answer
        pulls = json.loads(answer.body)
        for pull in pulls:
            pull["base"]["sha"] = "0" * 40
        return Answer(200, json.dumps(pulls).encode())

    with Wire(respond, clock=house.clock) as wire:
        late = house.hub(session="late", config=HubConfig(api_url=wire.url))
        try:
            await late.open()
            assert (await settled(house, late)).ours[0].mergeable is True
            house.branch("main", {"README.md": "theirs\n"})
            assert (await settled(house, late)).ours[0].mergeable is False
        finally:
            await late.close()


async def test_what_need_not_be_up_to_date_is_never_behind(house: House) -> None:
    hub = house.hub(config=HubConfig(api_url=house.server.url, min_write_interval=0.0, up_to_date=False))
    try:
        await hub.open()
        pull = await submitted(house, hub)
        lee = by("lee", side=Side.YANG)
        await hub.submit_review(pull, outcome=Outcome.APPROVE, text="Fine.", comments=[], by=lee)
        house.branch("main", {"base.txt": "1\n"})
        assert not (await hub.snapshot()).ours[0].behind
    finally:
        await hub.close()


async def test_whether_it_can_be_merged_is_asked_until_it_is_known(house: House, hub: Hub) -> None:
    """GitHub reckons it after it was asked for the first time."""
    pull = await submitted(house, hub)
    unknown = True

    def respond(asked: Asked) -> Answer:
        answer = forward(asked, to=house.server.url)
        if unknown and asked.path.endswith(f"/pulls/{pull.number}"):
            return Answer(200, json.dumps({**json.loads(answer.body), "mergeable": None}).encode())
        return answer

    with Wire(respond, clock=house.clock) as wire:
        late = house.hub(session="late", config=HubConfig(api_url=wire.url))
        try:
            await late.open()
            for _ in range(3):
                assert (await settled(house, late)).ours[0].mergeable is None
            unknown = False
            assert (await late.snapshot()).ours[0].mergeable is True
        finally:
            await late.close()


# ── checks ──


@pytest.fixture
def ci(house: House) -> Callable[..., int]:
    """Reports a check run as an app; its id."""
    key = Key.make()
    app = house.forge.add_app("ci", public_key=key.public, account=TEAM)
    token, _ = house.forge.apps.new_token(house.forge.apps.installation(app))

    def report(sha: str, name: str, **fields: Any) -> int:
        with house.http(TEAM) as http:
            fields |= {"name": name, "head_sha": sha}
            answer = http.post("/check-runs", json=fields, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 201, answer.text
            return answer.json()["id"]

    return report


GREEN, RED, PENDING = CheckState.GREEN, CheckState.RED, CheckState.PENDING


@pytest.mark.parametrize(
    ("conclusion", "state"),
    [
        ("success", GREEN),
        ("neutral", GREEN),
        ("skipped", GREEN),
        ("failure", RED),
        ("cancelled", RED),
        ("timed_out", RED),
        ("action_required", RED),
    ],
)
async def test_a_check_run(house: House, hub: Hub, ci: Callable[..., int], conclusion: str, state: CheckState) -> None:
    pull = await submitted(house, hub)
    assert (await seen_pull(hub, pull.number)).checks.state is CheckState.NONE
    for status in ("queued", "in_progress"):
        ci(pull.head, "test", status=status, started_at="2023-11-14T00:00:00Z")
        checks = (await seen_pull(hub, pull.number)).checks
        assert (checks.state, checks.since) == (PENDING, 1_699_920_000.0)
    output = {"title": "3 tests", "summary": "x" * 5000 + "\u202e"}
    ci(pull.head, "test", status="completed", conclusion=conclusion, output=output)
    checks = (await seen_pull(hub, pull.number)).checks
    assert (checks.state, checks.since, [run.name for run in checks.runs]) == (state, None, ["test"])
    assert checks.runs[0].said.startswith(f"{conclusion}\n3 tests\nxxx")
    assert len(checks.runs[0].said) < 2200
    assert len(checks.failed) == (state is RED)


@pytest.mark.parametrize(
    ("said", "state"), [("success", GREEN), ("pending", PENDING), ("failure", RED), ("error", RED)]
)
async def test_a_status(house: House, hub: Hub, said: str, state: CheckState) -> None:
    pull = await submitted(house, hub)
    rest(house, "POST", f"/statuses/{pull.head}", state="success", context="lint")
    rest(house, "POST", f"/statuses/{pull.head}", state=said, context="test", description="so", target_url="http://ci")
    checks = (await seen_pull(hub, pull.number)).checks
    assert checks.state is state
    (test,) = (run for run in checks.runs if run.name == "test")
    assert (test.state, test.said, test.url) == (state, "so", "http://ci")
    assert checks.since == (house.clock.now() if state is PENDING else None)


async def test_the_verdict_is_no_check(house: House, hub: Hub) -> None:
    pull = await submitted(house, hub)
    await hub.status(pull.head, state="failure", context="loreli/review", description="No")
    now = await seen_pull(hub, pull.number)
    assert (now.checks.state, now.stamp) == (CheckState.NONE, RED)


@pytest.mark.parametrize("by_protection", [True, False])
async def test_a_required_check_that_never_began(house: House, by_protection: bool) -> None:
    wanted = () if by_protection else ("test", "loreli/review")
    if by_protection:
        required = {"strict": False, "contexts": ["test", "loreli/review"]}
        rules: dict[str, Any] = {"enforce_admins": False, "required_pull_request_reviews": None, "restrictions": None}
        rest(house, "PUT", "/branches/main/protection", required_status_checks=required, **rules)
    config = HubConfig(api_url=house.server.url, min_write_interval=0.0, required_checks=wanted)
    for reviewer in (None, JUDGE):
        hub = house.hub(config=config, reviewer=reviewer, session=f"s{reviewer}")
        try:
            await hub.open()
            branch = f"kira/1-{reviewer}"
            pull = await submitted(house, hub, branch=branch, files={f"{reviewer}.txt": "x\n"})
            seen = await hub.snapshot()
            now = next(one for one in seen.pulls if one.number == pull.number)
            assert seen.stamped  # the host, or who configured it, asks for the verdict as a status
            assert (now.checks.state, [run.name for run in now.checks.runs]) == (PENDING, ["test"])
            rest(house, "POST", f"/statuses/{pull.head}", state="success", context="test")
            assert (await seen_pull(hub, pull.number)).checks.state is GREEN
        finally:
            await hub.close()


# ── merged ones, many changes, what is out of sight ──


async def test_what_was_merged(house: House, hub: Hub) -> None:
    mine, other = await submitted(house, hub), await submitted(house, hub, branch="b", files={"b.txt": "b\n"})
    house.branch("theirs", {"their.txt": "x\n"})
    theirs = rest(house, "POST", "/pulls", login=JUDGE, title="Theirs", head="theirs", base="main")["number"]
    await hub.snapshot()
    for number in (mine.number, theirs):
        rest(house, "PUT", f"/pulls/{number}/merge")
    rest(house, "PATCH", f"/pulls/{other.number}", state="closed")
    for one in (await hub.snapshot(), await settled(house, hub)):
        assert [(merged.number, merged.by) for merged in one.merged] == [(mine.number, by())]
        assert one.pulls == ()


@pytest.mark.parametrize("changed", [49, 50, 120])
async def test_many_changes_between_two_looks(house: House, hub: Hub, changed: int) -> None:
    numbers = [issue(house, f"Issue {n}") for n in range(130)]
    await settled(house, hub)
    house.clock.advance(5)
    for number in numbers[:changed]:
        rest(house, "POST", f"/issues/{number}/comments", body="Hm")
    closed = numbers[changed]
    rest(house, "PATCH", f"/issues/{closed}", state="closed")
    seen = await hub.snapshot()
    assert sum(len(one.comments) for one in seen.issues) == changed
    assert len(seen.issues) == 129
    assert seen.issue(closed) is None


async def test_what_goes_out_of_sight_without_a_word(house: House, hub: Hub) -> None:
    gone, stays = issue(house, "One"), issue(house, "Two")
    await settled(house, hub)
    with sqlite3.connect(house.folder / "data" / "forge.db") as database:  # as when it is moved to another repository
        for table in ("events", "issue_labels"):
            database.execute(f"DELETE FROM {table} WHERE issue_id = (SELECT id FROM issues WHERE number = ?)", [gone])
        database.execute("DELETE FROM issues WHERE number = ?", [gone])
    database.close()
    await hub.snapshot()
    house.clock.advance(RELISTED)
    assert [one.number for one in (await hub.snapshot()).issues] == [stays]


# ── while the host gives no answer ──


async def test_the_last_look_is_told_again(house: House, hub: Hub) -> None:
    number = issue(house, "One")
    first = await settled(house, hub)
    house.clock.advance(5)
    for status in (502, 429):
        house.trouble.strike(status)
        claim = await hub.claim(number) or await hub.take_claim(number, agent="a", generation=1, ttl=9e9, replaces=None)
        told = await hub.snapshot()
        assert told.stale
        assert (told.issues, told.claims) == (first.issues, (claim,))
        house.clock.advance(1000)
    house.trouble.strike(None)
    rest(house, "POST", f"/issues/{number}/comments", body="Hm")
    now = await hub.snapshot()
    assert (now.stale, len(now.issues[0].comments)) == (False, 1)


@pytest.mark.parametrize("missing", ["/pulls", "/comments", "/events", "/check-runs", "/branches/main"])
async def test_half_a_first_look_is_none(house: House, hub: Hub, missing: str) -> None:
    number = issue(house, "One", author=STRANGER)
    rest(house, "POST", f"/issues/{number}/comments", body="Hm")
    await submitted(house, hub)
    house.trouble.strike(502, at=missing)
    for _ in range(2):
        assert (await hub.snapshot()).stale
        assert await hub.ring()
    house.trouble.strike(None)
    seen = await hub.snapshot()
    assert not seen.stale
    assert len(seen.issues[0].comments) == 1
