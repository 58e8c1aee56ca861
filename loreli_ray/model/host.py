"""What others need to know of the git host: the accounts, where to push, and what is left of the budget.

They live here and not in the hub, so that who is only handed one needs no client of a git host in its process.
"""

from __future__ import annotations

from loreli_ray.git import GitCredential
from loreli_ray.model.values import Value


class Budget(Value):
    """What is left of the primary rate limit; `reset` is in seconds since the epoch. None until the host has said."""

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    paid: int = 0
    free: int = 0


class Credentials(Value):
    """The tokens of the author's account and, where there is one, of the reviewer's."""

    token: str
    reviewer_token: str | None = None

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
