"""Landing as the reactor does it: what the host refuses for good waits for a person, with the host's own words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from loreli_ray.actors.calls import Peer
from loreli_ray.actors.deeds import Deeds
from loreli_ray.actors.settings import SessionSettings
from loreli_ray.clock import ManualClock
from loreli_ray.config import Config, HubConfig
from loreli_ray.errors import Conflict, Refused
from loreli_ray.forge import Forge, ForgeServer
from loreli_ray.git import git
from loreli_ray.hub import Hub
from loreli_ray.identity import Side
from loreli_ray.model import Credentials, Event, EventKind, Land, Outcome
from tests.actors.test_checkouts import REPOSITORY, Near
from tests.hub.hub_kit import House, by
from tests.workspace.conftest import AUTHOR


class Supervisor(Peer):
    """Remembers what it is told."""

    def __init__(self) -> None:
        super().__init__("s", "supervisor", deadline=1.0)
        self.told: list[tuple[str, tuple[Any, ...]]] = []

    async def call(self, method: str, *arguments: Any, deadline: float | None = None, **named: Any) -> Any:
        self.told.append((method, arguments))

    @property
    def kinds(self) -> list[EventKind]:
        return [given[0].kind for method, given in self.told if method == "report" and isinstance(given[0], Event)]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    source = tmp_path / "source"
    git("init", "--quiet", str(source))
    git("commit", "--quiet", "--allow-empty", "-m", "Begin", cwd=source, extra_env=AUTHOR)
    forge = Forge.open(tmp_path / "data")
    try:
        forge.add_repository(REPOSITORY, source=source)
        with ForgeServer(forge) as server:
            yield House(forge, server, tmp_path)
    finally:
        forge.close()


class Scene:
    """An issue, its approved pull request, and those who land it."""

    def __init__(self, house: House, hub: Hub, config: Config) -> None:
        self.house = house
        self.hub = hub
        self.supervisor = Supervisor()
        settings = SessionSettings(id="s", repo=REPOSITORY, config=config, folder=house.folder, runtime=house.folder)
        self.deeds = Deeds(settings, hub=Near(hub), supervisor=self.supervisor)

    async def approved(self) -> Land:
        issue = self.house.forge.create_issue(REPOSITORY, author="team", title="One", labels=["loreli"])
        self.house.branch("kira/1-work", {"work.txt": "done\n"})
        await self.hub.take_claim(issue, agent="kira", generation=1, ttl=600, replaces=None)
        number = await self.hub.submit_pull(head="kira/1-work", title="Work", body="Did it.", by=by())
        pull = await self.hub.pull(number)
        assert pull is not None
        lee = by("lee", side=Side.YANG)
        await self.hub.submit_review(pull, outcome=Outcome.APPROVE, text="Fine.", comments=[], by=lee)
        seen = await self.hub.snapshot()
        return Land(pull=seen.ours[0], base_head=seen.base_head, issue=issue, title="One", rounds=1)

    def said(self, issue: int) -> list[str]:
        with self.house.http("team") as http:
            return [one["body"] for one in http.get(f"/issues/{issue}/comments").json()]


@pytest.fixture
async def scene(house: House) -> AsyncIterator[Scene]:
    config = Config(hub=HubConfig(api_url=house.server.url, min_write_interval=0.0))
    token = house.forge.token("team")
    hub = Hub(
        REPOSITORY,
        config=config.hub,
        credentials=Credentials(token=token),
        session="s",
        home=house.folder / "home",
        clock=ManualClock(),
    )
    try:
        await hub.open()
        yield Scene(house, hub, config)
    finally:
        await hub.close()


async def test_what_the_host_lets_in_is_landed_and_settled(scene: Scene) -> None:
    intent = await scene.approved()
    await scene.deeds.do(intent)
    assert [method for method, _ in scene.supervisor.told] == ["landing", "landed"]
    seen = await scene.hub.snapshot()
    assert (seen.issues, seen.pulls, seen.claims) == ((), (), ())


async def test_what_the_host_refuses_for_good_waits_for_a_person(scene: Scene) -> None:
    intent = await scene.approved()
    rules = {"required_status_checks": {"strict": False, "contexts": ["ci"]}, "enforce_admins": True}
    rules |= {"required_pull_request_reviews": None, "restrictions": None}
    with scene.house.http("team") as http:
        http.put("/branches/main/protection", json=rules).raise_for_status()
    with pytest.raises(Refused):
        await scene.deeds.do(intent)
    held = (await scene.hub.snapshot()).issue(intent.issue)
    assert held is not None
    assert "loreli:human" in held.labels
    (said,) = scene.said(intent.issue)
    assert f"the git host does not let #{intent.pull.number} in: 405" in said
    assert '"ci"' in said
    assert scene.supervisor.kinds == [EventKind.ESCALATED]


@pytest.mark.parametrize("moved", ["base", "head"])
async def test_what_only_moved_holds_nothing(scene: Scene, moved: str) -> None:
    intent = await scene.approved()
    scene.house.branch("main" if moved == "base" else "kira/1-work", {"more.txt": "x\n"})
    with pytest.raises(Conflict):
        await scene.deeds.do(intent)
    held = (await scene.hub.snapshot()).issue(intent.issue)
    assert held is not None
    assert "loreli:human" not in held.labels
    assert scene.said(intent.issue) == []
    assert scene.supervisor.kinds == []
