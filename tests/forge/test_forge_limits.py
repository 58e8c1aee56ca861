"""The secondary limits, which are off unless asked for."""

from __future__ import annotations

import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from loreli_ray.clock import ManualClock
from loreli_ray.forge import Forge, ForgeServer, SecondaryLimits
from tests.forge.forge_kit import HOME, OWNER, REPOSITORY, House
from tests.forge.graphql_kit import repository_id


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@contextmanager
def limited(folder: Path, clock: ManualClock, secondary: SecondaryLimits) -> Generator[httpx.Client]:
    forge = Forge.open(folder / "limited", clock=clock)
    forge.add_repository(REPOSITORY)
    headers = {"Authorization": f"Bearer {forge.token(OWNER)}"}
    try:
        with (
            ForgeServer(forge, secondary=secondary) as server,
            httpx.Client(base_url=server.url, headers=headers, trust_env=False) as client,
        ):
            yield client
    finally:
        forge.close()


def wait_of(answer: httpx.Response) -> int:
    """How long a refused request is to wait, in seconds."""
    assert answer.status_code == 403, answer.text
    assert "secondary rate limit" in answer.json()["message"]
    assert int(answer.headers["x-ratelimit-remaining"]) > 0  # it is not the primary one
    return int(answer.headers["retry-after"])


def test_content_a_minute(tmp_path: Path, clock: ManualClock) -> None:
    with limited(tmp_path, clock, SecondaryLimits(contents=3, contents_an_hour=5)) as client:

        def write() -> httpx.Response:
            return client.post(f"{HOME}/issues", json={"title": "x"})

        for _ in range(3):
            assert write().status_code == 201
            clock.advance(10)
        assert wait_of(write()) == 30  # until the first is a minute old
        mutation = "mutation ($i: CreateIssueInput!) { createIssue(input: $i) { issue { number } } }"
        fields = {"repositoryId": repository_id(client), "title": "x"}
        wait_of(client.post("/graphql", json={"query": mutation, "variables": {"i": fields}}))
        assert client.get(f"{HOME}/issues").status_code == 200
        assert len(client.get(f"{HOME}/issues").json()) == 3  # what was refused was not done
        clock.advance(30)
        assert write().status_code == 201
        clock.advance(60)
        assert write().status_code == 201
        clock.advance(60)
        assert wait_of(write()) > 3000  # five in the last hour


def test_points_a_minute(tmp_path: Path, clock: ManualClock) -> None:
    with limited(tmp_path, clock, SecondaryLimits(points=10)) as client:
        assert client.post(f"{HOME}/issues", json={"title": "x"}).status_code == 201  # five
        clock.advance(20)
        assert [client.get("/user").status_code for _ in range(6)] == [200] * 5 + [403]
        assert wait_of(client.get("/user")) == 40
        clock.advance(40)
        assert client.get("/user").status_code == 200


def test_requests_at_once(forge: Forge) -> None:
    """Counted when they arrive, not when a thread is free for them."""
    inside, leave = threading.Semaphore(0), threading.Event()

    def slow(app: ASGIApp) -> ASGIApp:
        async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
            async def late() -> dict[str, object]:
                inside.release()
                while not leave.is_set():
                    await forge.clock.sleep(0.01)
                return dict(await receive())

            await app(scope, late if scope["path"].endswith("/issues") else receive, send)

        return waiting

    headers = {"Authorization": f"Bearer {forge.token(OWNER)}"}
    with (
        ForgeServer(forge, secondary=SecondaryLimits(concurrent=4), around=slow) as server,
        httpx.Client(base_url=server.url, headers=headers, timeout=30, trust_env=False) as client,
        ThreadPoolExecutor(4) as pool,
    ):
        waiting = [pool.submit(client.get, f"{HOME}/issues") for _ in range(4)]
        for _ in waiting:
            assert inside.acquire(timeout=30)
        refused = client.get("/user")
        leave.set()
        assert [one.result().status_code for one in waiting] == [200] * 4
        assert refused.status_code == 403
        assert refused.headers["retry-after"] == "60"
        assert client.get("/user").status_code == 200


def test_they_are_off_by_default(house: House, owner: httpx.Client) -> None:
    answers = [owner.post(f"{HOME}/labels", json={"name": f"l{number}"}).status_code for number in range(100)]
    assert answers == [201] * 100
