"""The session's HTTP API, on loopback of the head: how commands reach a running session without joining the cluster.

Its URL and its token lie in a 0600 file. Every request needs the token; nothing here starts an agent.
"""

from __future__ import annotations

import hmac
import json
import secrets
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import uvicorn
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from loreli_ray.actors.settings import SessionSettings
from loreli_ray.errors import DeadlineExceeded, LoreliError, SessionError
from loreli_ray.files import write_private
from loreli_ray.model import Cause, Event, EventQuery

Answer = Callable[[Request], Awaitable[Response]]
_HOST = "127.0.0.1"


class Session(Protocol):
    """What the API asks of the supervisor; see there."""

    async def status(self) -> dict[str, Any]: ...
    async def metrics(self) -> bytes: ...
    async def health(self, name: str) -> dict[str, Any]: ...
    async def events(self, query: EventQuery) -> list[Event]: ...
    async def screen(self, name: str, lines: int) -> tuple[str, bool]: ...
    async def attach_command(self, name: str) -> list[str]: ...
    async def answer(self, name: str, text: str) -> None: ...
    async def stop(self, name: str, cause: Cause, reason: str) -> None: ...
    async def kill(self, name: str, why: str) -> None: ...
    async def reset(self, backend: str) -> int: ...
    async def drain(self) -> int: ...


class Api:
    """Serves one session. `serve` returns when the process ends."""

    def __init__(self, session: Session, *, settings: SessionSettings) -> None:
        self._session = session
        self._settings = settings
        self._token = secrets.token_urlsafe(32)

    async def serve(self) -> None:
        listener = socket.create_server((_HOST, 0))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else every answer waits 40 ms for an ACK
        url = f"http://{_HOST}:{listener.getsockname()[1]}"
        write_private(self._settings.endpoint, json.dumps({"url": url, "token": self._token}))
        config = uvicorn.Config(self._app(), log_level="warning", access_log=False, lifespan="off")
        await uvicorn.Server(config).serve(sockets=[listener])

    def _app(self) -> Starlette:
        routes = [
            Route("/status", self._guarded(self._status)),
            Route("/events", self._guarded(self._events)),
            Route("/metrics", self._guarded(self._metrics_text)),
            Route("/agents/{name:path}/screen", self._guarded(self._screen)),
            Route("/agents/{name}/health", self._guarded(self._health)),
            Route("/agents/{name}/attach", self._guarded(self._attach)),
            Route("/agents/{name}/send", self._guarded(self._send), methods=["POST"]),
            Route("/agents/{name}/stop", self._guarded(self._stop), methods=["POST"]),
            Route("/agents/{name}/kill", self._guarded(self._kill), methods=["POST"]),
            Route("/backends/{name}/reset", self._guarded(self._reset), methods=["POST"]),
            Route("/drain", self._guarded(self._drain), methods=["POST"]),
        ]
        return Starlette(routes=routes)

    def _guarded(self, answer: Answer) -> Answer:
        async def guarded(request: Request) -> Response:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), self._token.encode()):
                return _error(401, "the session's token is needed")
            try:
                return await answer(request)
            except DeadlineExceeded as error:
                return _error(504, str(error))
            except SessionError as error:
                return _error(404, str(error))
            except LoreliError as error:
                return _error(409, str(error))

        return guarded

    async def _status(self, _: Request) -> Response:
        return JSONResponse(await self._session.status())

    async def _events(self, request: Request) -> Response:
        given = request.query_params
        try:
            query = EventQuery.model_validate({**given, "kinds": given.getlist("kinds")})
        except ValidationError as error:
            return _error(400, f"{error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}")
        found = [event.model_dump(mode="json") for event in await self._session.events(query)]
        return Response(json.dumps(found), media_type="application/json")  # ASCII: half a character is no UTF-8

    async def _metrics_text(self, _: Request) -> Response:
        return Response(await self._session.metrics(), media_type="text/plain; version=0.0.4")

    async def _screen(self, request: Request) -> Response:
        lines = max(1, _whole(request.query_params.get("lines"), 200))
        screen, live = await self._session.screen(_name(request), lines)
        return JSONResponse({"screen": screen, "live": live})

    async def _health(self, request: Request) -> Response:
        return JSONResponse(await self._session.health(_name(request)))

    async def _attach(self, request: Request) -> Response:
        return JSONResponse({"command": await self._session.attach_command(_name(request))})

    async def _send(self, request: Request) -> Response:
        text = (await request.body()).decode("utf-8", "replace")
        await self._session.answer(_name(request), text)
        return JSONResponse({})

    async def _stop(self, request: Request) -> Response:
        await self._session.stop(_name(request), Cause.SHUTDOWN, "asked for by a person")
        return JSONResponse({})

    async def _kill(self, request: Request) -> Response:
        await self._session.kill(_name(request), "asked for by a person")
        return JSONResponse({})

    async def _reset(self, request: Request) -> Response:
        return JSONResponse({"closed": await self._session.reset(_name(request))})

    async def _drain(self, _: Request) -> Response:
        return JSONResponse({"left": await self._session.drain()})


def _name(request: Request) -> str:
    return str(request.path_params["name"])


def _whole(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isdigit() else default


def _error(status: int, message: str) -> Response:
    body: dict[str, Any] = {"error": message}
    return JSONResponse(body, status_code=status)
