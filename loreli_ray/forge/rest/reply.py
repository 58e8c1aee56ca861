"""Answers: GitHub's error form, ETags and pages.

https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api and
https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import quote, urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from loreli_ray.forge.refusal import Refusal

DOCUMENTATION = "https://docs.github.com/rest"

_PER_PAGE = 30
_PER_PAGE_MAX = 100
_PAGE_MAX = 10**9

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Reply:
    """`data` becomes JSON, unless `content` says what to send instead; None of both is an empty body."""

    data: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    content: bytes | None = None
    media_type: str = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for; what is not a number counts as not given, as on GitHub."""

    number: int
    size: int
    url: str
    query: Mapping[str, str]

    @classmethod
    def of(cls, request: Request) -> Page:
        query = request.query_params
        size = _number(query, "per_page", _PER_PAGE)
        return cls(_number(query, "page", 1), min(size, _PER_PAGE_MAX), web(request) + request.scope["path"], query)

    def cut(self, items: Sequence[Item]) -> Sequence[Item]:
        return items[(self.number - 1) * self.size :][: self.size]

    def headers(self, total: int) -> dict[str, str]:
        """The `Link` header; nothing where one page holds it all."""
        last = max(1, -(-total // self.size))
        targets: dict[str, int] = {}
        if self.number > 1:
            targets |= {"prev": min(self.number - 1, last), "first": 1}
        if self.number < last:
            targets |= {"next": self.number + 1, "last": last}
        links = (f'<{self._to(page)}>; rel="{name}"' for name, page in targets.items())
        return {"Link": ", ".join(links)} if targets else {}

    def _to(self, page: int) -> str:
        return f"{quote(self.url, safe=':/[]')}?{urlencode({**self.query, 'page': page})}"


def web(request: Request) -> str:
    """Where the client reaches us, by its own account: clients check that links lead to the host they asked."""
    return f"{request.scope['scheme']}://{request.headers.get('host', 'localhost')}"


def respond(reply: Reply, request: Request) -> Response:
    """The HTTP answer. What was read and has not changed since is a 304 without a body."""
    content = reply.content
    if content is None:
        content = b"" if reply.data is None else json.dumps(reply.data, ensure_ascii=False).encode()
    headers = dict(reply.headers)
    if content:
        headers["Content-Type"] = reply.media_type
    if request.method in ("GET", "HEAD") and reply.status == 200:
        tag = f'W/"{hashlib.sha256(content).hexdigest()}"'
        headers |= {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Accept, Authorization"}
        if _matches(request.headers.get("if-none-match", ""), tag):
            del headers["Content-Type"]
            return Response(status_code=304, headers=headers)
    return Response(content, status_code=reply.status, headers=headers)


def refused(refusal: Refusal) -> Reply:
    body: dict[str, object] = {"message": refusal.message}
    if refusal.errors:
        body["errors"] = refusal.errors
    headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    return Reply(body | {"documentation_url": DOCUMENTATION, "status": str(refusal.status)}, refusal.status, headers)


def _matches(condition: str, tag: str) -> bool:
    """RFC 9110, 13.1.2: weak comparison with every tag of the list."""
    offered = {part.strip().removeprefix("W/") for part in condition.split(",")}
    return "*" in offered or tag.removeprefix("W/") in offered


def _number(query: QueryParams, name: str, default: int) -> int:
    text = query.get(name, "")
    return min(max(1, int(text)), _PAGE_MAX) if text.isascii() and text.isdigit() and len(text) < 20 else default
