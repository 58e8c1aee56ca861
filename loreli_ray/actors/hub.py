"""The Hub actor: the only one who talks to the git host, for the whole cluster (DESIGN section 4).

It is the hub itself with a mailbox. The token is read from the session's 0600 file, so that no constructor argument,
which Ray would keep, ever holds it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from loreli_ray.actors.calls import Gone, Peer
from loreli_ray.actors.edge import Edge
from loreli_ray.actors.settings import SessionSettings
from loreli_ray.errors import DeadlineExceeded, RateLimited, Unavailable
from loreli_ray.hub import Hub, Webhook
from loreli_ray.model import Budget, Credentials
from loreli_ray.observe import logger

_FIRST_PAUSE = 2.0
_LONGEST_PAUSE = 60.0
_TOGETHER = 0.2  # what is delivered at once is looked at once


class HubActor(Hub):
    """One per repository. Until the git host has answered once, every method raises `HubError`."""

    async def __init__(self, settings: SessionSettings) -> None:  # pyright: ignore[reportGeneralTypeIssues]
        credentials = Credentials.model_validate_json(settings.credentials.read_text())
        super().__init__(
            settings.repo,
            config=settings.config.hub,
            credentials=credentials,
            session=settings.id,
            home=settings.folder,
            clock=settings.clock(),
        )
        log = logger("hub", folder=settings.logs, session=settings.id)
        self._edge = Edge("hub", log=log)
        self._retry = settings.clock()
        self._webhook_secret = credentials.webhook_secret
        self._reactor = Peer(settings.id, "reactor", deadline=settings.config.timeouts.call)
        self._poll = settings.config.hub.poll
        self._rung = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._opening = loop.create_task(self._open_at_last())
        self._listening = loop.create_task(self._edge.forever("doorbell", self._listen, self._retry))
        self._serving = loop.create_task(self._edge.forever("webhook", self._serve_webhook, self._retry))

    async def ready(self) -> str:
        """The repository, once the git host has answered."""
        await asyncio.shield(self._opening)
        return self.repo

    async def base_branch(self) -> str:
        return self.base

    async def spending(self) -> tuple[Budget, ...]:
        """Of each account."""
        return self.budgets

    async def _listen(self) -> float:
        """Wakes the reactor when something moved on the host: asked for every `hub.poll`, or told by the webhook."""
        await asyncio.shield(self._opening)
        try:
            told, _ = self._rung.is_set(), self._rung.clear()
            if await self.ring() or told:
                await self._reactor.call("wake")
        except (RateLimited, Unavailable, Gone, DeadlineExceeded):
            pass  # the reactor, which looks by itself as well, tells it
        with suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), self._poll)
        return _TOGETHER

    async def _serve_webhook(self) -> float:
        """Listens for the host's deliveries, if the configuration says where."""
        where, secret = self._config.webhook, self._webhook_secret
        if where is None or secret is None:
            await asyncio.Event().wait()
            return 0.0
        host, _, port = where.rpartition(":")
        await Webhook(secret=secret, ring=self._rung.set).serve(host.strip("[]"), int(port))
        return _FIRST_PAUSE

    async def _open_at_last(self) -> None:
        opened, pause, hub = False, _FIRST_PAUSE, self._config
        while not opened:
            with self._edge.guard("the git host can't be opened"):
                await self.open()
                opened = True
            if not opened:  # a host locks out who knocks too often
                await self._retry.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        with self._edge.guard("labels can't be made"):  # the host makes them too, but says nothing of what they are
            await self.ensure_labels([hub.label, hub.human_label, hub.working_label, hub.review_label])
