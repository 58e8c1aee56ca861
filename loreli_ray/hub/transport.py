"""HTTP to the git host, through githubkit, for one account.

githubkit builds and sends; what it would do beyond that is switched off (facts of the client: its cache revalidates
with stale ETags, its retries repeat POSTs, it opens a connection per call). So here are an ETag store, a keep-alive
transport, deadlines, bounded bodies, redirects that never carry a token elsewhere, and the account's rate limits:

- a secondary limit holds every request of the account; what can be waited out within `patience` is;
- at the primary limit nothing is sent until the reset, and of the last `reserve` of it only what is essential: people
  use the same account;
- reads are repeated when no answer comes. Writes never are: see `loreli_ray.hub.account`.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Mapping
from functools import lru_cache
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, cast
from urllib.request import getproxies, proxy_bypass

import httpx
from githubkit import GitHub
from githubkit.exception import GitHubException, RequestFailed, RequestTimeout
from githubkit.exception import RequestError as RequestProblem
from pydantic import TypeAdapter, ValidationError

from loreli_ray.clock import Clock
from loreli_ray.errors import HubError, NotFound, RateLimited, Unavailable
from loreli_ray.hub import refusals
from loreli_ray.hub.host_clock import HostClock
from loreli_ray.model import Budget

T = TypeVar("T")

TIMEOUT = httpx.Timeout(30.0, connect=10.0)
WHOLE = 60.0  # seconds that an answer may take altogether: the host may be slow at every single byte
LARGEST = 32 * 2**20
READ_TRIES = 3
PAGE = 100
PAGES = 1000
REMEMBERED = 2000
VERSION = "2022-11-28"
_PAUSE = 60.0  # for a secondary limit that does not say how long
_LONGEST_PAUSE = 900.0
_HOPS = 5


class Keys(Protocol):
    """What an account signs its requests with."""

    async def token(self, *, now: float) -> str:
        """The token that holds now, by the host's clock."""
        ...

    def reject(self) -> bool:
        """The host did not take the token. Whether another one can be had."""
        ...


class TooLarge(Exception):
    """An answer beyond all measure."""


class _Bounded(httpx.AsyncByteStream):
    """An answer's body, up to `LARGEST` bytes of it."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > LARGEST:
                raise TooLarge(f"it is larger than {LARGEST >> 20} MiB")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


class _KeptAlive(httpx.AsyncHTTPTransport):
    """githubkit makes a client for each call and closes it; the connections live on here."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        response.stream = _Bounded(cast(httpx.AsyncByteStream, response.stream))
        return response

    async def aclose(self) -> None:
        """Does nothing: see `really_close`."""

    async def really_close(self) -> None:
        await super().aclose()


class _Page(NamedTuple, Generic[T]):
    """What was read, and where it goes on."""

    value: T
    following: str | None


class Transport:
    """Requests of one account, with `reserve` (a share of the primary limit) left alone, and `patience` in seconds.

    Every method raises a `HubError`: `Unavailable` when no answer comes that can be read, `RateLimited` when a limit
    asks to wait longer than `patience`, else what the status says.
    """

    def __init__(
        self,
        keys: Keys,
        *,
        api_url: str,
        clock: Clock,
        host_clock: HostClock | None = None,
        reserve: float = 0.0,
        patience: float = 0.0,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> None:
        self._base = httpx.URL(api_url.rstrip("/") + "/")
        self._kept = _KeptAlive(limits=httpx.Limits(max_keepalive_connections=8), proxy=_proxy(self._base))
        self._github: GitHub[Any] = GitHub(
            base_url=self._base,
            http_cache=False,
            auto_retry=False,
            follow_redirects=False,
            timeout=timeout,
            async_transport=self._kept,
            user_agent="loreli-ray",
        )
        self._keys = keys
        self._clock = clock
        self._reserve = reserve
        self._patience = patience
        self._version: str | None = None
        self._host = host_clock or HostClock()
        self._budget = Budget()
        self._errors: Counter[str] = Counter()
        self._held_until = float("-inf")
        self._strikes = 0
        self._known: OrderedDict[tuple[str, object], tuple[str, _Page[Any]]] = OrderedDict()
        self.scopes: str | None = None

    async def close(self) -> None:
        await self._kept.really_close()

    @property
    def offset(self) -> float:
        """What is to be added to our clock to have the host's, in seconds."""
        return self._host.offset

    @property
    def host_now(self) -> float:
        return self._clock.now() + self.offset

    @property
    def budget(self) -> Budget:
        """What is left and what was used. `held_until` is by our own clock."""
        held = self._held_until - self._clock.monotonic()
        return self._budget.model_copy(
            update={
                "held_until": self._clock.now() + held if held > 0 else None,
                "offset": self.offset,
                "errors": dict(self._errors),
            }
        )

    async def agree(self) -> None:
        """Settles on a version of the API: https://docs.github.com/en/rest/about-the-rest-api/api-versions.

        Ours where the host has it, else its newest; a host without versions is not asked for one.
        """
        try:
            offered = await self.get("/versions", list[str])
        except NotFound:
            return
        self._version = VERSION if VERSION in offered else max(offered, default=None)

    async def get(
        self, url: str, shape: type[T], *, params: Mapping[str, str | int] | None = None, essential: bool = False
    ) -> T:
        """A conditional GET, parsed as `shape`; asked again up to three times when the host is unavailable."""
        return (await self._read(_asked(url, params), shape, essential=essential)).value

    async def pages(self, url: str, shape: type[T], *, params: Mapping[str, str | int] | None = None) -> list[T]:
        """Every page of a listing, by its Link headers (RFC 8288)."""
        found: list[T] = []
        visited: set[str] = set()
        here: str | None = _asked(url, {**(params or {}), "per_page": PAGE})
        while here is not None:
            if here in visited or len(visited) == PAGES:
                raise HubError("the listing does not end", subject=url)
            visited.add(here)
            page = await self._read(here, list[shape], essential=False)
            found += page.value
            here = page.following
            if here is None and len(page.value) == PAGE:
                here = _after(visited, url=url, params=params)
        return found

    async def send(self, method: str, url: str, json: object = None, *, essential: bool = False) -> bytes:
        """One request that is not repeated, unless the host said that it was not carried out."""
        return (await self._exchange(method, url, json=json, essential=essential)).content

    async def make(self, method: str, url: str, shape: type[T], json: object, *, essential: bool = False) -> T:
        """The same, and what it made, parsed as `shape`."""
        return _parse(await self.send(method, url, json, essential=essential), shape, url=url)

    async def ask(self, query: str, shape: type[T], **variables: str | int) -> T:
        """A GraphQL query and its answer. Raises `NotFound` where the host has no GraphQL.

        https://docs.github.com/en/enterprise-server/graphql/guides/forming-calls-with-graphql#the-graphql-endpoint
        """
        path = self._base.path.removesuffix("/v3/").rstrip("/")
        url = str(self._base.copy_with(path=f"{path}/graphql"))
        return await self.make("POST", url, shape, {"query": query, "variables": variables})

    # ── reading ──

    async def _read(self, url: str, shape: type[T], *, essential: bool) -> _Page[T]:
        for attempt in range(1, READ_TRIES + 1):
            try:
                return await self._read_once(url, shape, essential=essential)
            except Unavailable:
                if attempt == READ_TRIES:
                    raise
                await self._clock.sleep(0.5 * 2**attempt)
        raise AssertionError("unreachable")

    async def _read_once(self, url: str, shape: type[T], *, essential: bool) -> _Page[T]:
        etag, page = self._known.get((url, shape), ("", None))
        headers = {"If-None-Match": etag} if etag else {}
        response = await self._exchange("GET", url, headers=headers, essential=essential)
        following = response.links.get("next", {}).get("url")
        if response.status_code == 304 and page is not None:
            self._known.move_to_end((url, shape))
            return page
        read = _Page(_parse(response.content, shape, url=url), self._here(following) if following else None)
        # Only what could be read is remembered: the host would go on confirming what nobody can read.
        if etag := response.headers.get("etag"):
            self._known[url, shape] = (etag, read)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return read

    def _here(self, url: str) -> str:
        """The same path on the host that we know: behind a proxy it may call itself by another name."""
        base = self._base
        try:
            return str(base.join(url).copy_with(scheme=base.scheme, host=base.host, port=base.port))
        except httpx.InvalidURL as error:
            raise HubError(f"the next page is no URL: {error}", subject=url) from error

    # ── one request, until the host has done it or refused it ──

    async def _exchange(
        self, method: str, url: str, *, json: object = None, headers: Mapping[str, str] | None = None, essential: bool
    ) -> httpx.Response:
        try:
            return await self._insist(method, url, json=json, headers=headers or {}, essential=essential)
        except HubError as error:
            self._errors[type(error).__name__] += 1
            raise

    async def _insist(
        self, method: str, url: str, *, json: object, headers: Mapping[str, str], essential: bool
    ) -> httpx.Response:
        subject = f"{method} {url}"
        deadline = self._clock.monotonic() + self._patience
        renewed, hops = False, 0
        while True:
            await self._admit(subject, deadline=deadline, essential=essential)
            response = await self._send(method, url, subject=subject, json=json, headers=headers)
            elsewhere = self._moved(method, response, subject=subject)
            if elsewhere is not None and hops < _HOPS:
                url, hops = elsewhere, hops + 1
                continue
            refused = refusals.refusal(response, subject=subject)
            if refused is None:
                self._strikes = 0
                return response
            if refused.status == 401 and not renewed and self._keys.reject():
                renewed = True
                continue
            limit = refusals.limit(response, now=self.host_now)
            if limit is None:
                raise refused
            wait = self._hold(limit)
            if limit.primary or self._clock.monotonic() + wait > deadline:
                raise RateLimited(refused.message, subject=subject, status=refused.status, retry_after=wait)

    async def _admit(self, subject: str, *, deadline: float, essential: bool) -> None:
        """Waits while the account is held. Raises `RateLimited` for what must not be sent now."""
        while (wait := self._held_until - self._clock.monotonic()) > 0:
            if self._held_until > deadline:
                raise RateLimited("the host asked to wait", subject=subject, retry_after=wait)
            await self._clock.sleep(wait)
        left = self._budget
        wait = 0.0 if left.reset is None else left.reset - self.host_now
        if wait > 0 and left.used_up(0.0 if essential else self._reserve):
            what = f"{left.remaining} of {left.limit} requests are left until the reset"
            raise RateLimited(what, subject=subject, retry_after=wait)

    def _hold(self, limit: refusals.Limit) -> float:
        """Holds the whole account; for how long, in seconds. Without a word of the host each time for longer."""
        wait = limit.wait
        if wait is None:
            wait = min(_LONGEST_PAUSE, _PAUSE * 2**self._strikes)
            self._strikes = min(self._strikes + 1, 10)
        elif not limit.primary:
            wait = max(1.0, wait)
        self._held_until = max(self._held_until, self._clock.monotonic() + wait)
        return wait

    def _moved(self, method: str, response: httpx.Response, *, subject: str) -> str | None:
        """Where the host has moved what was asked for. A token is never taken to another host.

        https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects
        """
        followed = (301, 302, 307, 308) if method == "GET" else (307, 308)
        if response.status_code not in followed or "location" not in response.headers:
            return None
        try:
            target = self._base.join(response.headers["location"])
        except httpx.InvalidURL as error:
            raise HubError(f"redirects to what is no URL: {error}", subject=subject) from error
        if (target.scheme, target.host, target.port) != (self._base.scheme, self._base.host, self._base.port):
            raise HubError(f"redirects to another host, {target.host}", subject=subject, status=response.status_code)
        return str(target)

    async def _send(
        self, method: str, url: str, *, subject: str, json: object, headers: Mapping[str, str]
    ) -> httpx.Response:
        signed = {"Authorization": f"Bearer {await self._keys.token(now=self.host_now)}", **headers}
        if self._version is not None:
            signed["X-GitHub-Api-Version"] = self._version
        sent = self._clock.now()
        try:
            async with asyncio.timeout(WHOLE):
                answer = await self._github.arequest(  # pyright: ignore[reportUnknownMemberType]
                    method, url, json=json, headers=signed
                )
            response = answer.raw_response
        except RequestFailed as error:
            response = error.response.raw_response
        except (RequestTimeout, TimeoutError) as error:
            raise Unavailable("no answer in time", subject=subject) from error
        except RequestProblem as error:  # pyright: ignore[reportUnknownVariableType]
            cause: object = error.__cause__
            if isinstance(cause, TooLarge):
                raise HubError(f"the answer can't be read: {cause}", subject=subject) from error
            raise Unavailable(f"can't be reached: {str(cause) or type(cause).__name__}", subject=subject) from error
        except (ValueError, OverflowError, OSError) as error:  # githubkit can't read when a rate limit is to end
            raise RateLimited(f"a limit that can't be read: {error}", subject=subject, retry_after=_PAUSE) from error
        except GitHubException as error:
            raise HubError(f"the answer can't be read: {error}", subject=subject) from error
        self._host.observe(response.headers.get("date"), sent=sent, received=self._clock.now())
        self._count(response)
        return response

    def _count(self, response: httpx.Response) -> None:
        free = response.status_code == 304
        update: dict[str, object] = {"paid": self._budget.paid + (not free), "free": self._budget.free + free}
        if refusals.core(response) and "x-ratelimit-limit" in response.headers:
            for name in ("limit", "remaining", "reset"):
                update[name] = refusals.number(response, f"x-ratelimit-{name}")
        self.scopes = response.headers.get("x-oauth-scopes", self.scopes)
        self._budget = self._budget.model_copy(update=update)


def _proxy(base: httpx.URL) -> str | None:
    """The proxy that the environment names for the host, as git takes it; this machine needs none."""
    if base.host == "localhost" or base.host.startswith("127.") or proxy_bypass(base.host):
        return None
    return getproxies().get(base.scheme)


def _asked(url: str, params: Mapping[str, str | int] | None) -> str:
    return str(httpx.URL(url).copy_merge_params(dict(params))) if params else url


def _after(visited: set[str], *, url: str, params: Mapping[str, str | int] | None) -> str:
    """The page after a full one that names none: a host need not say again, with a 304, that there is one more."""
    return _asked(url, {**(params or {}), "per_page": PAGE, "page": len(visited) + 1})


@lru_cache(maxsize=256)
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


def _parse(content: bytes, shape: type[T], *, url: str) -> T:
    """Raises `Unavailable` for what is no JSON, a proxy's page or half an answer, and `HubError` for another shape."""
    try:
        return _adapter(shape).validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        kind = Unavailable if first["type"] == "json_invalid" else HubError
        raise kind(f"the answer can't be read: {where}: {first['msg']}", subject=url) from error
