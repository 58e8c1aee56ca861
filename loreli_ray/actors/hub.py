"""The Hub actor: the only one who talks to the git host, for the whole cluster (DESIGN section 4).

It is the hub itself with a mailbox. The token is read from the session's 0600 file, so that no constructor argument,
which Ray would keep, ever holds it.
"""

from __future__ import annotations

import asyncio

from loreli_ray.actors.calls import Gone, Peer
from loreli_ray.actors.edge import Edge
from loreli_ray.actors.settings import SessionSettings
from loreli_ray.errors import DeadlineExceeded, RateLimited, Unavailable
from loreli_ray.hub import Hub
from loreli_ray.model import Budget, Credentials
from loreli_ray.observe import logger

_FIRST_PAUSE = 2.0
_LONGEST_PAUSE = 60.0


class HubActor(Hub):
    """One per repository. Until the git host has answered once, every method raises `HubError`."""

    async def __init__(self, settings: SessionSettings) -> None:  # pyright: ignore[reportGeneralTypeIssues]
        super().__init__(
            settings.repo,
            config=settings.config.hub,
            credentials=Credentials.model_validate_json(settings.credentials.read_text()),
            session=settings.id,
            home=settings.folder,
            clock=settings.clock(),
        )
        log = logger("hub", folder=settings.logs, session=settings.id)
        self._edge = Edge("hub", log=log)
        self._retry = settings.clock()
        self._reactor = Peer(settings.id, "reactor", deadline=settings.config.timeouts.call)
        self._poll = settings.config.hub.poll
        loop = asyncio.get_running_loop()
        self._opening = loop.create_task(self._open_at_last())
        self._listening = loop.create_task(self._edge.forever("doorbell", self._listen, self._retry))

    async def ready(self) -> str:
        """The repository, once the git host has answered."""
        await asyncio.shield(self._opening)
        return self.repo

    async def base_branch(self) -> str:
        return self.base

    async def used(self) -> Budget:
        return self.budget

    async def spending(self) -> tuple[Budget, ...]:
        """Of each account."""
        return self.budgets

    async def _listen(self) -> float:
        """Wakes the reactor when something moved on the host. Returns the pause until the next look."""
        await asyncio.shield(self._opening)
        try:
            if await self.ring():
                await self._reactor.call("wake")
        except (RateLimited, Unavailable, Gone, DeadlineExceeded):
            pass  # the reactor, which looks by itself as well, tells it
        return self._poll

    async def _open_at_last(self) -> None:
        opened, pause = False, _FIRST_PAUSE
        while not opened:
            with self._edge.guard("the git host can't be opened"):
                await self.open()
                opened = True
            if not opened:  # a host locks out who knocks too often
                await self._retry.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
