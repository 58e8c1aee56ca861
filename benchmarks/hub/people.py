"""What changes on a busy host: comments, labels, pushes, issues, pull requests and merges, one after the other.

As many are closed as are opened, so that an hour ends with as much on the host as it began with.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from itertools import count, cycle

import httpx

from benchmarks.hub.ground import Ground, ask
from loreli_ray.hub import Hub


class People:
    """Everybody but the hub that is measured."""

    def __init__(self, ground: Ground, client: httpx.AsyncClient, team: Hub) -> None:
        self._ground = ground
        self._client = client
        self._team = team
        self._turns = count()
        self._round: Iterator[Callable[[], Awaitable[None]]] = cycle(
            (
                *(self._comment, self._label, self._push, self._comment, self._open_issue),
                *(self._comment_on_pull, self._merge, self._comment, self._label, self._open_pull),
            )
        )

    async def change(self) -> None:
        """The next one."""
        await next(self._round)()

    async def _comment(self) -> None:
        await ask(self._client, "POST", f"/issues/{self._any(self._ground.issues)}/comments", body="And water it.")

    async def _comment_on_pull(self) -> None:
        await ask(self._client, "POST", f"/issues/{self._any(self._ground.pulls)}/comments", body="Well done.")

    async def _label(self) -> None:
        turn = next(self._turns)
        issue = self._ground.issues[turn % len(self._ground.issues)]
        await ask(self._client, "POST", f"/issues/{issue}/labels", labels=[f"bed-{turn}"])

    async def _push(self) -> None:
        pull = await ask(self._client, "GET", f"/pulls/{self._any(self._ground.pulls)}")
        await self._ground.push(self._client, pull["head"]["ref"])

    async def _open_issue(self) -> None:
        await self._ground.open_issue(self._client)

    async def _open_pull(self) -> None:
        await self._ground.open_pull(self._client, self._team, issue=self._ground.issues[-1])

    async def _merge(self) -> None:
        """The oldest one; its issue is closed with it."""
        number = self._ground.pulls.pop(0)
        pull = await ask(self._client, "GET", f"/pulls/{number}")
        await ask(self._client, "PUT", f"/pulls/{number}/merge", sha=pull["head"]["sha"], merge_method="squash")
        await ask(self._client, "DELETE", f"/git/refs/heads/{pull['head']['ref']}")
        opened = await ask(self._client, "GET", "/issues?per_page=100")
        still = {issue["number"] for issue in opened}
        self._ground.issues[:] = [issue for issue in self._ground.issues if issue in still]

    def _any(self, numbers: list[int]) -> int:
        return numbers[next(self._turns) % len(numbers)]
