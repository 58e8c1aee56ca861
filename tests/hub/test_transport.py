"""One account's HTTP: what is read again, what is never written again, and what each refusal is called."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import pairwise

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loreli_ray.clock import ManualClock
from loreli_ray.errors import Conflict, HubError, NotFound, RateLimited, Refused, Unavailable
from loreli_ray.hub.keys import PersonalToken
from loreli_ray.hub.shapes import User
from loreli_ray.hub.transport import PAGE, READ_TRIES, Transport
from tests.hub.hub_kit import Answer, Asked, Wire

OCTO = Answer(body=b'{"login": "octo"}')


@asynccontextmanager
async def talking(
    respond: Callable[[Asked], Answer | None], *, timeout: float = 10.0, reserve: float = 0.0, patience: float = 0.0
) -> AsyncGenerator[tuple[Transport, Wire, ManualClock]]:
    clock = ManualClock()
    with Wire(respond, clock=clock) as wire:
        transport = Transport(
            PersonalToken("secret"),
            api_url=wire.url,
            clock=clock,
            reserve=reserve,
            patience=patience,
            timeout=httpx.Timeout(timeout),
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
            await transport.send("POST", "/x", {})
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
        (403, {"retry-after": "0"}, "You have exceeded a secondary rate limit", 1.0),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000090"}, "API rate limit exceeded", 90.0),
        (403, {"x-ratelimit-remaining": "12"}, "You have exceeded a secondary rate limit", 60.0),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000090"}, "A secondary rate limit", 60.0),
        (429, {}, "", 60.0),
    ],
)
async def test_rate_limits(status: int, headers: dict[str, str], message: str, wait: float) -> None:
    body = json.dumps({"message": message}).encode()
    async with talking(lambda _: Answer(status, body, headers)) as (transport, wire, clock):
        for ask in (transport.get("/x", User), transport.send("POST", "/x")):
            with pytest.raises(RateLimited) as caught:
                await ask
            assert caught.value.retry_after == pytest.approx(wait, abs=1.0)
        held = transport.budget.held_until
        assert held is not None
        assert held - clock.now() == pytest.approx(wait, abs=1.0)
    assert len(wire.asked) == 1, "the whole account is held"
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
            await transport.send(method, "/x", {"a": 1})
    assert len(wire.asked) == 1


async def test_an_answer_that_never_comes() -> None:
    waiting: list[Wire] = []

    def hang(_: Asked) -> None:
        waiting[0].over.wait(30)

    async with talking(hang, timeout=0.1) as (transport, wire, _):
        waiting.append(wire)
        with pytest.raises(Unavailable, match="no answer in time"):
            await transport.send("POST", "/x")
        with pytest.raises(Unavailable, match="no answer in time"):
            await transport.get("/x", User)
    assert Counter(asked.method for asked in wire.asked) == {"POST": 1, "GET": READ_TRIES}


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    transport = Transport(PersonalToken("secret"), api_url=url, clock=ManualClock())
    try:
        with pytest.raises(Unavailable, match=r"can't be reached: \S") as caught:
            await transport.get("/x", User)
        assert "secret" not in repr(caught.value)
    finally:
        await transport.close()


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


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("count", [0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE + 50])
async def test_every_page(count: int, linked: bool) -> None:
    """By its links, which name a host as a proxy knows it; and without them, since a 304 has none."""

    def respond(asked: Asked) -> Answer:
        query = httpx.URL(asked.path).params
        assert query["state"] == "open"
        start = (int(query.get("page", "1")) - 1) * int(query["per_page"])
        end = start + int(query["per_page"])
        rows = [{"login": str(n)} for n in range(start, min(count, end))]
        following = f"https://elsewhere.invalid/users?state=open&per_page={PAGE}&page={end // PAGE + 1}"
        headers = {"link": f'<{following}>; rel="next", <x>; rel="last"'} if linked and end < count else {}
        return Answer(body=json.dumps(rows).encode(), headers=headers)

    async with talking(respond) as (transport, _, _):
        found = await transport.pages("/users", User, params={"state": "open"})
    assert [user.login for user in found] == [str(n) for n in range(count)]


async def test_a_listing_without_end() -> None:
    headers = {"link": '</users?page=7>; rel="next"'}
    async with talking(lambda _: Answer(body=b"[]", headers=headers)) as (transport, wire, _):
        with pytest.raises(HubError, match="does not end"):
            await transport.pages("/users", User)
    assert len(wire.asked) == 2


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"login": "oc', b"\xff"])
async def test_an_answer_that_is_no_json_is_none(body: bytes) -> None:
    """A proxy's page, or half an answer: asked again, and never remembered."""
    answers = [Answer(body=body, headers={"etag": '"a"'}), OCTO]
    async with talking(lambda _: answers.pop(0)) as (transport, wire, _):
        assert (await transport.get("/user", User)).login == "octo"
        assert "if-none-match" not in wire.asked[1].headers
    async with talking(lambda _: Answer(body=body)) as (transport, wire, _):
        with pytest.raises(Unavailable, match="/users: the answer can't be read"):
            await transport.make("POST", "/users", User, {})
    assert len(wire.asked) == 1


@pytest.mark.parametrize("body", [b'{"login": 3}', b"[]"])
async def test_an_answer_of_another_shape(body: bytes) -> None:
    async with talking(lambda _: Answer(body=body)) as (transport, wire, _):
        with pytest.raises(HubError, match="/user: the answer can't be read") as caught:
            await transport.get("/user", User)
    assert not isinstance(caught.value, Unavailable)
    assert len(wire.asked) == 1


# ── limits ──


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_short_limit_is_waited_out(method: str) -> None:
    """Also by a write: the host says that it was not carried out."""
    answers = [Answer(429, headers={"retry-after": "7"}), Answer(403, b'{"message": "Secondary rate limit"}'), OCTO]
    async with talking(lambda _: answers.pop(0), patience=100.0) as (transport, wire, _):
        if method == "GET":
            await transport.get("/user", User)
        else:
            await transport.send("POST", "/user")
        assert transport.budget.held_until is None
    assert [after.at - before.at for before, after in pairwise(wire.asked)] == [7.0, 60.0]


async def test_a_limit_without_words_is_kept_for_longer_each_time() -> None:
    answers = [Answer(429), Answer(429), OCTO, Answer(429)]
    waits: list[float] = []
    async with talking(lambda _: answers.pop(0)) as (transport, _, clock):
        while answers:
            try:
                await transport.get("/user", User)
            except RateLimited as error:
                waits.append(error.retry_after)
                clock.advance(error.retry_after)
    assert waits == [60.0, 120.0, 60.0]


async def test_others_wait_with_it() -> None:
    answers = [Answer(429, headers={"retry-after": "5"}), OCTO, OCTO, OCTO]
    async with talking(lambda _: answers.pop(0), patience=10.0) as (transport, wire, _):
        await asyncio.gather(*(transport.get(f"/{n}", User) for n in range(3)))
    first, *rest = wire.asked
    assert len([asked for asked in rest if asked.at < first.at + 5]) <= 2, "only those that were under way"


def counted(remaining: int, *, limit: int = 100, reset: int = 1_700_000_600, resource: str = "core") -> Answer:
    left = {"limit": limit, "remaining": remaining, "reset": reset, "resource": resource}
    headers = {f"x-ratelimit-{name}": str(value) for name, value in left.items()}
    return Answer(body=OCTO.body, headers=headers)


async def test_a_reserve_is_left_to_people() -> None:
    answers = [counted(11), counted(10), counted(9), counted(0), counted(99, reset=1_700_004_200)]
    async with talking(lambda _: answers.pop(0), reserve=0.1, patience=10.0) as (transport, wire, clock):
        for _ in range(2):
            await transport.get("/user", User)
        for ask in (transport.get("/user", User), transport.send("POST", "/x")):
            with pytest.raises(RateLimited, match="10 of 100 requests are left") as caught:
                await ask
            assert caught.value.retry_after == pytest.approx(600, abs=1)
        await transport.send("PUT", "/merge", essential=True)
        await transport.get("/user", User, essential=True)
        with pytest.raises(RateLimited, match="0 of 100"):
            await transport.send("PUT", "/merge", essential=True)
        assert len(wire.asked) == 4
        clock.advance(601)
        await transport.get("/user", User)
    assert len(wire.asked) == 5


async def test_the_limit_of_searches_is_another_one() -> None:
    answers = [counted(90), counted(0, limit=30, resource="search"), counted(89)]
    async with talking(lambda _: answers.pop(0), reserve=0.1) as (transport, _, _):
        for _ in range(3):
            await transport.get("/user", User)
        assert (transport.budget.remaining, transport.budget.limit) == (89, 100)


async def test_errors_are_counted() -> None:
    answers = [Answer(404), Answer(404), Answer(422), OCTO]
    async with talking(lambda _: answers.pop(0)) as (transport, _, _):
        for _ in range(3):
            with pytest.raises(HubError):
                await transport.get("/user", User)
        await transport.get("/user", User)
        assert transport.budget.errors == {"NotFound": 2, "Refused": 1}


# ── redirects ──


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_read_follows_a_redirect(status: int) -> None:
    def respond(asked: Asked) -> Answer:
        if asked.path.startswith("/old"):
            return Answer(status, headers={"location": "/new?a=1"})
        return Answer(body=OCTO.body, headers={"etag": '"x"'})

    async with talking(respond) as (transport, wire, _):
        for _ in range(2):
            assert (await transport.get("/old", User)).login == "octo"
    assert [asked.path for asked in wire.asked] == ["/old", "/new?a=1"] * 2
    assert wire.asked[3].headers["if-none-match"] == '"x"'


@pytest.mark.parametrize(("status", "followed"), [(301, False), (302, False), (307, True), (308, True)])
async def test_a_write_follows_what_keeps_it_a_write(status: int, followed: bool) -> None:
    answers = [Answer(status, headers={"location": "/new"}), OCTO]
    async with talking(lambda _: answers.pop(0)) as (transport, wire, _):
        if followed:
            await transport.send("POST", "/old", {"a": 1})
        else:
            with pytest.raises(HubError, match=str(status)):
                await transport.send("POST", "/old", {"a": 1})
    assert {(asked.method, asked.body) for asked in wire.asked} == {("POST", b'{"a":1}')}


@pytest.mark.parametrize("location", ["http://elsewhere.invalid/user", "//elsewhere.invalid/", "https://127.0.0.1:1/"])
async def test_a_token_goes_to_no_other_host(location: str) -> None:
    async with talking(lambda _: Answer(302, headers={"location": location})) as (transport, wire, _):
        with pytest.raises(HubError, match="another host"):
            await transport.get("/user", User)
    assert len(wire.asked) == 1


async def test_redirects_that_go_round() -> None:
    async with talking(lambda _: Answer(302, headers={"location": "/user"})) as (transport, wire, _):
        with pytest.raises(HubError, match="302"):
            await transport.get("/user", User)
    assert len(wire.asked) == 6


# ── what is beyond measure ──


async def test_an_answer_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loreli_ray.hub.transport.LARGEST", 2**20)
    body = json.dumps({"login": "x" * 2**20}).encode()
    async with talking(lambda _: Answer(body=body)) as (transport, wire, _):
        with pytest.raises(HubError, match="larger than 1 MiB"):
            await transport.get("/user", User)
    assert len(wire.asked) == 1


async def test_an_answer_that_trickles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loreli_ray.hub.transport.WHOLE", 0.3)
    async with talking(lambda _: Answer(body=b" " * 40 + OCTO.body, drip=0.05), timeout=10.0) as (transport, _, _):
        with pytest.raises(Unavailable, match="no answer in time"):
            await transport.send("GET", "/user")


async def test_half_an_answer() -> None:
    headers = {"content-length": "900"}
    async with talking(lambda _: Answer(body=OCTO.body, headers=headers)) as (transport, wire, _):
        with pytest.raises(Unavailable, match="can't be reached"):
            await transport.get("/user", User)
    assert len(wire.asked) == READ_TRIES


# ── the API's version ──


@pytest.mark.parametrize(
    ("offered", "used"),
    [
        (["2026-03-10", "2022-11-28"], "2022-11-28"),
        (["2026-03-10", "2028-01-01"], "2028-01-01"),
        ([], None),
        (None, None),
    ],
)
async def test_a_version_that_the_host_has(offered: list[str] | None, used: str | None) -> None:
    def respond(asked: Asked) -> Answer:
        if asked.path != "/versions":
            return OCTO
        return Answer(404) if offered is None else Answer(body=json.dumps(offered).encode())

    async with talking(respond) as (transport, wire, _):
        await transport.agree()
        await transport.get("/user", User)
    assert wire.asked[1].headers.get("x-github-api-version") == used


# ── the host's clock ──


@pytest.mark.parametrize("ahead", [0.0, 3600.0, -86_400.0])
async def test_the_hosts_clock(ahead: float) -> None:
    async with talking(lambda _: OCTO) as (transport, wire, clock):
        assert transport.offset == 0.0
        wire.ahead = ahead
        for _ in range(5):
            clock.advance(0.3)
            await transport.get("/user", User)
        assert transport.offset == pytest.approx(ahead, abs=1.0)
        assert transport.budget.offset == transport.offset


async def test_a_limit_ends_by_the_hosts_clock() -> None:
    answers = [counted(0, reset=1_700_000_000 + 3600 + 90), OCTO]
    async with talking(lambda _: answers.pop(0)) as (transport, wire, clock):
        wire.ahead = 3600.0
        await transport.get("/user", User)
        with pytest.raises(RateLimited) as caught:
            await transport.get("/user", User)
        assert caught.value.retry_after == pytest.approx(90, abs=1)
        clock.advance(91)
        await transport.get("/user", User)


# ── proxies ──


async def test_a_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()
    with Wire(lambda _: OCTO, clock=clock) as wire:
        monkeypatch.setenv("http_proxy", wire.url)
        monkeypatch.setenv("no_proxy", "near.invalid")
        for host, proxied in (("ghes.invalid", True), ("near.invalid", False)):
            transport = Transport(PersonalToken("secret"), api_url=f"http://{host}/api/v3", clock=clock)
            if proxied:
                assert (await transport.get("/user", User)).login == "octo"
            else:
                with pytest.raises(Unavailable):
                    await transport.send("GET", "/user")
            await transport.close()
    assert [asked.path for asked in wire.asked] == ["http://ghes.invalid/api/v3/user"]


# ── whatever comes back ──

_HEADERS = {
    "retry-after": ["0", "-1", "x", "9" * 30, "Wed, 21 Oct 2015 07:28:00 GMT"],
    "x-ratelimit-remaining": ["0", "-1", "x", "9" * 30],
    "x-ratelimit-limit": ["0", "60", "x", "9" * 30],
    "x-ratelimit-reset": ["0", "-1", "x", "9" * 30, "1700000001"],
    "link": ["", "x", '<http://[>; rel="next"', '<:>; rel="next"', '</user?page=2>; rel="next"', '<>; rel="next"'],
    "location": ["", "http://[", "/user", "ftp://x", "//"],
    "etag": ["", "x", '"x"'],
    "content-type": ["", "text/html", "application/json; charset=nonsense"],
}
_BODIES = [
    b"",
    b"{}",
    b"[]",
    b"null",
    b'{"login": "octo"}',
    b'[{"login": "octo"}]',
    b"<html>",
    b"\xff\xfe",
    b'{"message": [',
]


@settings(max_examples=60, deadline=None)
@example(status=403, headers={"retry-after": "9" * 30}, body=b"{}")
@example(status=429, headers={"retry-after": "-1"}, body=b"{}")
@example(status=403, headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9" * 30}, body=b"{}")
@example(status=200, headers={"x-ratelimit-remaining": "9" * 400, "x-ratelimit-limit": "9" * 400}, body=b"{}")
@example(status=200, headers={"link": '<http://[>; rel="next"'}, body=b"[]")
@example(status=302, headers={"location": "http://["}, body=b"")
@example(status=302, headers={"location": "http://x:99999999/"}, body=b"")
@given(
    status=st.sampled_from([200, 201, 204, 206, 301, 302, 304, 307, 400, 401, 403, 404, 409, 422, 429, 500, 503]),
    headers=st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in _HEADERS.items()}),
    body=st.sampled_from(_BODIES),
)
def test_whatever_comes_back_is_an_answer_or_an_error_of_ours(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    async def ask() -> None:
        answer = Answer(status, b"" if status in (204, 304) else body, headers)
        async with talking(lambda _: answer, reserve=0.1, patience=5.0) as (transport, wire, _):
            for one in (
                lambda: transport.get("/user", User),
                lambda: transport.pages("/users", User),
                lambda: transport.make("POST", "/users", User, {}),
            ):
                with suppress(HubError):
                    await one()
            assert len(wire.asked) < 50
            assert transport.budget.model_dump_json()

    asyncio.run(ask())
