"""Holds every answer of a forge under test to the description that it gives of itself."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema_rs
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loreli_ray.forge.rest import ROUTES
from loreli_ray.forge.rest.call import Operation
from loreli_ray.forge.rest.openapi import describe

DESCRIPTION = describe(ROUTES)


class Judge:
    """For `ForgeServer(around=…)`: whatever the client, what is not as described ends up in `complaints`."""

    def __init__(self) -> None:
        self.complaints: list[str] = []

    def __call__(self, app: ASGIApp) -> ASGIApp:
        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            start, body = dict[str, Any](), bytearray()

            async def heard(message: Message) -> None:
                if message["type"] == "http.response.start":
                    start.update(message)
                else:
                    body.extend(message.get("body", b""))
                await send(message)

            await app(scope, receive, heard)
            if start:
                self._judge(scope, start, bytes(body))

        return watched

    def _judge(self, scope: Scope, start: dict[str, Any], body: bytes) -> None:
        operation = find(scope)
        if operation:
            headers = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
            media = headers.get("content-type", "").partition(";")[0]
            wrong = verdict(operation, start["status"], media, body)
            if wrong:
                self.complaints.append(f"{scope['method']} {scope['path']}: {wrong}")


def find(scope: Scope) -> Operation | None:
    """The operation that a request leads to."""
    plain = {**scope, "path": scope["path"].removeprefix("/api/v3"), "root_path": ""}
    return next((operation for operation in ROUTES if operation.matches(plain)[0] is Match.FULL), None)


def verdict(operation: Operation, status: int, media: str, body: bytes) -> str | None:
    """What is wrong with an answer; HEAD is answered as GET, without the body."""
    described = DESCRIPTION["paths"][operation.path_format][operation.method.lower()]["responses"]
    if str(status) not in described:
        return f"{status} is not described"
    response = described[str(status)]
    if "$ref" in response:
        response = DESCRIPTION["components"]["responses"][response["$ref"].rpartition("/")[2]]
    content = response.get("content", {})
    if not body:
        return None if not content or not media or operation.method == "GET" else f"{status} has no body"
    if media not in content:
        return f"{status} as {media!r} is not described"
    if media != "application/json":
        return None
    errors = _validator(json.dumps(content[media]["schema"])).iter_errors(json.loads(body))
    return next((f"{status}: {error.message} at {list(error.instance_path)}" for error in errors), None)


@cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({**json.loads(schema), "components": DESCRIPTION["components"]})
