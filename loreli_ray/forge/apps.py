"""GitHub Apps: programs with a key of their own, that act as `slug[bot]` by tokens that last an hour.

https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app
Invariants: an app is installed on exactly one account, on all its repositories; whatever expires does so by the
forge's clock.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

import jwt
from jwt.algorithms import RSAAlgorithm
from jwt.types import Options

from loreli_ray.clock import Clock
from loreli_ray.errors import ForgeError
from loreli_ray.forge.records import App, Installation, Repository, User
from loreli_ray.forge.refusal import Refusal, not_found
from loreli_ray.forge.store import Store

TOKEN_SECONDS = 3600
ASSERTION_SECONDS = 600  # how far ahead a JWT may expire
DRIFT_SECONDS = 60  # how far ahead a client's clock may be

_SLUG = re.compile(r"[a-z0-9](?:-?[a-z0-9]){0,33}")


# The library reads the machine's clock, the forge its own: it looks at the times itself.
_BY_OUR_CLOCK: Options = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_iss": False,
    "verify_sub": False,
}


class Apps:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def add(self, slug: str, *, public_key: str, account: User) -> App:
        """Registers an app of `account`, installed on it. `public_key` is RSA, in PEM.

        Raises `ForgeError` for a bad slug or key, and a slug that is taken.
        """
        if not _SLUG.fullmatch(slug):
            raise ForgeError("is no app: lower-case letters, digits and single hyphens, at most 34", subject=slug)
        try:
            RSAAlgorithm(RSAAlgorithm.SHA256).prepare_key(public_key)
        except (jwt.InvalidKeyError, ValueError) as error:
            raise ForgeError(f"its public key is no RSA key in PEM: {error}", subject=slug) from error
        now = int(self._clock.now())
        with self._store.write() as db:
            if db.value("SELECT 1 FROM apps WHERE slug = ?", slug):
                raise ForgeError("there is such an app already", subject=slug)
            # Nobody is ever told a bot's own token: it acts by those of its installation.
            bot = db.insert("users", login=f"{slug}[bot]", token=secrets.token_hex(20), created_at=now, kind="Bot")
            app = db.insert("apps", slug=slug, public_key=public_key, owner_id=account.id, bot_id=bot, created_at=now)
            db.insert("installations", app_id=app, account_id=account.id, created_at=now)
        return self.get(app)

    def get(self, app_id: int) -> App:
        """Raises `Refusal` (404)."""
        with self._store.read() as db:
            app = db.one(App, "SELECT * FROM apps WHERE id = ?", app_id)
        if not app:
            raise Refusal(404, "Integration not found")
        return app

    def asserted(self, assertion: str) -> App:
        """The app that signed this JWT (RS256). Raises `Refusal`: 401, 404 for an app that is not there."""
        try:
            claimed: Mapping[str, Any] = jwt.decode(assertion, options={"verify_signature": False})
            app = self.get(int(claimed.get("iss", 0)))
            claims: Mapping[str, Any] = jwt.decode(assertion, app.public_key, ["RS256"], options=_BY_OUR_CLOCK)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise Refusal(401, "A JSON web token could not be decoded") from error
        issued, expires, now = claims.get("iat"), claims.get("exp"), self._clock.now()
        if not isinstance(expires, (int, float)) or expires <= now:
            raise Refusal(401, "'Expiration time' claim ('exp') must be a numeric value representing the future time")
        if expires > now + ASSERTION_SECONDS + DRIFT_SECONDS:
            raise Refusal(401, "'Expiration time' claim ('exp') is too far in the future")
        if not isinstance(issued, int) or issued > now + DRIFT_SECONDS:
            raise Refusal(401, "'Issued at' claim ('iat') must be an Integer representing the time of the assertion")
        return app

    def installation(self, app: App) -> Installation:
        with self._store.read() as db:
            found = db.one(Installation, "SELECT * FROM installations WHERE app_id = ?", app.id)
        if not found:
            raise not_found()
        return found

    def new_token(self, installation: Installation) -> tuple[str, int]:
        """A token and when it expires, in seconds since the epoch."""
        token, expires = f"ghs_{secrets.token_hex(18)}", int(self._clock.now()) + TOKEN_SECONDS
        with self._store.write() as db:
            db.run("DELETE FROM installation_tokens WHERE expires_at <= ?", int(self._clock.now()))
            db.insert("installation_tokens", token=token, installation_id=installation.id, expires_at=expires)
        return token, expires

    def bot(self, token: str) -> User | None:
        """Whom an installation's token stands for; None for an expired one."""
        with self._store.read() as db:
            return db.one(
                User,
                "SELECT u.* FROM installation_tokens t JOIN installations i ON i.id = t.installation_id "
                "JOIN apps a ON a.id = i.app_id JOIN users u ON u.id = a.bot_id WHERE t.token = ? AND t.expires_at > ?",
                token,
                int(self._clock.now()),
            )

    def of_bot(self, bot: User) -> App:
        """Raises `Refusal` (404) for who is no bot."""
        with self._store.read() as db:
            app = db.one(App, "SELECT * FROM apps WHERE bot_id = ?", bot.id)
        if not app:
            raise not_found()
        return app

    def may_write(self, bot: User, repository: Repository) -> bool:
        """Whether the bot's app is installed on this repository."""
        with self._store.read() as db:
            sql = "SELECT 1 FROM installations i JOIN apps a ON a.id = i.app_id WHERE a.bot_id = ? AND i.account_id = ?"
            return db.value(sql, bot.id, repository.owner_id) is not None
