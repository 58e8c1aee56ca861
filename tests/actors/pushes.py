"""What was pushed to a forge, and taken: the host's own record of who held which claim when."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loreli_ray.git import git

_FLUSH = b"0000"
_CLAIMS = "refs/loreli/claims/"


class Update(NamedTuple):
    """One ref, from one object to another (zeros are none); `at` is when, in seconds since the epoch."""

    at: float
    ref: str
    old: str
    new: str


class Pushes:
    """Put around a forge's application, it reads git's own protocol (gitprotocol-pack(5)) and changes nothing.

    `taken` are the updates that the host says it made, in order.
    """

    def __init__(self) -> None:
        self.taken: list[Update] = []

    def around(self, app: ASGIApp) -> ASGIApp:
        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or not scope["path"].endswith("/git-receive-pack"):
                await app(scope, receive, send)
                return
            asked, answered = bytearray(), bytearray()

            async def heard() -> Message:
                message = await receive()
                asked.extend(message.get("body", b""))
                return message

            async def said(message: Message) -> None:
                answered.extend(message.get("body", b""))
                if message["type"] == "http.response.body" and not message.get("more_body"):
                    asked_for = _commands(bytes(asked), at=time.time())
                    self.taken += [update for update in asked_for if f"ok {update.ref}\n".encode() in answered]
                await send(message)

            await app(scope, heard, said)

        return watched


class Held(NamedTuple):
    """A claim as the host took it, `at` some time: who has it, and until when."""

    at: float
    issue: int
    session: str
    agent: str
    generation: int
    until: float


def claims(taken: Iterable[Update], *, repository: Path) -> list[Held]:
    """What was pushed to the claims; a release has `until` 0, a removal is left out."""
    found: list[Held] = []
    for at, ref, _, new in taken:
        if ref.startswith(_CLAIMS) and set(new) != {"0"}:
            lease = json.loads(git("log", "-1", "--format=%B", new, cwd=repository))
            del lease["nonce"]
            found.append(Held(at=at, issue=int(ref.removeprefix(_CLAIMS)), **lease))
    return found


def _commands(body: bytes, *, at: float) -> list[Update]:
    """The updates that a push asks for, which come before its pack."""
    found: list[Update] = []
    while body and not body.startswith(_FLUSH):
        size = int(body[:4], 16)
        line, body = body[4:size], body[size:]
        old, new, ref = line.split(b"\0")[0].decode().strip().split(" ", 2)
        found.append(Update(at, ref, old, new))
    return found
