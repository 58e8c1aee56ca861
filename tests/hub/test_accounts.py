"""Accounts: who they are, what they sign with, and a GitHub App from beginning to end."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from loreli_ray.clock import ManualClock
from loreli_ray.config import HubConfig
from loreli_ray.errors import NotFound, Refused, Unavailable
from loreli_ray.hub import Hub, shapes
from loreli_ray.hub.account import WRITE_TRIES, Account
from loreli_ray.model import AppKey, Credentials
from tests.hub.hub_kit import REPOSITORY, TEAM, Answer, Asked, House, Wire, by

HOUR = 3600.0


@pytest.fixture(scope="session")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def pem(key: rsa.RSAPrivateKey) -> str:
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return encoded.decode()


@dataclass
class AppHost:
    """As much of GitHub as an App needs: it checks what is signed, by its own clock, which is `ahead` of ours."""

    key: rsa.RSAPrivateKey
    clock: ManualClock = field(default_factory=ManualClock)
    ahead: float = 0.0
    installed: bool = True
    lost: int = 0
    milliseconds: bool = False
    given: dict[str, float] = field(default_factory=dict[str, float])

    def respond(self, asked: Asked) -> Answer | None:
        now = self.clock.now() + self.ahead
        path, token = asked.path.partition("?")[0], asked.headers["authorization"].removeprefix("Bearer ")
        if path.endswith("/versions"):
            return _json(["2022-11-28"]) if self._holds(token, now) else _json({"message": "Bad credentials"}, 401)
        if not path.startswith("/app") and not path.endswith("/installation"):
            return _json({"login": "x"}) if self._holds(token, now) else _json({"message": "Bad credentials"}, 401)
        if not self._signed(token, now):
            return _json({"message": "'Issued at' claim ('iat') must be in the past"}, 401)
        if path == "/app":
            return _json({"slug": "gardener", "name": "Gardener"})
        if path == "/repos/team/garden/installation":
            return _json({"id": 12}) if self.installed else _json({"message": "Not Found"}, 404)
        assert path == "/app/installations/12/access_tokens"
        assert asked.method == "POST"
        if self.lost:
            self.lost -= 1
            return None
        name = f"ghs_{len(self.given)}"
        self.given[name] = now + HOUR
        until = datetime.fromtimestamp(now + HOUR, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")
        ends = f"{until}.123Z" if self.milliseconds else f"{until}Z"
        return _json({"token": name, "expires_at": ends, "permissions": {"contents": "write"}}, 201)

    def _holds(self, token: str, now: float) -> bool:
        return self.given.get(token, 0.0) > now

    def _signed(self, token: str, now: float) -> bool:
        claims = jwt.decode(
            token,
            self.key.public_key(),
            algorithms=["RS256"],
            options={"verify_iat": False, "verify_exp": False},  # they would be by the machine's clock
        )
        assert claims["iss"] == "7"
        return claims["iat"] <= now < claims["exp"] <= claims["iat"] + 600


def _json(value: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode())


@pytest.fixture
def host(key: rsa.RSAPrivateKey) -> AppHost:
    return AppHost(key)


@pytest.fixture
def wire(host: AppHost) -> Iterator[Wire]:
    with Wire(host.respond, clock=host.clock) as wire:
        yield wire


@pytest.fixture
async def app(host: AppHost, wire: Wire, pem: str) -> AsyncIterator[Account]:
    account = _account(AppKey(app_id="7", private_key=pem), host, wire)
    try:
        yield account
    finally:
        await account.close()


def _account(secret: str | AppKey, host: AppHost, wire: Wire) -> Account:
    config = HubConfig(api_url=wire.url, min_write_interval=0.0)
    return Account(secret, repo="team/garden", config=config, clock=host.clock)


async def test_an_app_works_as_its_bot(app: Account, wire: Wire, host: AppHost) -> None:
    await app.open()
    assert app.login == app.budget.login == "gardener[bot]"
    assert await app.token() == "ghs_0"
    assert (await app.get("/user", shapes.User)).login == "x"
    assert wire.asked[-1].headers["authorization"] == "Bearer ghs_0"
    assert len(host.given) == 1


@pytest.mark.parametrize("milliseconds", [False, True])
async def test_its_token_is_a_new_one_in_time(app: Account, host: AppHost, milliseconds: bool) -> None:
    host.milliseconds = milliseconds
    await app.open()
    host.clock.advance(HOUR - 400)
    assert await app.token() == "ghs_0"
    host.clock.advance(200)
    assert await app.token() == "ghs_1", "a push may take some minutes"
    assert (await app.get("/user", shapes.User)).login == "x"


@pytest.mark.parametrize("ahead", [-2 * HOUR, -90.0, 90.0, 2 * HOUR])
async def test_it_signs_by_the_hosts_clock(app: Account, wire: Wire, host: AppHost, ahead: float) -> None:
    host.ahead = wire.ahead = ahead
    await app.open()
    assert app.login == "gardener[bot]"
    host.clock.advance(HOUR - 400)
    assert await app.token() == "ghs_0"
    host.clock.advance(HOUR)
    assert (await app.get("/user", shapes.User)).login == "x"


async def test_a_token_that_was_revoked_is_replaced(app: Account, wire: Wire, host: AppHost) -> None:
    await app.open()
    host.given.clear()
    host.given["ghs_0"] = 0.0
    await app.write("PUT", "/x", {})
    assert [asked.method for asked in wire.asked if asked.path == "/x"] == ["PUT", "PUT"]
    host.given, host.lost = {}, 99
    with pytest.raises(Unavailable):
        await app.write("PUT", "/x", {})


async def test_a_lost_token_is_asked_for_again(app: Account, host: AppHost) -> None:
    host.lost = WRITE_TRIES - 1
    await app.open()
    assert await app.token() == "ghs_0"


async def test_an_app_that_is_not_installed(app: Account, host: AppHost) -> None:
    host.installed = False
    with pytest.raises(NotFound, match="team/garden: the GitHub App is not installed"):
        await app.open()


async def test_an_installation_that_is_named_is_not_looked_for(host: AppHost, wire: Wire, pem: str) -> None:
    account = _account(AppKey(app_id="7", private_key=pem, installation_id=12), host, wire)
    await account.open()
    await account.close()
    assert not [asked for asked in wire.asked if asked.path.endswith("/installation")]


async def test_a_key_that_is_none(host: AppHost, wire: Wire) -> None:
    account = _account(AppKey(app_id="7", private_key="-----BEGIN c2VjcmV0"), host, wire)
    with pytest.raises(Refused, match="GitHub App 7: the private key is no RSA key in PEM") as caught:
        await account.open()
    assert "c2VjcmV0" not in repr(caught.value)
    assert wire.asked == []
    await account.close()


async def test_nothing_shows_a_key(app: Account, pem: str) -> None:
    await app.open()
    secret = pem.splitlines()[1]
    for thing in (app, app.keys, app.transport, app.budget, AppKey(app_id="7", private_key=pem)):
        assert secret not in f"{thing!r} {thing}"
    assert "ghs_0" not in f"{app.keys!r} {await app.transport.get('/user', shapes.User)!r}"


# ── writing ──


async def test_a_write_is_repeated_until_it_is_given_up(host: AppHost) -> None:
    with Wire(lambda _: Answer(503), clock=host.clock) as wire:
        account = _account("token", host, wire)
        with pytest.raises(Unavailable):
            await account.write("DELETE", "/x")
        assert len(wire.asked) == WRITE_TRIES
        waits = [wire.asked[n + 1].at - wire.asked[n].at for n in range(WRITE_TRIES - 1)]
        assert waits == [1.0, 2.0, 4.0]
        await account.close()


async def test_what_is_refused_is_not_repeated(host: AppHost) -> None:
    with Wire(lambda _: Answer(422), clock=host.clock) as wire:
        account = _account("token", host, wire)
        with pytest.raises(Refused):
            await account.create("/x", {}, shapes.User, find=_nothing)
        assert len(wire.asked) == 1
        await account.close()


@pytest.mark.parametrize("there_after", [1, 2, None])
async def test_what_makes_something_is_looked_for_first(host: AppHost, there_after: int | None) -> None:
    looks = 0

    async def find() -> shapes.User | None:
        nonlocal looks
        looks += 1
        return shapes.User(login="found") if looks == there_after else None

    with Wire(lambda _: Answer(502), clock=host.clock) as wire:
        account = _account("token", host, wire)
        if there_after is None:
            with pytest.raises(Unavailable):
                await account.create("/x", {}, shapes.User, find=find)
        else:
            assert (await account.create("/x", {}, shapes.User, find=find)).login == "found"
        posts = [asked.at for asked in wire.asked]
        await account.close()
    assert len(posts) == looks == (there_after or WRITE_TRIES)
    assert all(at >= posts[0] + 1.0 for at in posts[1:]), "a listing may lag behind"


async def _nothing() -> None:
    return None


async def test_an_app_on_the_forge(house: House, key: rsa.RSAPrivateKey, pem: str) -> None:
    """The team as an App, from its claim to the merge: git takes its token as well."""
    encoded = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    made = house.forge.add_app("gardener", public_key=encoded.decode(), account=TEAM)
    number = house.forge.create_issue(REPOSITORY, author=TEAM, title="One", body="", labels=["loreli"])
    app = AppKey(app_id=str(made.id), private_key=pem)
    hub = Hub(
        REPOSITORY,
        config=HubConfig(api_url=house.server.url, min_write_interval=0.0),
        credentials=Credentials(app=app),
        session="s",
        home=house.folder / "home",
        clock=house.clock,
    )
    try:
        await hub.open()
        assert [budget.login for budget in hub.budgets] == ["gardener[bot]"]
        claim = await hub.take_claim(number, agent="kira", generation=1, ttl=60, replaces=None)
        assert (await hub.snapshot()).claims == (claim,)
        house.branch("kira/1-work", {"work.txt": "done\n"})
        pull = await hub.pull(await hub.submit_pull(head="kira/1-work", title="Work", body="Did it.", by=by()))
        assert pull is not None
        assert (pull.author, pull.by) == ("gardener[bot]", by())
        await hub.merge(pull, title="Land it", message="At last")
        assert await hub.merged_as(pull.number) is not None
    finally:
        await hub.close()
