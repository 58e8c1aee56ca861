"""One account of the team on the git host: its name, what it reads, and its writes, in order.

A write that states what shall be (PUT, PATCH, DELETE, or adding to a set) is repeated when no answer comes. One that
makes something carries a marker, and is looked for before it is made again: a lost answer is not a lost write. Listings
of the host may lag behind, so a look-up waits a moment first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar

from loreli_ray.clock import Clock
from loreli_ray.config import HubConfig
from loreli_ray.errors import NotFound, Unavailable
from loreli_ray.hub import shapes
from loreli_ray.hub.host_clock import HostClock
from loreli_ray.hub.keys import AppToken, InstallationToken, PersonalToken
from loreli_ray.hub.queue import Priority, WriteQueue
from loreli_ray.hub.transport import Keys, Transport
from loreli_ray.model import AppKey, Budget

T = TypeVar("T")

WRITE_TRIES = 4
_LAG = 1.0


class Account:
    """An account that may work on `repo`. Call `open` before anything else.

    Every method raises a `HubError`: `Unavailable` when the host gave no answer, however often it was asked.
    """

    def __init__(self, secret: str | AppKey, *, repo: str, config: HubConfig, clock: Clock) -> None:
        self._repo = repo
        self._clock = clock
        transport = partial(
            Transport,
            api_url=config.api_url,
            clock=clock,
            host_clock=HostClock(),
            reserve=config.reserve,
            patience=config.patience,
        )
        self._app: Transport | None = None
        self._installation = secret.installation_id if isinstance(secret, AppKey) else None
        self.keys: PersonalToken | InstallationToken
        if isinstance(secret, AppKey):
            self._app = transport(AppToken(secret))
            self.keys = InstallationToken(self._installed)
        else:
            self.keys = PersonalToken(secret)
        keys: Keys = self.keys
        self.transport = transport(keys)
        self._queue = WriteQueue(clock=clock, interval=config.min_write_interval, patience=config.patience)
        self.login = ""

    async def open(self) -> None:
        """Learns what the account is called, and the version of the API."""
        await self.token()
        await self.transport.agree()
        if self._app is None:
            self.login = (await self.get("/user", shapes.User)).login
        else:
            # https://docs.github.com/en/rest/users/users: an installation has no user, and writes as its bot.
            self.login = f"{(await self._app.get('/app', shapes.App)).slug}[bot]"

    async def close(self) -> None:
        await self.transport.close()
        if self._app is not None:
            await self._app.close()

    async def token(self) -> str:
        """A token that holds for some minutes more, for git."""
        return await self.keys.token(now=self.transport.host_now)

    @property
    def offset(self) -> float:
        """What is to be added to our clock to have the host's, in seconds."""
        return self.transport.offset

    @property
    def budget(self) -> Budget:
        return self.transport.budget.model_copy(update={"login": self.login, "queued": len(self._queue)})

    # ── reading ──

    async def get(
        self, url: str, shape: type[T], *, params: Mapping[str, str | int] | None = None, essential: bool = False
    ) -> T:
        return await self.transport.get(url, shape, params=params, essential=essential)

    async def pages(self, url: str, shape: type[T], *, params: Mapping[str, str | int] | None = None) -> list[T]:
        return await self.transport.pages(url, shape, params=params)

    # ── writing ──

    async def write(self, method: str, url: str, json: object = None, *, priority: Priority = Priority.WORK) -> None:
        """A write that does no more when it is done again."""

        async def once() -> None:
            async with self._queue.turn(priority, creates=method == "PATCH"):
                await self.transport.send(method, url, json, essential=priority is Priority.FINISH)

        await self._insist(once)

    async def change(
        self, method: str, url: str, json: object, *, shape: type[T], priority: Priority = Priority.WORK
    ) -> T:
        """The same, and what came of it, parsed as `shape`."""

        async def once() -> T:
            async with self._queue.turn(priority, creates=method == "PATCH"):
                return await self.transport.make(method, url, shape, json, essential=priority is Priority.FINISH)

        return await self._insist(once)

    async def create(
        self,
        url: str,
        json: object,
        shape: type[T],
        *,
        find: Callable[[], Awaitable[T | None]],
        priority: Priority = Priority.WORK,
    ) -> T:
        """A POST that makes something, and what it made. `find` looks whether it is there, after an answer was lost."""

        async def once() -> T:
            async with self._queue.turn(priority, creates=True):
                return await self.transport.make("POST", url, shape, json, essential=priority is Priority.FINISH)

        return await self._insist(once, find=find)

    async def _insist(
        self, once: Callable[[], Awaitable[T]], *, find: Callable[[], Awaitable[T | None]] | None = None
    ) -> T:
        """Does it until there is an answer, or it is found to be done. Raises the last `Unavailable` otherwise."""
        for attempt in range(1, WRITE_TRIES + 1):
            try:
                return await once()
            except Unavailable:
                if find is None and attempt == WRITE_TRIES:
                    raise
                await self._clock.sleep(_LAG * 2 ** (attempt - 1))
                found = await find() if find is not None else None
                if found is not None:
                    return found
                if attempt == WRITE_TRIES:
                    raise
        raise AssertionError("unreachable")

    # ── a GitHub App ──

    async def _installed(self) -> shapes.InstallationToken:
        """The next token of the installation. One too many does no harm, so it is asked for again without an answer."""
        assert self._app is not None
        if self._installation is None:
            self._installation = await self._find_installation(self._app)
        url = f"/app/installations/{self._installation}/access_tokens"
        return await self._insist(partial(self._app.make, "POST", url, shapes.InstallationToken, {}))

    async def _find_installation(self, app: Transport) -> int:
        try:
            return (await app.get(f"/repos/{self._repo}/installation", shapes.Installation)).id
        except NotFound as error:
            raise NotFound("the GitHub App is not installed on it", subject=self._repo, status=404) from error
