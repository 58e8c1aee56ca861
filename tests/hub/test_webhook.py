"""The webhook as a doorbell: it rings for what the host has signed, and for nothing else."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
import pytest

from loreli_ray.errors import UsageError
from loreli_ray.hub import Webhook
from loreli_ray.hub.webhook import LARGEST, PATH
from tests.hub.hub_kit import House
from tests.hub.test_hub import issue, rest

SECRET = "the sun and the rain"
BODY = b'{"action": "opened"}'


def signed(body: bytes = BODY, *, secret: str = SECRET) -> str:
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


class Bell:
    """Counts, and can be waited for."""

    def __init__(self) -> None:
        self.rung = 0
        self.heard = asyncio.Event()

    def __call__(self) -> None:
        self.rung += 1
        self.heard.set()


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
async def host(bell: Bell) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Webhook(secret=SECRET, ring=bell).app)
    async with httpx.AsyncClient(transport=transport, base_url="http://team") as client:
        yield client


async def test_a_signed_delivery_rings(host: httpx.AsyncClient, bell: Bell) -> None:
    for event in ("issues", "push", "check_run", "something_new"):
        headers = {"X-Hub-Signature-256": signed(), "X-GitHub-Event": event}
        assert (await host.post(PATH, content=BODY, headers=headers)).status_code == 202
    assert bell.rung == 4


async def test_a_ping_is_answered_and_rings_nothing(host: httpx.AsyncClient, bell: Bell) -> None:
    headers = {"X-Hub-Signature-256": signed(), "X-GitHub-Event": "ping"}
    assert (await host.post(PATH, content=BODY, headers=headers)).status_code == 202
    assert bell.rung == 0


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "sha256=",
        signed().removeprefix("sha256="),
        signed().upper(),
        signed()[:-1],
        f"{signed()}0",
        signed(secret="another"),
        signed(b"another"),
        signed(b""),
        f"sha1={hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest()}",
        "sha256=ümlaut",
    ],
)
async def test_what_is_not_signed_rings_nothing(host: httpx.AsyncClient, bell: Bell, signature: str | None) -> None:
    headers = {"X-GitHub-Event": "issues"} | ({} if signature is None else {"X-Hub-Signature-256": signature})
    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert (await host.post(PATH, content=BODY, headers=given)).status_code == 401
    assert bell.rung == 0


@pytest.mark.parametrize(("size", "status"), [(LARGEST, 202), (LARGEST + 1, 413)])
async def test_what_is_too_large(host: httpx.AsyncClient, bell: Bell, size: int, status: int) -> None:
    body = b"x" * size
    headers = {"X-Hub-Signature-256": signed(body), "X-GitHub-Event": "issues"}
    assert (await host.post(PATH, content=body, headers=headers)).status_code == status
    assert bell.rung == (status == 202)


@pytest.mark.parametrize(("method", "path", "status"), [("POST", "/", 404), ("POST", "/x", 404), ("GET", PATH, 405)])
async def test_nothing_else_is_there(host: httpx.AsyncClient, bell: Bell, method: str, path: str, status: int) -> None:
    headers = {"X-Hub-Signature-256": signed()}
    assert (await host.request(method, path, content=BODY, headers=headers)).status_code == status
    assert bell.rung == 0


# ── over the network ──


def free_port(host: str = "127.0.0.1") -> int:
    with socket.create_server((host, 0)) as probe:
        return probe.getsockname()[1]


async def test_the_host_delivers(house: House, bell: Bell) -> None:
    """Through the forge's own webhooks; and once it is cancelled nobody listens any more."""
    port = free_port()
    serving = asyncio.create_task(Webhook(secret=SECRET, ring=bell).serve("127.0.0.1", port))
    try:
        for secret, rings in (("wrong", False), (SECRET, True)):
            hook = {"url": f"http://127.0.0.1:{port}{PATH}", "content_type": "json", "secret": secret}
            made = await asyncio.to_thread(rest, house, "POST", "/hooks", config=hook, events=["issues"])
            await asyncio.to_thread(issue, house, secret)
            if rings:
                await asyncio.wait_for(bell.heard.wait(), 30)
                continue
            async with asyncio.timeout(30):  # until it was turned down
                while True:
                    sent = await asyncio.to_thread(rest, house, "GET", f"/hooks/{made['id']}/deliveries")
                    if any(one["event"] == "issues" and one["status_code"] == 401 for one in sent):
                        break
                    await asyncio.sleep(0.05)
            assert bell.rung == 0
            await asyncio.to_thread(rest, house, "DELETE", f"/hooks/{made['id']}")
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
    with socket.create_server(("127.0.0.1", port)):
        pass  # the address is free again


async def test_an_address_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"127.0.0.1:{port}: can't be listened on: .*another hub.webhook"):
            await Webhook(secret=SECRET, ring=lambda: None).serve("127.0.0.1", port)
