"""One account's HTTP: what is read again, what is never written again, and what each refusal is called."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import httpx
import pytest

from loreli_ray.clock import ManualClock
from loreli_ray.errors import Conflict, HubError, NotFound, RateLimited, Refused, Unavailable
from loreli_ray.hub.shapes import User
from loreli_ray.hub.transport import PAGE, READ_TRIES, Transport
from tests.hub.hub_kit import Answer, Asked, Wire

OCTO = Answer(body=b'{"login": "octo"}')


@asynccontextmanager
async def talking(
    respond: Callable[[Asked], Answer | None], *, pause: float = 0.0, timeout: float = 10.0
) -> AsyncGenerator[tuple[Transport, Wire, ManualClock]]:
    clock = ManualClock()
    with Wire(respond, clock=clock) as wire:
        transport = Transport(
            token="secret", api_url=wire.url, clock=clock, pause=pause, timeout=httpx.Timeout(timeout)
        )
        try:
            yield transport, wire, clock
        finally:
            wire.over.set()
            await transport.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, HubError),
        (401, Refused),
        (403, Refused),
        (404, NotFound),
        (405, Refused),
        (409, Conflict),
        (410, Refused),
        (418, HubError),
        (422, Refused),
        (500, Unavailable),
        (502, Unavailable),
        (503, Unavailable),
        (599, Unavailable),
    ],
)
async def test_what_a_status_is_called(status: int, kind: type[HubError]) -> None:
    said = {"message": "Not so", "errors": [{"field": "title", "code": "missing"}]}
    async with talking(lambda _: Answer(status, json.dumps(said).encode())) as (transport, wire, _):
        with pytest.raises(HubError) as caught:
            await transport.write("POST", "/x", {})
    assert type(caught.value) is kind
    assert caught.value.status == status
    assert caught.value.subject == "POST /x"
    assert "Not so" in caught.value.message
    assert "missing" in caught.value.message
    assert len(wire.asked) == 1
    assert transport.budget.paid == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"message": 3}', b"\xff"])
async def test_a_refusal_without_words(body: bytes) -> None:
    async with talking(lambda _: Answer(404, body)) as (transport, _, _):
        with pytest.raises(NotFound, match="404 Not Found"):
            await transport.get("/x", User)


@pytest.mark.parametrize(
    ("status", "headers", "message", "wait"),
    [
        (429, {"retry-after": "7"}, "Slow down", 7.0),
        (403, {"retry-after": "0"}, "You have exceeded a secondary rate limit", 0.0),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000090"}, "API rate limit exceeded", 90.0),
        (429, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1600000000"}, "API rate limit exceeded", 0.0),
        (403, {"x-ratelimit-remaining": "12"}, "You have exceeded a secondary rate limit", 60.0),
        (429, {}, "", 60.0),
    ],
)
async def test_rate_limits(status: int, headers: dict[str, str], message: str, wait: float) -> None:
    body = json.dumps({"message": message}).encode()
    async with talking(lambda _: Answer(status, body, headers)) as (transport, wire, clock):
        for ask in (transport.get("/x", User), transport.write("POST", "/x")):
            with pytest.raises(RateLimited) as caught:
                await ask
            assert (caught.value.retry_after, caught.value.status) == (wait, status)
    assert len(wire.asked) == 2, "a limit is for the caller to wait out"
    assert clock.now() == ManualClock().now()


async def test_a_rate_limit_in_words_of_its_own() -> None:
    """HTTP allows a date, GitHub never sends one: still an error of ours."""
    answer = Answer(429, b"{}", {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"})
    async with talking(lambda _: answer) as (transport, _, _):
        with pytest.raises(HubError):
            await transport.get("/x", User)


@pytest.mark.parametrize("failure", [Answer(500), Answer(502, b"<html>"), None])
async def test_reads_are_repeated(failure: Answer | None) -> None:
    answers = [failure, failure, OCTO]
    async with talking(lambda _: answers.pop(0)) as (transport, wire, _):
        assert (await transport.get("/user", User)).login == "octo"
    assert len(wire.asked) == 3
    waits = [after.at - before.at for before, after in pairwise(wire.asked)]
    assert waits == [1.0, 2.0]
    assert wire.asked[0].headers["authorization"].endswith("secret")


async def test_reads_are_given_up() -> None:
    async with talking(lambda _: Answer(503)) as (transport, wire, _):
        with pytest.raises(Unavailable):
            await transport.get("/user", User)
    assert len(wire.asked) == READ_TRIES


async def test_a_refused_read_is_not_repeated() -> None:
    async with talking(lambda _: Answer(404)) as (transport, wire, _):
        with pytest.raises(NotFound):
            await transport.pages("/x", User)
    assert len(wire.asked) == 1


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
@pytest.mark.parametrize("failure", [Answer(500), Answer(503, headers={"retry-after": "1"}), None])
async def test_writes_are_never_repeated(method: str, failure: Answer | None) -> None:
    async with talking(lambda _: failure) as (transport, wire, _):
        with pytest.raises(Unavailable):
            await transport.write(method, "/x", {"a": 1})
    assert len(wire.asked) == 1


async def test_an_answer_that_never_comes() -> None:
    waiting: list[Wire] = []

    def hang(_: Asked) -> None:
        waiting[0].over.wait(30)

    async with talking(hang, timeout=0.1) as (transport, wire, _):
        waiting.append(wire)
        with pytest.raises(Unavailable, match="no answer in time"):
            await transport.write("POST", "/x")
        with pytest.raises(Unavailable, match="no answer in time"):
            await transport.get("/x", User)
    assert Counter(asked.method for asked in wire.asked) == {"POST": 1, "GET": READ_TRIES}


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    transport = Transport(token="secret", api_url=url, clock=ManualClock(), pause=0.0)
    try:
        with pytest.raises(Unavailable, match=r"can't be reached: \S") as caught:
            await transport.get("/x", User)
        assert "secret" not in repr(caught.value)
    finally:
        await transport.close()


async def test_writes_keep_their_distance() -> None:
    answers = iter([Answer(), Answer(500), Answer(), Answer()])
    async with talking(lambda _: next(answers), pause=5.0) as (transport, wire, clock):
        done = await asyncio.gather(*(transport.write("POST", f"/{n}") for n in range(3)), return_exceptions=True)
        assert [type(one) for one in done] == [bytes, Unavailable, bytes]
        clock.advance(3.0)
        await transport.write("POST", "/late")
    times = [asked.at for asked in wire.asked]
    assert [after - before for before, after in pairwise(times)] == [5.0, 5.0, 5.0]


async def test_reads_do_not_wait_for_writes() -> None:
    async with talking(lambda _: OCTO, pause=5.0) as (transport, wire, _):
        await transport.write("POST", "/x")
        await transport.get("/user", User)
    assert wire.asked[0].at == wire.asked[1].at


async def test_what_is_known_is_not_paid_for() -> None:
    login = "one"

    def respond(asked: Asked) -> Answer:
        headers = {"etag": f'"{login}"', "x-ratelimit-remaining": "41", "x-ratelimit-limit": "50"}
        if asked.headers.get("if-none-match") == headers["etag"]:
            return Answer(304, b"", headers)
        return Answer(200, json.dumps({"login": login}).encode(), headers)

    async with talking(respond) as (transport, wire, _):
        logins = [(await transport.get("/user", User)).login for _ in range(3)]
        login = "two"
        logins += [(await transport.get("/user", User)).login for _ in range(2)]
        assert logins == ["one", "one", "one", "two", "two"]
        assert (transport.budget.paid, transport.budget.free) == (2, 3)
        assert (transport.budget.remaining, transport.budget.limit) == (41, 50)
        await transport.get("/user", User, params={"page": 2})
    assert "if-none-match" not in wire.asked[-1].headers, "another query is another thing"


@pytest.mark.parametrize("count", [0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE + 50])
async def test_every_page(count: int) -> None:
    def respond(asked: Asked) -> Answer:
        query = httpx.URL(asked.path).params
        assert query["state"] == "open"
        start = (int(query["page"]) - 1) * int(query["per_page"])
        rows = [{"login": str(n)} for n in range(start, min(count, start + int(query["per_page"])))]
        return Answer(body=json.dumps(rows).encode())

    async with talking(respond) as (transport, _, _):
        found = await transport.pages("/users", User, params={"state": "open"})
    assert [user.login for user in found] == [str(n) for n in range(count)]


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"login": 3}', b"[]"])
async def test_an_answer_that_cannot_be_read(body: bytes) -> None:
    async with talking(lambda _: Answer(body=body)) as (transport, _, _):
        with pytest.raises(HubError, match="/user: the answer can't be read"):
            await transport.get("/user", User)
        with pytest.raises(HubError, match="/users: the answer can't be read"):
            await transport.make("POST", "/users", User, {})
