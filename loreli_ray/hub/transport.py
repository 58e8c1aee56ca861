"""HTTP to the git host, through githubkit, for one account.

githubkit signs and sends; what it would do beyond that is switched off (facts of the client: its cache revalidates with
stale ETags, its retries repeat POSTs, it opens a connection per call). So here are an ETag store, a keep-alive
transport, time-outs, retries for reads only, and a pause between writes.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, TypeVar

import httpx
from githubkit import GitHub
from githubkit.exception import GitHubException, RequestFailed, RequestTimeout
from githubkit.exception import RequestError as RequestProblem
from pydantic import BaseModel, TypeAdapter, ValidationError

from loreli_ray.clock import Clock
from loreli_ray.errors import Conflict, HubError, NotFound, RateLimited, Refused, Unavailable
from loreli_ray.model import Budget

T = TypeVar("T")

TIMEOUT = httpx.Timeout(30.0, connect=10.0)
READ_TRIES = 3
PAGE = 100
REMEMBERED = 2000
_KINDS: dict[int, type[HubError]] = {
    **dict.fromkeys((401, 403, 405, 410, 422), Refused),
    404: NotFound,
    409: Conflict,
}


class _KeptAlive(httpx.AsyncHTTPTransport):
    """githubkit makes a client for each call and closes it; the connections live on here."""

    async def aclose(self) -> None:
        """Does nothing: see `really_close`."""

    async def really_close(self) -> None:
        await super().aclose()


class Transport:
    """Requests of one account. `pause` is the shortest time between two writes, in seconds.

    Every method raises a `HubError`: `Unavailable` when no answer comes, else what the status says.
    """

    def __init__(
        self, *, token: str, api_url: str, clock: Clock, pause: float, timeout: httpx.Timeout = TIMEOUT
    ) -> None:
        self._kept = _KeptAlive(limits=httpx.Limits(max_keepalive_connections=8))
        self._github: GitHub[Any] = GitHub(
            token,
            base_url=api_url.rstrip("/") + "/",
            http_cache=False,
            auto_retry=False,
            timeout=timeout,
            async_transport=self._kept,
            user_agent="loreli-ray",
        )
        self._clock = clock
        self._pause = pause
        self._last_write = float("-inf")
        self._writing = asyncio.Lock()
        self._seen: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self._told: dict[str, bytes] = {}
        self.budget = Budget()

    async def close(self) -> None:
        await self._kept.really_close()

    async def get(self, url: str, shape: type[T], *, params: Mapping[str, str | int] | None = None) -> T:
        """A conditional GET, parsed as `shape`; asked again up to three times when the host is unavailable."""
        return _parse(await self._read(url, params=params), shape, url=url)

    async def news(self, url: str, shape: type[T], *, params: Mapping[str, str | int] | None = None) -> T | None:
        """The same, but None when it still is what it was when last asked for."""
        content = await self._read(url, params=params)
        key = _key(url, params)
        if self._told.get(key) is content:
            return None
        self._told[key] = content
        return _parse(content, shape, url=url)

    async def pages(self, url: str, shape: type[T], *, params: Mapping[str, str | int] | None = None) -> list[T]:
        """Every page of a listing."""
        found: list[T] = []
        for page in range(1, 1000):
            asked = {**(params or {}), "per_page": PAGE, "page": page}
            batch = _parse(await self._read(url, params=asked), list[shape], url=url)
            found += batch
            if len(batch) < PAGE:
                return found
        raise HubError("the listing does not end", subject=url)

    async def write(self, method: str, url: str, json: object = None) -> bytes:
        """One write, never repeated: one at a time for the account, with the pause before it."""
        async with self._writing:
            wait = self._last_write + self._pause - self._clock.monotonic()
            if wait > 0:
                await self._clock.sleep(wait)
            try:
                return (await self._send(method, url, json=json)).content
            finally:
                self._last_write = self._clock.monotonic()

    async def make(self, method: str, url: str, shape: type[T], json: object) -> T:
        """A write, and what it made, parsed as `shape`."""
        return _parse(await self.write(method, url, json), shape, url=url)

    async def _read(self, url: str, *, params: Mapping[str, str | int] | None) -> bytes:
        key = _key(url, params)
        for attempt in range(1, READ_TRIES + 1):
            try:
                return await self._read_once(url, key=key, params=params)
            except Unavailable:
                if attempt == READ_TRIES:
                    raise
                await self._clock.sleep(0.5 * 2**attempt)
        raise AssertionError("unreachable")

    async def _read_once(self, url: str, *, key: str, params: Mapping[str, str | int] | None) -> bytes:
        known = self._seen.get(key)
        headers = {"If-None-Match": known[0]} if known else {}
        response = await self._send("GET", url, params=dict(params or {}), headers=headers)
        if response.status_code == 304 and known is not None:
            self._seen.move_to_end(key)
            return known[1]
        if etag := response.headers.get("etag"):
            self._seen[key] = (etag, response.content)
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
        return response.content

    async def _send(self, method: str, url: str, **options: Any) -> httpx.Response:
        subject = f"{method} {url}"
        try:
            answer = await self._github.arequest(method, url, **options)  # pyright: ignore[reportUnknownMemberType]
        except RequestFailed as error:
            self._count(error.response.raw_response)
            raise _refusal(error.response.raw_response, subject=subject, now=self._clock.now()) from error
        except RequestTimeout as error:
            raise Unavailable("no answer in time", subject=subject) from error
        except RequestProblem as error:  # pyright: ignore[reportUnknownVariableType]
            cause: object = error.__cause__
            raise Unavailable(f"can't be reached: {str(cause) or type(cause).__name__}", subject=subject) from error
        except (GitHubException, ValueError) as error:  # ValueError: a Retry-After that is no number
            raise HubError(f"the answer can't be read: {error}", subject=subject) from error
        self._count(answer.raw_response)
        return answer.raw_response

    def _count(self, response: httpx.Response) -> None:
        free = response.status_code == 304
        self.budget = Budget(
            limit=_number(response, "x-ratelimit-limit"),
            remaining=_number(response, "x-ratelimit-remaining"),
            reset=_number(response, "x-ratelimit-reset"),
            paid=self.budget.paid + (not free),
            free=self.budget.free + free,
        )


def _key(url: str, params: Mapping[str, str | int] | None) -> str:
    return str(httpx.URL(url, params=dict(params or {})))


def _parse(content: bytes, shape: type[T], *, url: str) -> T:
    try:
        return TypeAdapter(shape).validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise HubError(f"the answer can't be read: {where}: {first['msg']}", subject=url) from error


def _number(response: httpx.Response, header: str) -> int | None:
    text = response.headers.get(header, "")
    return int(text) if text.isdigit() else None


class _Complaint(BaseModel):
    """GitHub's error body: https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api."""

    message: str = ""
    errors: object = None


def _refusal(response: httpx.Response, *, subject: str, now: float) -> HubError:
    status = response.status_code
    try:
        said = _Complaint.model_validate_json(response.content)
    except ValidationError:
        said = _Complaint()
    message = f"{status} {said.message or response.reason_phrase}" + (f" {said.errors}" if said.errors else "")
    wait = _wait(response, said.message, now=now)
    if wait is not None:
        return RateLimited(message, subject=subject, status=status, retry_after=wait)
    kind = Unavailable if status >= 500 else _KINDS.get(status, HubError)
    return kind(message, subject=subject, status=status)


def _wait(response: httpx.Response, said: str, *, now: float) -> float | None:
    """How many seconds a rate limit asks to wait; None when the refusal is none.

    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
    """
    if response.status_code not in (403, 429):
        return None
    after, reset = _number(response, "retry-after"), _number(response, "x-ratelimit-reset")
    if after is not None:
        return float(after)
    if _number(response, "x-ratelimit-remaining") == 0 and reset is not None:
        return max(0.0, reset - now)
    return 60.0 if response.status_code == 429 or "rate limit" in said.lower() else None
