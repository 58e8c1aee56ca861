"""Whatever happens on the host, and whatever fails on the way: a hub that has watched sees what a new one sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random

import httpx
import pytest

from loreli_ray.errors import HubError
from loreli_ray.hub import Hub, markers
from loreli_ray.hub.poller import RELISTED
from loreli_ray.identity import Side
from loreli_ray.model import Outcome, Snapshot
from tests.hub.hub_kit import JUDGE, STRANGER, TEAM, House, by
from tests.hub.test_hub import issue, rest, submitted

STEPS = 45
PEOPLE = (TEAM, JUDGE, STRANGER)


class World:
    """What people and the team do on the host, drawn by chance. What the host refuses is no matter."""

    def __init__(self, house: House, hub: Hub, chance: Random) -> None:
        self.house = house
        self.hub = hub
        self.chance = chance
        self.count = 0

    async def change(self) -> None:
        deeds: list[Callable[[], object]] = [
            self.open_issue,
            self.comment,
            self.edit_comment,
            self.delete_comment,
            self.label,
            self.label,
            self.rewrite,
            self.rewrite,
            self.toggle,
            self.toggle,
            self.review,
            self.status,
            self.push,
            self.base,
            self.merge,
        ]
        with suppress(httpx.HTTPStatusError):
            self.chance.choice(deeds)()

    def number(self, kind: str = "issues") -> int:
        return self.chance.choice(rest(self.house, "GET", f"/{kind}?state=all"))["number"]

    def open_issue(self) -> None:
        labels = self.chance.choice([(), ("loreli",), ("loreli", "bug")])
        issue(self.house, "Issue", labels=labels, author=self.chance.choice(PEOPLE))

    def open_pull(self) -> None:
        self.count += 1
        branch, whose = f"kira/{self.count}-work", self.chance.choice([TEAM, TEAM, TEAM, JUDGE])
        self.house.branch(branch, {f"{branch.replace('/', '-')}.txt": "x\n"})
        marker = markers.render("pull", **by(issue=self.count).model_dump(mode="json"))
        body = f"Did it.\n\n{marker}"
        rest(self.house, "POST", "/pulls", login=whose, title="Work", head=branch, base="main", body=body)

    def comment(self) -> None:
        login = self.chance.choice(PEOPLE)
        rest(self.house, "POST", f"/issues/{self.number()}/comments", login=login, body=self.chance.choice("abc"))

    def edit_comment(self) -> None:
        rest(self.house, "PATCH", f"/issues/comments/{self.a_comment()}", body=self.chance.choice("def"))

    def delete_comment(self) -> None:
        rest(self.house, "DELETE", f"/issues/comments/{self.a_comment()}")

    def a_comment(self) -> int:
        found = rest(self.house, "GET", "/issues/comments")
        return self.chance.choice(found)["id"] if found else 0

    def label(self) -> None:
        labels = self.chance.choice([["loreli"], [], ["loreli", "bug"]])
        rest(
            self.house, "PUT", f"/issues/{self.number()}/labels", login=self.chance.choice([TEAM, JUDGE]), labels=labels
        )

    def rewrite(self) -> None:
        number = self.number()
        author = rest(self.house, "GET", f"/issues/{number}")["user"]["login"]
        field = self.chance.choice(["title", "body"])
        rest(self.house, "PATCH", f"/issues/{number}", login=author, **{field: self.chance.choice("xyz")})

    def toggle(self) -> None:
        rest(self.house, "PATCH", f"/issues/{self.number()}", state=self.chance.choice(["open", "closed"]))
        rest(self.house, "PATCH", f"/pulls/{self.number('pulls')}", state=self.chance.choice(["open", "closed"]))

    def review(self) -> None:
        number, event = self.number("pulls"), self.chance.choice(list(Outcome)).value
        if self.chance.random() < 0.5:
            rest(self.house, "POST", f"/pulls/{number}/reviews", login=JUDGE, event=event, body="Hm")
            return
        marker = markers.render("review", outcome=event, **by("lee", side=Side.YANG).model_dump(mode="json"))
        rest(self.house, "POST", f"/pulls/{number}/reviews", event="COMMENT", body=f"Hm\n\n{marker}")

    def status(self) -> None:
        sha = rest(self.house, "GET", f"/pulls/{self.number('pulls')}")["head"]["sha"]
        state, context = (
            self.chance.choice(["success", "pending", "failure"]),
            self.chance.choice(["ci", "loreli/review"]),
        )
        rest(self.house, "POST", f"/statuses/{sha}", state=state, context=context)

    def push(self) -> None:
        ref = rest(self.house, "GET", f"/pulls/{self.number('pulls')}")["head"]["ref"]
        self.house.branch(ref, {"more.txt": f"{self.chance.random()}\n"})

    def base(self) -> None:
        self.house.branch("main", {self.chance.choice(["more.txt", "other.txt"]): f"{self.chance.random()}\n"})

    def merge(self) -> None:
        rest(self.house, "PUT", f"/pulls/{self.number('pulls')}/merge")

    def fail(self) -> None:
        """From some request on, for some requests, the host does not answer as it should."""
        left, hits = self.chance.randrange(12), self.chance.choice([1, 3, 9])
        status = self.chance.choice([502, 502, 502, 429])

        def turns() -> Iterator[int | None]:
            yield from [None] * left
            yield from [status] * hits
            while True:
                yield None

        turn = turns()
        self.house.trouble.strikes = lambda method, path: next(turn)  # noqa: ARG005

    def heal(self) -> None:
        self.house.trouble.strike(None)


async def fresh(house: House, name: str) -> Snapshot:
    hub = house.hub(session=name)
    try:
        await hub.open()
        return await hub.snapshot()
    finally:
        await hub.close()


@pytest.mark.parametrize("seed", range(4))
async def test_a_hub_that_watched_sees_what_a_new_one_sees(still: House, seed: int) -> None:
    chance = Random(seed)
    hub = still.hub()
    try:
        await hub.open()
        world = World(still, hub, chance)
        for author in (TEAM, STRANGER):
            issue(still, "Issue", author=author, labels=())
        for _ in range(3):
            world.open_pull()
        failed = 0
        for step in range(STEPS):
            await world.change()
            still.clock.advance(chance.choice([0, 0, 0, 1, 4]))
            if chance.random() < 0.7:
                if chance.random() < 0.6:
                    world.fail()
                try:
                    if chance.random() < 0.2:
                        await hub.ring()
                    else:
                        failed += (await hub.snapshot()).stale
                except HubError:
                    failed += 1
                world.heal()
            if step % 15 == 14:
                still.clock.advance(700)  # past what the host asked to wait
                await _agree(still, hub, f"fresh-{step}")
        assert failed >= 3
        still.clock.advance(RELISTED)
        await _agree(still, hub, "last")
    finally:
        await hub.close()


async def _agree(house: House, hub: Hub, name: str) -> None:
    seen = await hub.snapshot()
    assert not seen.stale
    assert seen.model_dump(exclude={"at"}) == (await fresh(house, name)).model_dump(exclude={"at"})


async def test_what_half_a_look_dropped_comes_back(still: House) -> None:
    """All within one second, so that in the end the listing is what it was before."""
    hub = still.hub()
    try:
        await hub.open()
        number = (await submitted(still, hub)).number
        assert len((await hub.snapshot()).pulls) == 1
        rest(still, "PATCH", f"/pulls/{number}", state="closed")
        still.trouble.strike(403, at="/pulls")
        assert (await hub.snapshot()).stale
        still.trouble.strike(None)
        rest(still, "PATCH", f"/pulls/{number}", state="open")
        still.clock.advance(700)
        assert [pull.number for pull in (await hub.snapshot()).pulls] == [number]
    finally:
        await hub.close()
