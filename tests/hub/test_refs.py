"""The small repository beneath the claims stays small, and needs no care."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from loreli_ray.errors import Refused
from loreli_ray.git import GitCredential, git
from loreli_ray.hub import refs as module
from loreli_ray.hub.refs import READ_TRIES, Refs
from tests.hub.hub_kit import REPOSITORY, Answer, Asked, House, Wire, forward, no_keys


@pytest.fixture
async def refs(tmp_path: Path) -> Refs:
    git("init", "--quiet", "--bare", str(tmp_path / "remote"))
    opened = Refs(tmp_path / "claims.git", remote=str(tmp_path / "remote"), keys=no_keys)
    await opened.open()
    return opened


def objects(folder: Path) -> int:
    found = git("count-objects", "-v", cwd=folder).split()
    return int(found[1]) + int(found[found.index("in-pack:") + 1])


def age(folder: Path, seconds: float) -> None:
    then = time.time() - seconds
    for path in (folder / "objects").rglob("*"):
        os.utime(path, (then, then))


async def renew(refs: Refs, times: int, *, seen: str = "") -> str:
    for turn in range(times):
        oid = await refs.commit(f"{seen} {turn}")
        await refs.swap("refs/x/1", seen=seen, oid=oid, subject="x")
        seen = oid
    return seen


async def test_what_was_replaced_long_ago_goes(refs: Refs, tmp_path: Path) -> None:
    folder = tmp_path / "claims.git"
    seen = await renew(refs, 5)
    assert objects(folder) == 6  # and the empty tree
    age(folder, 2 * 3600)
    young = await refs.commit("young")
    await refs.fetch("refs/x")
    await refs.clean()
    assert objects(folder) <= 3
    assert git("cat-file", "-t", young, cwd=folder) == "commit"
    assert await refs.fetch("refs/x") == {"refs/x/1": (seen, git("log", "-1", "--format=%s", seen, cwd=folder))}
    newest = await renew(refs, 1, seen=seen)
    assert await refs.list("refs/x/*") == {"refs/x/1": newest}


async def test_it_is_cleaned_now_and_then(refs: Refs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CLEAN_EVERY", 5)
    folder, seen = tmp_path / "claims.git", ""
    for _ in range(6):
        seen = await renew(refs, 3, seen=seen)
        age(folder, 2 * 3600)
        await refs.fetch("refs/x")
    assert objects(folder) < 10


async def test_what_a_killed_cleaning_left_does_not_matter(refs: Refs, tmp_path: Path) -> None:
    seen = await renew(refs, 1)
    (tmp_path / "claims.git" / "gc.pid").write_text(f"{os.getpid()} {os.uname().nodename}")
    again = Refs(tmp_path / "claims.git", remote=str(tmp_path / "remote"), keys=no_keys)
    await again.open()
    assert set(await again.fetch("refs/x")) == {"refs/x/1"}
    await renew(again, 1, seen=seen)


@pytest.mark.parametrize("answer", [None, Answer(503), Answer(429)], ids=["cut", "503", "429"])
async def test_reads_are_asked_again(house: House, tmp_path: Path, answer: Answer | None) -> None:
    def respond(asked: Asked) -> Answer | None:
        return answer if len(wire.asked) < READ_TRIES else forward(asked, to=house.server.url)

    with Wire(respond, clock=house.clock) as wire:
        refs = _over(wire, tmp_path, house)
        await refs.open()
        assert "refs/heads/main" in await refs.list("refs/heads/main")
    assert len(wire.asked) == READ_TRIES + 1, "git asks twice: for the service, and for the refs"


async def test_a_refusal_is_not_asked_again(house: House, tmp_path: Path) -> None:
    with Wire(lambda _: Answer(403), clock=house.clock) as wire:
        refs = _over(wire, tmp_path, house)
        await refs.open()
        with pytest.raises(Refused):
            await refs.list("refs/heads/main")
    assert len(wire.asked) == 1


def _over(wire: Wire, folder: Path, house: House) -> Refs:
    async def keys() -> GitCredential | None:
        return house.credential(url=wire.url)

    return Refs(folder / "over.git", remote=f"{wire.url}/{REPOSITORY}.git", keys=keys)
