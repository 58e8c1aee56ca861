"""What the team shows to people and to the host's own gates: labels, assignees, statuses, an updated branch."""

from __future__ import annotations

import pytest

from loreli_ray.errors import Conflict, Refused
from loreli_ray.hub import Hub
from tests.hub.hub_kit import JUDGE, TEAM, House, by
from tests.hub.test_hub import issue, rest, submitted


async def test_labels_are_made_once(house: House, hub: Hub) -> None:
    rest(house, "POST", "/labels", name="Loreli:Risky", color="ffffff")
    for _ in range(2):
        await hub.ensure_labels(["loreli", "loreli:human", "loreli:risky"])
    names = [one["name"] for one in rest(house, "GET", "/labels")]
    assert {"loreli", "loreli:human", "Loreli:Risky"} <= set(names)
    assert len({name.casefold() for name in names}) == len(names)
    made = next(one for one in rest(house, "GET", "/labels") if one["name"] == "loreli:human")
    assert made["description"]


def labels(house: House, number: int) -> set[str]:
    return {one["name"] for one in rest(house, "GET", f"/issues/{number}")["labels"]}


async def test_labels_leave_those_of_people_alone(house: House, hub: Hub) -> None:
    number = issue(house, "One", labels=("loreli", "old"))
    before = hub.budget.paid
    await hub.relabel(number, add=["loreli:review", "new"])
    assert hub.budget.paid == before + 1
    rest(house, "POST", f"/issues/{number}/labels", labels=["loreli:human"])
    for _ in range(2):
        await hub.relabel(number, add=["loreli:working"], remove=["loreli:review", "never there"])
    assert labels(house, number) == {"loreli", "old", "new", "loreli:human", "loreli:working"}


async def test_nothing_is_shown_after_the_end(house: House, hub: Hub) -> None:
    """What was on its way when the issue landed comes too late; a new claim begins anew."""
    number = issue(house, "One", labels=("loreli", "loreli:review"))
    house.branch("kira/1-work", {"work.txt": "done\n"})
    pull = await hub.pull(await hub.submit_pull(head="kira/1-work", title="Work", body="Did it.", by=by(issue=number)))
    assert pull is not None
    await hub.merge(pull, title="Work", message="")
    await hub.settle(pull.number, issue=number, note="**landed**")
    await hub.show(number, add=["loreli:working"], assigned=True, note="**approved**")
    assert labels(house, number) == {"loreli"}
    (comment,) = rest(house, "GET", f"/issues/{number}/comments")
    assert comment["body"].startswith("**landed**")
    await hub.take_claim(number, agent="kira", generation=2, ttl=60, replaces=None)
    await hub.show(number, add=["loreli:working"])
    assert labels(house, number) == {"loreli", "loreli:working"}


async def test_assignees(house: House, hub: Hub) -> None:
    number = issue(house, "One")
    for _ in range(2):
        await hub.show(number, assigned=True)
    rest(house, "POST", f"/issues/{number}/assignees", assignees=[JUDGE])
    assert {one["login"] for one in rest(house, "GET", f"/issues/{number}")["assignees"]} == {TEAM, JUDGE}
    for _ in range(2):
        await hub.show(number, assigned=False)
    assert [one["login"] for one in rest(house, "GET", f"/issues/{number}")["assignees"]] == [JUDGE]


async def test_a_status_is_said_once_until_it_changes(house: House, hub: Hub) -> None:
    pull = await submitted(house, hub)
    long = "Approved by lee. " * 20
    for _ in range(2):
        await hub.status(pull.head, state="pending", context="loreli/review", description="In review")
    for _ in range(2):
        await hub.status(pull.head, state="success", context="loreli/review", description=long)
    await hub.status(pull.head, state="failure", context="loreli/risk", description="")
    said = rest(house, "GET", f"/commits/{pull.head}/statuses")
    assert [(one["context"], one["state"]) for one in said] == [
        ("loreli/risk", "failure"),
        ("loreli/review", "success"),
        ("loreli/review", "pending"),
    ]
    assert len(said[1]["description"]) == 140
    with pytest.raises(Refused):
        await hub.status("0" * 40, state="success", context="loreli/review", description="x")


async def test_a_branch_is_brought_up_to_date(house: House, hub: Hub) -> None:
    pull = await submitted(house, hub)
    await hub.update_branch(pull)  # there is nothing to bring
    assert rest(house, "GET", f"/pulls/{pull.number}")["head"]["sha"] == pull.head
    house.branch("main", {"base.txt": "base\n"})
    await hub.update_branch(pull)
    now = await hub.pull(pull.number)
    assert now is not None
    assert now.head != pull.head
    with pytest.raises(Conflict, match=f"#{pull.number}"):
        await hub.update_branch(pull)


async def test_a_branch_that_conflicts_is_not_brought_up_to_date(house: House, hub: Hub) -> None:
    pull = await submitted(house, hub, files={"README.md": "mine\n"})
    house.branch("main", {"README.md": "theirs\n"})
    with pytest.raises(Refused):
        await hub.update_branch(pull)
    assert pull.by == by()
