"""What others need to know of the git host: the accounts, where to push, and what is left of the budget.

They live here and not in the hub, so that who is only handed one needs no client of a git host in its process.
"""

from __future__ import annotations

from typing import Self

from pydantic import ConfigDict, Field, model_validator

from loreli_ray.git import GitCredential
from loreli_ray.model.values import Value


class Budget(Value):
    """What is left of an account's primary rate limit, and what was used of it. Times are seconds since the epoch.

    `limit`, `remaining` and `reset` (by the host's clock) are None until the host has said. `queued` writes wait;
    nothing is sent before `held_until` (None: now). `offset` is added to our clock to have the host's. `errors` counts
    by kind.
    """

    login: str = ""
    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    paid: int = 0
    free: int = 0
    queued: int = 0
    held_until: float | None = None
    offset: float = 0.0
    errors: dict[str, int] = Field(default={})

    def used_up(self, reserve: float) -> bool:
        """Whether no more is left than the share `reserve` of it."""
        return self.limit is not None and self.remaining is not None and self.remaining <= self.limit * reserve


class AppKey(Value):
    """A GitHub App: its id, its private key in PEM, and its installation, which is found where None."""

    model_config = ConfigDict(hide_input_in_errors=True)

    app_id: str
    private_key: str
    installation_id: int | None = None

    def __repr__(self) -> str:
        return f"AppKey({self.app_id}, …)"

    __str__ = __repr__


class Credentials(Value):
    """The author's account and, where there is one, the reviewer's: for each a token, or a GitHub App.

    `webhook_secret` is what the host signs its deliveries with.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    token: str | None = None
    app: AppKey | None = None
    reviewer_token: str | None = None
    reviewer_app: AppKey | None = None
    webhook_secret: str | None = None

    @model_validator(mode="after")
    def _one_author(self) -> Self:
        if (self.token is None) == (self.app is None):
            raise ValueError("the author has either a token or a GitHub App")
        if self.reviewer_token is not None and self.reviewer_app is not None:
            raise ValueError("the reviewer has a token or a GitHub App, not both")
        return self

    @property
    def author(self) -> str | AppKey:
        secret = self.app or self.token
        assert secret is not None
        return secret

    @property
    def reviewer(self) -> str | AppKey | None:
        return self.reviewer_app or self.reviewer_token

    def __repr__(self) -> str:
        return "Credentials(…)"

    __str__ = __repr__


class Remote(Value):
    """Where to push, and as whom."""

    url: str
    username: str
    token: str

    @property
    def credential(self) -> GitCredential:
        return GitCredential(url=self.url, username=self.username, token=self.token)

    def __repr__(self) -> str:
        return f"Remote({self.url})"

    __str__ = __repr__
