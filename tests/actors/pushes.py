"""What was pushed to a forge, and taken: the host's own record of who held which claim when."""

from __future__ import annotations

from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_FLUSH = b"0000"


class Update(NamedTuple):
    """One ref, from one object to another; zeros are none."""

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
                    done = [update for update in _commands(bytes(asked)) if f"ok {update.ref}\n".encode() in answered]
                    self.taken += done
                await send(message)

            await app(scope, heard, said)

        return watched


def _commands(body: bytes) -> list[Update]:
    """The updates that a push asks for, which come before its pack."""
    found: list[Update] = []
    while body and not body.startswith(_FLUSH):
        size = int(body[:4], 16)
        line, body = body[4:size], body[size:]
        old, new, ref = line.split(b"\0")[0].decode().strip().split(" ", 2)
        found.append(Update(ref, old, new))
    return found
