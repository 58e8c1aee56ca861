"""Claims over git's smart HTTP: one winner, whatever races, fails or lies about."""

from __future__ import annotations

import asyncio
import json
import socket
import sys

import pytest

from loreli_ray.config import ClaimsConfig
from loreli_ray.errors import Conflict, HubError, NotFound, Refused, Unavailable
from loreli_ray.git import git
from loreli_ray.hub import Claims
from loreli_ray.hub.namespace import PREFERRED as ROOT
from loreli_ray.model import Claim
from loreli_ray.policy.claims import free
from tests.hub.hub_kit import STRANGER, Answer, Asked, House, Wire, forward


@pytest.fixture
async def claims(house: House) -> Claims:
    opened = house.claims()
    await opened.open()
    return opened


async def take(claims: Claims, issue: int = 1, *, agent: str = "kira", replaces: Claim | None = None) -> Claim:
    generation = replaces.generation + 1 if replaces else 1
    return await claims.take(issue, agent=agent, generation=generation, until=100.0, replaces=replaces)


async def test_a_claim_from_beginning_to_end(house: House, claims: Claims) -> None:
    head = git("rev-parse", "main", cwd=house.bare)
    assert await claims.read("main") == ((), head)
    assert await claims.get(7) is None
    first = await take(claims, 7)
    assert (first.issue, first.session, first.agent, first.generation, first.until) == (7, "s", "kira", 1, 100.0)
    assert first.held(99.9)
    assert not first.held(100.0)
    renewed = await claims.renew(first, until=200.0)
    assert renewed == first.model_copy(update={"until": 200.0, "oid": renewed.oid})
    assert await claims.get(7) == renewed
    released = await claims.release(renewed)
    assert (released.until, released.generation) == (0.0, 1)
    second = await take(claims, 7, agent="lee", replaces=released)
    assert (second.agent, second.generation) == ("lee", 2)
    other = await take(claims, 12)
    assert await claims.read("main") == ((second, other), head)
    await claims.remove(second)
    assert await claims.read("main") == ((other,), head)
    assert git("for-each-ref", "--format=%(refname)", "refs/loreli", cwd=house.bare).split() == [
        f"{ROOT}/claims/12",
        f"{ROOT}/landing",
    ]
    assert (await take(claims, 7)).generation == 1


async def test_all_see_the_same(house: House, claims: Claims) -> None:
    other = house.claims("other", session="t")
    await other.open()
    await other.open()
    mine = await take(claims, 1)
    theirs = await take(other, 2)
    assert theirs.session == "t"
    assert (await claims.read("main"))[0] == (await other.read("main"))[0] == (mine, theirs)
    assert await other.get(1) == mine


async def test_the_loser_is_told(house: House, claims: Claims) -> None:
    other = house.claims("other")
    await other.open()
    first = await take(claims)
    with pytest.raises(Conflict, match="issue #1"):
        await take(other)
    renewed = await claims.renew(first, until=200.0)
    for lost in (
        other.renew(first, until=300.0),
        other.release(first),
        other.remove(first),
        take(other, replaces=first),
        take(other),
    ):
        with pytest.raises(Conflict):
            await lost
    assert await other.get(1) == renewed
    await claims.remove(renewed)
    for lost in (claims.renew(renewed, until=300.0), claims.remove(renewed), take(claims, replaces=renewed)):
        with pytest.raises(Conflict):
            await lost


async def test_two_that_say_the_same_are_still_two(house: House) -> None:
    pair = [house.claims(name) for name in ("one", "two")]
    for one in pair:
        await one.open()
    done = await asyncio.gather(*(take(one) for one in pair), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["Claim", "Conflict"]


async def test_a_claim_that_moves_is_never_out_of_sight(house: House, claims: Claims) -> None:
    other = house.claims("other")
    await other.open()
    claim = await take(claims)

    async def renew() -> None:
        nonlocal claim
        for until in range(200, 230):
            claim = await claims.renew(claim, until=float(until))

    renewing = asyncio.create_task(renew())
    seen: list[float] = []
    while not renewing.done():
        found, _ = await other.read("main")
        assert [(one.issue, one.generation) for one in found] == [(1, 1)]
        seen.append(found[0].until)
    await renewing
    assert seen == sorted(seen)
    assert (await other.read("main"))[0] == (claim,)


async def test_what_can_not_be_read_is_held_by_somebody_unknown(house: House, claims: Claims) -> None:
    claim = await take(claims, 5)
    fields = {"session": "s", "agent": "a", "generation": 1, "until": 9.0, "nonce": "n"}
    good = house.commit(json.dumps(fields))
    blob = git("hash-object", "-w", "--stdin", cwd=house.bare, stdin=json.dumps(fields))
    refs = {f"{ROOT}/claims/{name}": good for name in ("abc", "0", "07", "x/8", "-3", "1" * 40, "é")}
    refs |= {
        "refs/heads/refs/loreli/claims/9": good,
        "refs/heads/x/refs/heads/main": good,
        "refs/loreli/claims-old/4": good,
    }
    refs[f"{ROOT}/claims/10"] = blob
    messages = ["hello", "[]", "3", "[" * 5000, "", "{}", json.dumps({**fields, "until": "soon"})]
    messages += [json.dumps({**fields, key: float("inf")}) for key in ("until", "generation")]
    messages += [json.dumps(fields)[:-1], f"{json.dumps(fields)}\n{json.dumps(fields)}", '{"version": 2, "who": "me"}']
    refs |= {f"{ROOT}/claims/{20 + n}": house.commit(message) for n, message in enumerate(messages)}
    for ref, oid in refs.items():
        git("update-ref", ref, oid, cwd=house.bare)
    head = git("rev-parse", "refs/heads/main", cwd=house.bare)
    found, base_head = await claims.read("main")
    assert base_head == head
    assert found[0] == claim
    assert [one.issue for one in found[1:]] == [10, *range(20, 20 + len(messages))]
    for unknown in found[1:]:
        assert (unknown.session, unknown.generation) == ("", 0)
        assert not free(unknown, now=sys.float_info.max, claims=ClaimsConfig())
    assert await claims.get(10) == found[1]
    with pytest.raises(Conflict):
        await take(claims, 10)
    await claims.remove(found[1])
    assert (await take(claims, 10)).held(99)
    # One commit beneath two refs is a claim on each.
    git("update-ref", f"{ROOT}/claims/6", claim.oid, cwd=house.bare)
    assert (await claims.read("main"))[0][:2] == (claim, claim.model_copy(update={"issue": 6}))


async def test_what_a_later_version_adds_is_no_hindrance(house: House, claims: Claims) -> None:
    await take(claims, 2)
    said = {"session": "t", "agent": "bo", "generation": 4, "until": 9.5, "nonce": "n", "mood": "good", "version": 2}
    git("update-ref", f"{ROOT}/claims/1", house.commit(json.dumps(said)), cwd=house.bare)
    found = await claims.get(1)
    assert found is not None
    assert (found.session, found.agent, found.generation, found.until) == ("t", "bo", 4, 9.5)


async def test_nothing_new_is_one_question(house: House, claims: Claims) -> None:
    await take(claims)
    git("update-ref", f"{ROOT}/claims/garbage", git("rev-parse", "main", cwd=house.bare), cwd=house.bare)
    with Wire(lambda asked: forward(asked, to=house.server.url), clock=house.clock) as wire:
        counted = house.claims("counted", remote=house.remote.replace(house.server.url, wire.url))
        await counted.open()
        first = await counted.read("main")
        asked = len(wire.asked)
        assert any(b"command=fetch" in one.body for one in wire.asked)
        assert await counted.read("main") == first
        assert len(first[0]) == 1
        assert not any(b"command=fetch" in one.body for one in wire.asked[asked:])
        # What was written here need not be fetched either.
        mine = await counted.renew(await take(counted, 2), until=300.0)
        assert (await counted.read("main"))[0] == (*first[0], mine)
        assert not any(b"command=fetch" in one.body for one in wire.asked[asked:])


@pytest.mark.parametrize("lost", [None, Answer(502, b"<html>"), Answer(200, b"")])
@pytest.mark.parametrize("reached", [True, False])
async def test_a_push_without_an_answer(house: House, claims: Claims, lost: Answer | None, reached: bool) -> None:
    """What the host holds decides, whatever became of the answer."""

    def respond(asked: Asked) -> Answer | None:
        if asked.method == "POST" and asked.path.endswith("git-receive-pack"):
            if reached:
                forward(asked, to=house.server.url)
            return lost
        return forward(asked, to=house.server.url)

    with Wire(respond, clock=house.clock) as wire:
        cut = house.claims("cut", remote=house.remote.replace(house.server.url, wire.url))
        await cut.open()
        if not reached:
            with pytest.raises(Unavailable):
                await take(cut)
            assert await claims.get(1) is None
            return
        claim = await take(cut)
        assert await claims.get(1) == claim
        renewed = await cut.renew(claim, until=200.0)
        assert await claims.get(1) == renewed
        await cut.remove(renewed)
        assert await claims.get(1) is None


async def test_the_host_is_down(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/team/garden.git"
    away = house.claims("away", remote=url)
    await away.open()
    for ask in (away.read("main"), away.get(1), take(away)):
        with pytest.raises(Unavailable):
            await ask


@pytest.mark.parametrize(("status", "kind"), [(500, Unavailable), (503, Unavailable), (403, Refused), (404, NotFound)])
async def test_what_the_host_says(house: House, status: int, kind: type[HubError]) -> None:
    with Wire(lambda _: Answer(status, b"no"), clock=house.clock) as wire:
        cut = house.claims("cut", remote=f"{wire.url}/team/garden.git")
        await cut.open()
        for ask in (cut.read("main"), take(cut)):
            with pytest.raises(HubError) as caught:
                await ask
            assert type(caught.value) is kind


async def test_who_may_not_write(house: House) -> None:
    stranger = house.claims("s", login=STRANGER)
    nobody = house.claims("n", login=None)
    nowhere = house.claims("x", remote=f"{house.server.url}/team/nowhere.git")
    for one in (stranger, nobody, nowhere):
        await one.open()
    for one in (stranger, nobody):
        assert (await one.read("main"))[0] == ()
        with pytest.raises(Refused):
            await take(one)
    with pytest.raises((NotFound, Refused)):
        await nowhere.read("main")
