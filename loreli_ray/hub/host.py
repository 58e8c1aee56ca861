"""Who we are on a git host, and which repository: what everything else in this room is done with."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from loreli_ray.clock import Clock
from loreli_ray.config import HubConfig
from loreli_ray.errors import NotFound, RateLimited, Unavailable
from loreli_ray.files import write_private
from loreli_ray.git import GitCredential
from loreli_ray.hub import markers, shapes
from loreli_ray.hub.account import Account
from loreli_ray.hub.claims import Claims
from loreli_ray.hub.written import Written
from loreli_ray.model import Budget, Credentials, Remote

#: The key of the one status comment beneath an issue.
STATUS = "status"
#: The commit status that holds the team's verdict.
VERDICT = "loreli/review"


class _Known(shapes.Shape):
    """What `open` learns."""

    repository: shapes.Repository
    logins: tuple[str, ...]


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
        self._author = Account(credentials.author, repo=repo, config=config, clock=clock)
        reviewer = credentials.reviewer
        self._reviewer = Account(reviewer, repo=repo, config=config, clock=clock) if reviewer else self._author
        self._written_pulls: Written[None] = Written()
        self._written_reviews: Written[shapes.Review] = Written()
        self._written_comments: Written[shapes.Comment] = Written()
        self._written_statuses: Written[shapes.Status] = Written()
        self._accounts: frozenset[str] = frozenset()
        self._repository: shapes.Repository | None = None
        self._claims: Claims | None = None

    async def open(self) -> None:
        """Learns the repository and the accounts. Raises `HubError` when one of them is not there.

        While the host limits or refuses to answer, what was learnt the last time is enough to keep the claims.
        """
        try:
            known = await self._learn()
        except (RateLimited, Unavailable):
            if not self._memory.exists():
                raise
            known = _Known.model_validate_json(self._memory.read_text())
        for account, login in zip(self._all_accounts, known.logins, strict=True):
            account.login = login
        self._repository = known.repository
        self._accounts = frozenset(known.logins)
        self._claims = Claims(
            self._home / "claims.git",
            remote=self._repository.clone_url,
            keys=self._keys,
            session=self._session,
            offset=lambda: self.offset,
        )
        await self._claims.open()

    async def _learn(self) -> _Known:
        for account in self._all_accounts:
            await account.open()
        try:
            repository = await self._author.get(f"/repos/{self.repo}", shapes.Repository)
        except NotFound as error:
            raise NotFound("no such repository, or the token may not see it", subject=self.repo, status=404) from error
        known = _Known(repository=repository, logins=tuple(account.login for account in self._all_accounts))
        with suppress(OSError):  # a full disk is no reason not to work
            write_private(self._memory, known.model_dump_json())
        return known

    @property
    def _memory(self) -> Path:
        return self._home / "host.json"

    async def close(self) -> None:
        for account in self._all_accounts:
            await account.close()

    @property
    def base(self) -> str:
        """The branch that everything is merged into."""
        return self._config.base or self._opened.default_branch

    async def push_remote(self) -> Remote:
        """Where to push, with a token that holds for some minutes more."""
        return Remote(url=self._opened.clone_url, username="x-access-token", token=await self._author.token())

    @property
    def offset(self) -> float:
        """What is to be added to our clock to have the host's, in seconds: leases are reckoned by the host's."""
        return self._author.offset

    @property
    def budget(self) -> Budget:
        """The author's."""
        return self._author.budget

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """Of each of the team's accounts."""
        return tuple(account.budget for account in self._all_accounts)

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

    @property
    def _all_accounts(self) -> tuple[Account, ...]:
        return (self._author,) if self._reviewer is self._author else (self._author, self._reviewer)

    async def _keys(self) -> GitCredential:
        return (await self.push_remote()).credential

    def _url(self, *parts: object) -> str:
        # A renamed repository answers to its old name by redirects only.
        return "/".join([f"/repos/{self._opened.full_name}", *(str(part) for part in parts)])

    def _mark(self, body: str | None, user: shapes.User | None, kind: str) -> dict[str, Any] | None:
        """The marker in a text, if one of our accounts wrote it."""
        return markers.parse(body, kind) if user is not None and user.login in self._logins else None
