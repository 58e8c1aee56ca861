"""The MCP gateway of a node: streamable HTTP on loopback, one bearer capability for each agent.

An agent is known by its capability and by nothing else: some programs keep no MCP session. Capabilities lie in 0600
files, so that they outlive the gateway's process and never stand in an argument or an environment.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from mcp.server.mcpserver import Context
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from loreli_ray.errors import LoreliError, SessionError, ToolRefused
from loreli_ray.files import write_private
from loreli_ray.mcp.desk import Desk
from loreli_ray.mcp.tools import build

HOST = "127.0.0.1"
PATH = "/mcp"
_NO_CAPABILITY = JSONResponse(
    {"error": "a valid bearer capability is needed"}, status_code=401, headers={"WWW-Authenticate": "Bearer"}
)
# Without sessions there is nothing to stream (GET) and none to end (DELETE). An open stream would also delay `stop`.
# https://modelcontextprotocol.io/specification/2025-06-18/basic/transports#listening-for-messages-from-the-server
_NO_SESSION = JSONResponse(
    {"error": "this server has no sessions and no streams"}, status_code=405, headers={"Allow": "POST"}
)


class Gateway:
    """Serves a desk's tools at `url` to the agents that hold a capability."""

    def __init__(self, desk: Desk, *, on_contact: Callable[[str], Awaitable[None]] | None = None) -> None:
        """`on_contact` is called when an agent's program reaches the gateway for the first time."""
        self._on_contact = on_contact
        self._met: set[str] = set()
        self._calls: Counter[str] = Counter()
        self._agents: dict[str, str] = {}
        self._tools = build(desk, identify=self._identify)
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self.port = 0

    @property
    def calling(self) -> frozenset[str]:
        """The agents with a tool call under way."""
        return frozenset(self._calls)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}{PATH}"

    async def start(self, *, port: int = 0) -> None:
        """Listens on `port`, or on any free one when that is 0 or taken."""
        listener = _listen(port)
        self.port = listener.getsockname()[1]
        app = self._tools.streamable_http_app(streamable_http_path=PATH, json_response=True, stateless_http=True)
        config = uvicorn.Config(
            self._guard(app), log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=2
        )
        self._server = uvicorn.Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started:
            if self._serving.done():
                raise SessionError("the MCP gateway did not start", subject=self.url)
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving

    def admit(self, agent: str, *, token_file: Path) -> None:
        """Gives `agent` the capability in `token_file`; makes the file when it is not there, or empty."""
        token = token_file.read_text().strip() if token_file.exists() else ""
        if not token:
            token = secrets.token_urlsafe(32)
            write_private(token_file, token)
        self.dismiss(agent)
        self._agents[token] = agent

    def dismiss(self, agent: str) -> None:
        """Takes the agent's capability away."""
        self._agents = {token: name for token, name in self._agents.items() if name != agent}
        self._met.discard(agent)

    def _identify(self, context: Context[Any, Any]) -> str:
        headers = context.headers or {}
        agent = self._holder(headers.get("authorization", ""))
        if agent is None:
            raise ToolRefused("this capability is not valid any more")
        return agent

    def _holder(self, authorization: str) -> str | None:
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        for token, agent in self._agents.items():
            if hmac.compare_digest(token.encode(), given.strip().encode()):
                return agent
        return None

    async def _meet(self, agent: str) -> None:
        if agent not in self._met and self._on_contact is not None:
            self._met.add(agent)
            try:
                await self._on_contact(agent)
            except LoreliError:
                self._met.discard(agent)  # nobody heard it: the next request tells it again

    def _guard(self, app: ASGIApp) -> ASGIApp:
        """Refuses every request without a valid capability before MCP sees it."""

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            agent = self._holder(Headers(scope=scope).get("authorization", ""))
            if agent is None:
                await _NO_CAPABILITY(scope, receive, send)
            elif scope["method"] != "POST":
                await _NO_SESSION(scope, receive, send)
            else:
                await self._meet(agent)
                with self._call_of(agent):
                    await app(scope, receive, send)

        return guarded

    @contextmanager
    def _call_of(self, agent: str) -> Generator[None]:
        self._calls[agent] += 1
        try:
            yield
        finally:
            self._calls[agent] -= 1
            self._calls += Counter()  # drops what has come down to none


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else every answer waits 40 ms for an ACK
    try:
        listener.bind((HOST, port))
    except OSError:
        listener.bind((HOST, 0))
    listener.listen(128)
    return listener
