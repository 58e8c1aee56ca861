"""The git host's webhook as a doorbell: it only makes the team look sooner, so nothing that it says is believed.

https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries: a delivery counts when it is signed
with the secret that the host and we share. Without a webhook the team looks every `hub.poll`.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import socket
from collections.abc import Callable

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from loreli_ray.errors import UsageError

PATH = "/webhook"
_GRACE = 1  # seconds for deliveries under way
LARGEST = 25 * 2**20  # bytes; what GitHub sends at most


class Webhook:
    """Calls `ring` for each delivery that is signed with `secret`."""

    def __init__(self, *, secret: str, ring: Callable[[], None]) -> None:
        self._secret = secret.encode()
        self._ring = ring
        self.app = Starlette(routes=[Route(PATH, self._receive, methods=["POST"])])

    async def serve(self, host: str, port: int) -> None:
        """Listens until the task is cancelled. Raises `UsageError` when the address can't be had."""
        try:
            listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        except OSError as error:
            where = f"{host}:{port}"
            raise UsageError(
                f"can't be listened on: {error.strerror}; choose another hub.webhook", subject=where
            ) from error
        config = uvicorn.Config(
            self.app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=_GRACE
        )
        server = uvicorn.Server(config)
        serving = asyncio.ensure_future(server.serve(sockets=[listener]))
        try:
            await asyncio.shield(serving)
        finally:  # cancelled itself, it would leave its sockets open
            server.should_exit = True
            await serving
            listener.close()

    async def _receive(self, request: Request) -> Response:
        digest, size = hmac.new(self._secret, digestmod=hashlib.sha256), 0
        try:
            async for chunk in request.stream():
                digest.update(chunk)
                size += len(chunk)
                if size > LARGEST:
                    return PlainTextResponse("too large\n", status_code=413)
        except ClientDisconnect:
            return Response(status_code=400)
        given = request.headers.get("x-hub-signature-256", "")
        if not hmac.compare_digest(given.encode(), f"sha256={digest.hexdigest()}".encode()):
            return PlainTextResponse("the signature is wrong\n", status_code=401)
        if request.headers.get("x-github-event") != "ping":
            self._ring()
        return Response(status_code=202)
