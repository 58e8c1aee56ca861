"""Who we are on a git host, and which repository: what everything else in this room is done with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from loreli_ray.clock import Clock
from loreli_ray.config import HubConfig
from loreli_ray.errors import NotFound, Unavailable
from loreli_ray.hub import markers, shapes
from loreli_ray.hub.claims import Claims
from loreli_ray.hub.transport import Transport
from loreli_ray.model import Budget, Credentials, Remote

#: The commit status that holds the team's verdict.
VERDICT = "loreli/review"


class Host:
    """One repository on one git host, and the team's accounts there. Call `open` before anything else."""

    def __init__(
        self, repo: str, *, config: HubConfig, credentials: Credentials, session: str, home: Path, clock: Clock
    ) -> None:
        self.repo = repo
        self._config = config
        self._session = session
        self._home = home
        self._clock = clock
        self._token = credentials.token
        self._author = self._transport(credentials.token)
        reviewer = credentials.reviewer_token
        self._reviewer = self._transport(reviewer) if reviewer else self._author
        self._accounts: frozenset[str] = frozenset()
        self._accounts_in_order: tuple[str, ...] = ()
        self._repository: shapes.Repository | None = None
        self._claims: Claims | None = None

    async def open(self) -> None:
        """Learns the repository and the accounts. Raises `HubError` when one of them is not there."""
        try:
            self._repository = await self._author.get(f"/repos/{self.repo}", shapes.Repository)
        except NotFound as error:
            raise NotFound("no such repository, or the token may not see it", subject=self.repo, status=404) from error
        logins = [(await account.get("/user", shapes.User)).login for account in (self._author, self._reviewer)]
        self._accounts = frozenset(logins)
        self._accounts_in_order = tuple(dict.fromkeys(logins))
        remote = self.push_remote()
        path = self._home / "claims.git"
        self._claims = Claims(path, remote=remote.url, credential=remote.credential, session=self._session)
        await self._claims.open()

    async def close(self) -> None:
        await self._author.close()
        if self._reviewer is not self._author:
            await self._reviewer.close()

    @property
    def base(self) -> str:
        """The branch that everything is merged into."""
        return self._config.base or self._opened.default_branch

    def push_remote(self) -> Remote:
        return Remote(url=self._opened.clone_url, username="x-access-token", token=self._token)

    @property
    def budget(self) -> Budget:
        return self._author.budget

    # ── for those who read and write ──

    @property
    def _opened(self) -> shapes.Repository:
        if self._repository is None:
            raise Unavailable("not opened yet", subject=self.repo)
        return self._repository

    @property
    def _logins(self) -> frozenset[str]:
        """Our accounts. Without them no marker would count, and everything be written twice."""
        if not self._accounts:
            raise Unavailable("not opened yet", subject=self.repo)
        return self._accounts

    @property
    def _leases(self) -> Claims:
        if self._claims is None:
            raise Unavailable("not opened yet", subject=self.repo)
        return self._claims

    def _transport(self, token: str) -> Transport:
        return Transport(
            token=token, api_url=self._config.api_url, clock=self._clock, pause=self._config.min_write_interval
        )

    def _url(self, *parts: object) -> str:
        return "/".join([f"/repos/{self.repo}", *(str(part) for part in parts)])

    def _mark(self, body: str | None, user: shapes.User | None, kind: str) -> dict[str, Any] | None:
        """The marker in a text, if one of our accounts wrote it."""
        return markers.parse(body, kind) if user is not None and user.login in self._logins else None
