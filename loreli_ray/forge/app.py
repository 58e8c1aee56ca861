"""The forge as one ASGI application: REST beneath `/` and `/api/v3` (as GitHub Enterprise has it), git beside it."""

from __future__ import annotations

import logging
from collections.abc import Collection
from email.utils import formatdate
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loreli_ray.clock import Clock
from loreli_ray.forge import graphql
from loreli_ray.forge.forge import Forge
from loreli_ray.forge.refusal import Refusal, not_found
from loreli_ray.forge.rest import ROUTES
from loreli_ray.forge.rest.limits import WINDOW, RateLimits
from loreli_ray.forge.rest.openapi import describe
from loreli_ray.forge.rest.reply import refused, respond
from loreli_ray.forge.rest.throttle import SecondaryLimits, Throttle
from loreli_ray.forge.smart_http import SmartHttp

RATE_LIMIT = 5000
UNKNOWN_MAX = 1000  # so many different ones are logged

_log = logging.getLogger(__name__)


class OriginForm:
    """Takes a request's target also with scheme and host before it, as a client sends it that takes us for a proxy.

    RFC 9112, 3.2.2: every server must.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path.startswith("http://"):
            plain = "/" + path.removeprefix("http://").partition("/")[2]
            scope = {**scope, "path": plain, "raw_path": plain.encode()}
        await self._app(scope, receive, send)


class DateHeader:
    """The forge's own time on every answer: clients reckon leases by it. It stands in for the server's."""

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Date"] = formatdate(self._clock.now(), usegmt=True)
            await send(message)

        await self._app(scope, receive, dated)


def create_app(
    forge: Forge,
    *,
    rate_limit: int = RATE_LIMIT,
    rate_window: float = WINDOW,
    secondary: SecondaryLimits | None = None,
    hook_hosts: Collection[str] = (),
) -> Starlette:
    """The application; `rate_limit` is in requests in each `rate_window` (seconds) for each token, and in points for
    GraphQL.

    Webhooks may lead to this machine and to `hook_hosts`. What delivers to them is a `Courier` beside the application.

    It writes the Date header itself, so its server should not.
    """
    routes = [Route("/openapi.json", _openapi), *ROUTES]
    app = Starlette(
        routes=[
            Route("/{owner}/{repo}.git/{path:path}", SmartHttp(forge)),
            Mount("/api/v3", routes=routes),
            Mount("/api", routes=graphql.ROUTES),
            *graphql.ROUTES,
            *routes,
        ],
        middleware=[Middleware(OriginForm), Middleware(DateHeader, clock=forge.clock)],
        exception_handlers={HTTPException: _unknown},
    )
    app.router.redirect_slashes = False
    app.state.forge = forge
    app.state.throttle = Throttle(secondary, forge.clock)
    app.state.hook_hosts = frozenset(hook_hosts)
    app.state.unknown = set[tuple[str, str]]()
    app.state.limits = RateLimits(rate_limit, forge.clock, span=rate_window)
    return app


def description() -> dict[str, Any]:
    """The REST API in OpenAPI 3.1, as JSON."""
    return describe(ROUTES)


async def _openapi(_request: Request) -> Response:
    """The description of all routes, for everybody."""
    return JSONResponse(description())


async def _unknown(request: Request, error: Exception) -> Response:
    """No such route, or not with this method: to GitHub it is the same. The log says what was looked for, once each."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    asked, seen = (request.method, request.scope["path"]), request.app.state.unknown
    if asked not in seen and len(seen) < UNKNOWN_MAX:
        seen.add(asked)
        _log.warning("no such route: %s %s", *asked)
    return respond(refused(not_found() if status in (404, 405) else Refusal(status, str(error))), request)
