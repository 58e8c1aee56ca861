"""What wakes the reactor: the hub's own looks, and the host's deliveries. Without Ray: the actor is a plain object."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from loreli_ray.actors import hub as room
from loreli_ray.actors.calls import Gone
from loreli_ray.actors.hub import HubActor
from loreli_ray.actors.settings import SessionSettings
from loreli_ray.config import Config, HubConfig
from loreli_ray.forge import Forge, ForgeServer
from loreli_ray.git import git
from loreli_ray.hub.webhook import PATH
from loreli_ray.model import Credentials
from tests.workspace.conftest import AUTHOR

REPOSITORY, SECRET = "team/garden", "the sun and the rain"
DEADLINE = 30.0


class Sleeper:
    """Stands where the reactor is: remembers that it was woken. The first `away` times there is none."""

    def __init__(self, *_: object, **__: object) -> None:
        self.woken = asyncio.Semaphore(0)
        self.away = 0

    async def call(self, method: str, *_: Any, **__: Any) -> None:
        assert method == "wake"
        if self.away:
            self.away -= 1
            raise Gone("there is no such actor", subject="s/reactor")
        self.woken.release()

    async def wake(self) -> None:
        async with asyncio.timeout(DEADLINE):
            await self.woken.acquire()


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[tuple[Forge, ForgeServer]]:
    source = tmp_path / "source"
    git("init", "--quiet", str(source))
    git("commit", "--quiet", "--allow-empty", "-m", "Begin", cwd=source, extra_env=AUTHOR)
    forge = Forge.open(tmp_path / "data")
    try:
        forge.add_repository(REPOSITORY, source=source)
        with ForgeServer(forge) as server:
            yield forge, server
    finally:
        forge.close()


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


async def start(forge: tuple[Forge, ForgeServer], folder: Path, **hub: Any) -> HubActor:
    settings = SessionSettings(
        id="s",
        repo=REPOSITORY,
        config=Config(hub=HubConfig(api_url=forge[1].url, min_write_interval=0.0, **hub)),
        folder=folder,
        runtime=folder,
    )
    credentials = Credentials(token=forge[0].token("team"), webhook_secret=SECRET)
    settings.credentials.write_text(credentials.model_dump_json())
    actor = HubActor.__new__(HubActor)
    await actor.__init__(settings)  # Ray awaits it  # pyright: ignore[reportGeneralTypeIssues]
    await actor.ready()
    return actor


@pytest.fixture
async def actors(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[HubActor]]:
    monkeypatch.setattr(room, "Peer", Sleeper)
    begun: list[HubActor] = []
    try:
        yield begun
    finally:
        for actor in begun:
            for name in ("_serving", "_listening", "_opening"):  # what ends with the process otherwise
                task: asyncio.Task[None] = vars(actor)[name]
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await actor.close()


def sleeper(actor: HubActor) -> Sleeper:
    found: Any = vars(actor)["_reactor"]
    assert isinstance(found, Sleeper)
    return found


async def test_a_change_wakes_the_reactor_and_rest_does_not(
    forge: tuple[Forge, ForgeServer], tmp_path: Path, actors: list[HubActor]
) -> None:
    actors.append(await start(forge, tmp_path, poll=0.05))
    (actor,) = actors
    await sleeper(actor).wake()  # nothing is known yet
    await actor.snapshot()
    number = await asyncio.to_thread(forge[0].create_issue, REPOSITORY, author="team", title="One", labels=["loreli"])
    await sleeper(actor).wake()
    assert (await actor.snapshot()).issue(number) is not None
    await looks(actor, 5)
    while not sleeper(actor).woken.locked():  # what was rung before the look
        await sleeper(actor).wake()
    paid = actor.budget.paid
    await looks(actor, 5)
    assert (sleeper(actor).woken.locked(), actor.budget.paid) == (True, paid)


async def looks(actor: HubActor, count: int) -> None:
    """Until the hub has asked its two bells so often, and was told that nothing has changed."""
    wanted = actor.budget.free + 2 * count
    async with asyncio.timeout(DEADLINE):
        while actor.budget.free < wanted:  # noqa: ASYNC110  # the hub tells nobody when it has looked
            await asyncio.sleep(0.02)


async def test_a_delivery_wakes_the_reactor_at_once(
    forge: tuple[Forge, ForgeServer], tmp_path: Path, port: int, actors: list[HubActor]
) -> None:
    """Through the forge's webhooks; by itself the hub would look an hour later."""
    actors.append(await start(forge, tmp_path, poll=3600.0, webhook=f"127.0.0.1:{port}"))
    (actor,) = actors
    await sleeper(actor).wake()
    await actor.snapshot()
    hook = {"url": f"http://127.0.0.1:{port}{PATH}", "content_type": "json", "secret": SECRET}
    headers = {"Authorization": f"Bearer {forge[0].token('team')}"}
    async with httpx.AsyncClient(trust_env=False, headers=headers, base_url=forge[1].url) as host:
        made = await host.post(f"/repos/{REPOSITORY}/hooks", json={"config": hook, "events": ["issues"]})
        assert made.status_code == 201, made.text
    number = await asyncio.to_thread(forge[0].create_issue, REPOSITORY, author="team", title="One", labels=["loreli"])
    await sleeper(actor).wake()
    assert (await actor.snapshot()).issue(number) is not None


async def test_a_reactor_that_is_away_does_not_stop_the_bell(
    forge: tuple[Forge, ForgeServer], tmp_path: Path, port: int, actors: list[HubActor]
) -> None:
    actors.append(await start(forge, tmp_path, poll=3600.0, webhook=f"127.0.0.1:{port}"))
    (actor,) = actors
    await sleeper(actor).wake()
    sleeper(actor).away = 1
    body = b"{}"
    signature = f"sha256={hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}"
    headers = {"X-Hub-Signature-256": signature, "X-GitHub-Event": "push"}
    async with httpx.AsyncClient(trust_env=False) as host:
        async with asyncio.timeout(DEADLINE):
            while sleeper(actor).away:
                await host.post(f"http://127.0.0.1:{port}{PATH}", content=body, headers=headers)
                await asyncio.sleep(0.05)
        await host.post(f"http://127.0.0.1:{port}{PATH}", content=body, headers=headers)
    await sleeper(actor).wake()
