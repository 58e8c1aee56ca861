"""Troubles of a git host, put between the network and the forge."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Way = Callable[[ASGIApp, Scope, Receive, Send], Awaitable[None]]


class Trouble:
    """Gives a `share` of the requests with these `methods` that answer instead; `struck` counts them, by method.

    With `carried_out` the request is done first, and only its answer lost. Chance decides (from a seed), for requests
    come in rounds, and every n-th of them would always be the same.
    """

    def __init__(
        self,
        status: int,
        *,
        share: float,
        methods: frozenset[str] = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"}),
        headers: dict[str, str] | None = None,
        carried_out: bool = False,
    ) -> None:
        self._answer = JSONResponse({"message": "trouble"}, status_code=status, headers=headers)
        self._share = share
        self._methods = methods
        self._carried_out = carried_out
        self._dice = Random(7)
        self.struck: Counter[str] = Counter()

    def around(self, app: ASGIApp) -> ASGIApp:
        async def troubled(scope: Scope, receive: Receive, send: Send) -> None:
            reads = scope["type"] == "http" and scope["path"].endswith("/git-upload-pack")  # though it is a POST
            if scope["type"] != "http" or scope["method"] not in self._methods or (reads and self._carried_out):
                await app(scope, receive, send)
                return
            if self._dice.random() >= self._share:
                await app(scope, receive, send)
                return
            self.struck[scope["method"]] += 1
            if self._carried_out:
                await app(scope, receive, _nowhere)
            await self._answer(scope, receive, send)

        return troubled


class Storm:
    """All of it mixed: a `share` of the requests is struck, each in a way that chance picks (from a seed).

    `struck` counts them by way. git has no word for a secondary limit, so that does not strike it.
    """

    def __init__(self, *, share: float, seed: int) -> None:
        self._share = share
        self._dice = Random(seed)
        self._ways: dict[str, Way] = {
            "slow": self._slow,
            "cut": _cut,
            "cut, carried out": _after(_cut),
            "500": _answered(500),
            "503": _answered(503),
            "502, carried out": _after(_answered(502)),
            "429": _answered(429, headers={"retry-after": "1"}),
            "secondary limit": _answered(
                403, message="You have exceeded a secondary rate limit.", headers={"retry-after": "1"}
            ),
        }
        self.struck: Counter[str] = Counter()

    @property
    def names(self) -> set[str]:
        return set(self._ways)

    def around(self, app: ASGIApp) -> ASGIApp:
        async def struck(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or self._dice.random() >= self._share:
                await app(scope, receive, send)
                return
            name = self._dice.choice([*self._ways])
            if name == "secondary limit" and ".git/" in scope["path"]:
                name = "503"
            self.struck[name] += 1
            await self._ways[name](app, scope, receive, send)

        return struck

    async def _slow(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(self._dice.uniform(0.2, 2.0))
        await app(scope, receive, send)


def _answered(status: int, *, message: str = "trouble", headers: dict[str, str] | None = None) -> Way:
    """This instead."""
    answer = JSONResponse({"message": message}, status_code=status, headers=headers)

    async def way(_: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        await answer(scope, receive, send)

    return way


def _after(way: Way) -> Way:
    """The request is done first, and its answer lost."""

    async def later(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, _nowhere)
        await way(app, scope, receive, send)

    return later


async def _cut(_: ASGIApp, __: Scope, ___: Receive, send: Send) -> None:
    """An answer that is promised and never comes: the server hangs up when an application does that."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})


async def _nowhere(_: Message) -> None:
    """Where the answer of a request is lost."""
