"""Troubles of a git host, put between the network and the forge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Answer = Callable[[Scope, Receive, Send], Awaitable[None]]


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


async def _nowhere(_: Message) -> None:
    """Where the answer of a request is lost."""
