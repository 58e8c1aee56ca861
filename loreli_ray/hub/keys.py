"""What an account signs with: a personal token, or the tokens that a GitHub App's installation is given for an hour.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
The App's own token is signed here rather than by githubkit: its times must be the host's, which refuses one that begins
in its future.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import jwt

from loreli_ray.errors import Refused
from loreli_ray.hub import shapes
from loreli_ray.model import AppKey

_EARLY = 60.0  # an App's token begins this long ago, as GitHub recommends
_LIFE = 540.0  # and ends well within the ten minutes that GitHub allows
_LEFT = 300.0  # an installation's token that ends sooner than this is renewed: a push may take as long


class PersonalToken:
    """A token that is what it is."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self, *, now: float) -> str:  # noqa: ARG002
        return self._token

    def reject(self) -> bool:
        return False


class AppToken:
    """The App itself: for each request a token that it has just signed."""

    def __init__(self, key: AppKey) -> None:
        self._key = key

    async def token(self, *, now: float) -> str:
        """Raises `Refused` when the private key is none."""
        claims = {"iss": self._key.app_id, "iat": int(now - _EARLY), "exp": int(now + _LIFE)}
        try:
            return jwt.encode(claims, self._key.private_key, algorithm="RS256")
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise Refused("the private key is no RSA key in PEM", subject=f"GitHub App {self._key.app_id}") from error

    def reject(self) -> bool:
        return True  # the refusal told the host's time


class InstallationToken:
    """The App as it is installed on a repository. `ask` has the host make the next token."""

    def __init__(self, ask: Callable[[], Awaitable[shapes.InstallationToken]]) -> None:
        self._ask = ask
        self._given: shapes.InstallationToken | None = None
        self._asking = asyncio.Lock()

    async def token(self, *, now: float) -> str:
        async with self._asking:
            if self._given is None or self._given.expires_at.timestamp() - now < _LEFT:
                self._given = await self._ask()
            return self._given.token

    @property
    def permissions(self) -> dict[str, str] | None:
        """What the installation may do; None until a token was given."""
        return None if self._given is None else self._given.permissions

    def reject(self) -> bool:
        self._given = None
        return True
