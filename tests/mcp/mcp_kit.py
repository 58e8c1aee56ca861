"""A gateway for tests, its desk, and clients old and new."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent

from loreli_ray.errors import DeadlineExceeded, ToolRefused
from loreli_ray.mcp import Gateway, LineComment, ReviewVerdict

ACCEPT = {"accept": "application/json, text/event-stream"}


@dataclass
class Counter:
    """A desk that answers at once and writes down who asked for what."""

    calls: list[tuple[object, ...]] = field(default_factory=list[tuple[object, ...]])

    async def assignment(self, agent: str) -> str:
        self.calls.append((agent, "assignment"))
        return f"Nothing to do, {agent}."

    async def progress(self, agent: str, message: str) -> str:
        self.calls.append((agent, "progress", message))
        return "Noted."

    async def submit_pull_request(self, agent: str, title: str, body: str) -> str:
        self.calls.append((agent, "submit_pull_request", title, body))
        raise ToolRefused("your claim is no longer yours: stop this work", subject=agent)

    async def answer_review(self, agent: str, message: str) -> str:
        self.calls.append((agent, "answer_review", message))
        raise DeadlineExceeded("no answer in 5 s", subject="hub")

    async def submit_review(self, agent: str, verdict: ReviewVerdict, summary: str, comments: list[LineComment]) -> str:
        self.calls.append((agent, "submit_review", verdict, summary, comments))
        return "Posted."

    async def ask_human(self, agent: str, question: str) -> str:
        self.calls.append((agent, "ask_human", question))
        raise ZeroDivisionError("a secret of the inside")

    async def finish(self, agent: str, summary: str) -> str:
        self.calls.append((agent, "finish", summary))
        return "Good-bye."


@dataclass
class House:
    """A running gateway, who reached it, and where its capabilities lie."""

    desk: Counter
    folder: Path
    gateway: Gateway
    met: list[str]

    @classmethod
    async def open(cls, desk: Counter, folder: Path, stack: AsyncExitStack, *, port: int = 0) -> House:
        met: list[str] = []

        async def contact(agent: str) -> None:
            met.append(agent)

        gateway = Gateway(desk, on_contact=contact)
        stack.push_async_callback(gateway.stop)
        await gateway.start(port=port)
        return cls(desk, folder, gateway, met)

    def admit(self, agent: str) -> str:
        """Admits an agent; its token."""
        file = self.folder / "agents" / agent / "token"
        self.gateway.admit(agent, token_file=file)
        return file.read_text()

    @asynccontextmanager
    async def client(self, token: str, *, mode: str = "auto") -> AsyncGenerator[Client]:
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=30, trust_env=False) as http,
            Client(streamable_http_client(self.gateway.url, http_client=http), mode=mode) as client,
        ):
            yield client

    @asynccontextmanager
    async def http(self, token: str | None) -> AsyncGenerator[httpx.AsyncClient]:
        headers = ACCEPT | ({"Authorization": f"Bearer {token}"} if token is not None else {})
        async with httpx.AsyncClient(headers=headers, timeout=30, trust_env=False) as client:
            yield client


def said(result: CallToolResult) -> str:
    """The text of a tool's answer."""
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


def rpc(method: str, *, id: int | None = 1, **params: Any) -> dict[str, Any]:
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
    return message if id is None else message | {"id": id}


def initialize(version: str) -> dict[str, Any]:
    return rpc(
        "initialize", protocolVersion=version, capabilities={}, clientInfo={"name": "plain", "version": "1"}, id=0
    )
