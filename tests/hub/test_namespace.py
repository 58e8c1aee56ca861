"""Where the claims stand: the same place for everybody, and branches only where the host clearly wants that."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from loreli_ray.errors import Conflict, HubError, Refused, Unavailable
from loreli_ray.git import git
from loreli_ray.hub import Claims
from loreli_ray.identity import names_of_branches
from loreli_ray.model import LINE, Claim
from tests.hub.hub_kit import STRANGER, Answer, Asked, House, Wire, forward

PREFERRED, FALLBACK = "refs/loreli", "refs/heads/loreli"
REFUSING = 'case "$1" in refs/loreli/*) exit 1;; esac'


def hook(house: House, script: str) -> Path:
    path = house.bare / "hooks" / "update"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def refs(house: House) -> list[str]:
    return git("for-each-ref", "--format=%(refname)", PREFERRED, FALLBACK, cwd=house.bare).split()


async def opened(house: House, name: str = "claims", *, remote: str | None = None) -> Claims:
    """The claims of a session; straight from the host's folder, because the forge runs no hooks."""
    claims = house.claims(name, session=name, remote=remote or str(house.bare))
    await claims.open()
    return claims


async def take(claims: Claims, issue: int = 1) -> Claim:
    return await claims.take(issue, agent="kira", generation=1, until=100.0, replaces=None)


@pytest.fixture(params=["hidden", "refused by a hook", "not to be deleted"])
def forbidden(request: pytest.FixtureRequest, house: House) -> None:
    """A host that will have no refs beneath refs/loreli."""
    if request.param == "hidden":
        git("config", "--add", "transfer.hideRefs", PREFERRED, cwd=house.bare)
    elif request.param == "refused by a hook":
        hook(house, REFUSING)
    else:
        hook(house, f'case "$1$3" in refs/loreli/*{"0" * 40}) exit 1;; esac')


async def test_a_host_that_takes_any_name(house: House) -> None:
    claims = await opened(house)
    assert await claims.root() == PREFERRED
    assert refs(house) == [f"{PREFERRED}/landing"]
    line = await claims.get(LINE)
    assert line is not None
    assert line.released


async def test_reading_writes_nothing(house: House) -> None:
    stranger = house.claims("s", login=STRANGER)
    await stranger.open()
    assert (await stranger.read("main"))[0] == ()
    assert await stranger.get(1) is None
    assert refs(house) == []
    mine = await take(await opened(house))
    assert (await stranger.read("main"))[0] == (mine,)


@pytest.mark.usefixtures("forbidden")
async def test_a_host_that_refuses_gets_branches(house: House) -> None:
    claims, other = await opened(house), await opened(house, "other")
    assert await claims.root() == FALLBACK
    mine = await take(claims, 7)
    assert await other.read("main") == ((mine,), git("rev-parse", "main", cwd=house.bare))
    with pytest.raises(Conflict):
        await take(other, 7)
    theirs = await take(other, 8)
    renewed = await claims.renew(mine, until=200.0)
    assert (await other.read("main"))[0] == (renewed, theirs)
    heads = git("for-each-ref", "--format=%(refname:short)", "refs/heads", cwd=house.bare).split()
    assert {"loreli/claims/7", "loreli/claims/8", "loreli/landing"} <= set(heads)
    assert names_of_branches(heads) == frozenset()
    await claims.remove(renewed)
    assert (await other.read("main"))[0] == (theirs,)


async def test_a_host_that_refuses_both(house: House) -> None:
    hook(house, 'case "$1" in */loreli/*) exit 1;; esac')
    with pytest.raises(Refused, match="hook declined"):
        await (await opened(house)).root()
    assert refs(house) == []


async def test_who_may_not_write_gets_no_branches(house: House) -> None:
    stranger = house.claims("s", login=STRANGER)
    await stranger.open()
    with pytest.raises(Refused):
        await stranger.root()
    assert refs(house) == []


async def test_what_is_there_decides(house: House) -> None:
    """Also when the host would answer otherwise by now."""
    script = hook(house, REFUSING)
    mine = await take(await opened(house, "one"))
    script.unlink()
    two = await opened(house, "two")
    assert (await two.read("main"))[0] == (mine,)
    assert await two.root() == FALLBACK
    await two.remove(mine)
    assert await (await opened(house, "three")).root() == FALLBACK  # no claim is left, but the line


async def test_the_other_way_round(house: House) -> None:
    """A host that refuses by now what it took before: nobody moves to another place, all hear of it."""
    mine = await take(await opened(house, "one"))
    hook(house, REFUSING)
    two = await opened(house, "two")
    assert await two.root() == PREFERRED
    with pytest.raises(Refused):
        await two.take(1, agent="lee", generation=2, until=300.0, replaces=mine)
    assert {ref.rpartition("/loreli")[0] for ref in refs(house)} == {"refs"}


async def test_two_came_first_at_once(house: House) -> None:
    """One with branches, because the host let only the other have its way: the preferred place counts for both."""
    script = hook(house, REFUSING)
    one = await opened(house, "one")
    assert await one.root() == FALLBACK
    lost = await take(one)
    script.unlink()
    for ref in refs(house):
        git("update-ref", "-d", ref, cwd=house.bare)
    two = await opened(house, "two")
    mine = await take(two)
    git("update-ref", f"{FALLBACK}/claims/1", lost.oid, cwd=house.bare)
    git("update-ref", f"{FALLBACK}/landing", lost.oid, cwd=house.bare)
    assert (await one.read("main"))[0] == (mine,)
    assert await one.root() == PREFERRED
    with pytest.raises(Conflict):
        await one.renew(lost, until=300.0)
    assert (await take(one, 2)).issue == 2
    assert f"{FALLBACK}/claims/2" not in refs(house)


async def test_all_come_first_at_once(house: House) -> None:
    hook(house, REFUSING)
    all_ = [await opened(house, f"team-{n}") for n in range(6)]
    assert await asyncio.gather(*(one.root() for one in all_)) == [FALLBACK] * len(all_)
    assert refs(house) == [f"{FALLBACK}/landing"]


async def test_a_branch_of_that_name_is_in_the_way(house: House) -> None:
    """A branch `loreli` leaves no room beneath it: that matters only where the branches are needed."""
    git("update-ref", FALLBACK, "main", cwd=house.bare)
    assert await (await opened(house, "one")).root() == PREFERRED
    git("update-ref", "-d", f"{PREFERRED}/landing", cwd=house.bare)
    hook(house, REFUSING)
    with pytest.raises(Refused, match="is a ref itself"):
        await (await opened(house, "two")).root()


@pytest.mark.parametrize("failure", [None, Answer(503, b"no"), Answer(200, b"")])
@pytest.mark.parametrize("reached", [True, False])
async def test_no_answer_decides_nothing(house: House, failure: Answer | None, reached: bool) -> None:
    """Whichever of the questions stays without an answer, nobody ends up with branches."""
    for turn in range(12):
        posts = 0

        def respond(asked: Asked, turn: int = turn) -> Answer | None:
            nonlocal posts
            answer = forward(asked, to=house.server.url) if reached else None
            if asked.path.endswith("git-receive-pack") and asked.method == "POST":
                posts += 1
                if posts == turn + 1:
                    return failure
            return answer or forward(asked, to=house.server.url)

        with Wire(respond, clock=house.clock) as wire:
            remote = house.remote.replace(house.server.url, wire.url)
            cut = await opened(house, f"cut-{turn}", remote=remote)
            try:
                assert await cut.root() == PREFERRED
            except Unavailable:
                assert await cut.root() == PREFERRED
        assert not any(ref.startswith(FALLBACK) for ref in refs(house))
        if posts <= turn:
            break
        git("update-ref", "-d", f"{PREFERRED}/landing", cwd=house.bare)
    else:
        pytest.fail("the questions do not end")


@pytest.mark.parametrize("said", ["Internal Server Error", "unpacker error", "failed to update ref"])
async def test_a_host_in_trouble_decides_nothing(house: House, said: str) -> None:
    """It turns a ref down by name, but not because of the name."""
    git("config", "--add", "receive.hideRefs", PREFERRED, cwd=house.bare)
    words = b"deny updating a hidden ref"

    def respond(asked: Asked) -> Answer | None:
        answer = forward(asked, to=house.server.url)
        return Answer(answer.status, answer.body.replace(words, said.ljust(len(words)).encode()), answer.headers)

    with Wire(respond, clock=house.clock) as wire:
        claims = await opened(house, remote=house.remote.replace(house.server.url, wire.url))
        with pytest.raises(HubError) as caught:
            await claims.root()
        assert not isinstance(caught.value, Refused)
        git("config", "--unset", "receive.hideRefs", PREFERRED, cwd=house.bare)
        assert await claims.root() == PREFERRED
        assert not any(FALLBACK.encode() in asked.body for asked in wire.asked)


async def test_a_refusal_that_does_not_last(house: House) -> None:
    """Refused once only: asked again after a branch was let through, the host takes the name."""
    hook(house, 'case "$1" in refs/loreli/*) mkdir once 2>/dev/null && exit 1;; esac; exit 0')
    assert await (await opened(house)).root() == PREFERRED
    assert refs(house) == [f"{PREFERRED}/landing"]
