"""The naive poller: each workflow reads everything for itself, every minute (facts of the git host, section 3).

Two listings, the comments of every issue and pull request, the reviews and review comments of every pull request: with
N issues and P pull requests 2 + N + 3 P requests, none of them conditional.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

_PAGE = {"per_page": 100}


class Naive:
    """So many `workflows`, with the one account of `client`."""

    def __init__(self, client: httpx.AsyncClient, *, workflows: int) -> None:
        self._client = client
        self.workflows = workflows

    async def tick(self) -> None:
        await asyncio.gather(*(self._workflow() for _ in range(self.workflows)))

    async def _workflow(self) -> None:
        listed = await self._get("/issues")
        issues = [entry["number"] for entry in listed if "pull_request" not in entry]
        pulls = [pull["number"] for pull in await self._get("/pulls")]
        for number in (*issues, *pulls):
            await self._get(f"/issues/{number}/comments")
        for number in pulls:
            await self._get(f"/pulls/{number}/reviews")
            await self._get(f"/pulls/{number}/comments")

    async def _get(self, path: str) -> Any:
        answer = await self._client.get(path, params=_PAGE)
        answer.raise_for_status()
        return answer.json()
