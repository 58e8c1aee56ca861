"""Apps: their keys, their tokens, and as whom they act."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import jwt
import pytest
from githubkit import AppAuthStrategy, GitHub

from loreli_ray.clock import ManualClock
from loreli_ray.errors import ForgeError
from loreli_ray.forge import Forge, ForgeServer
from tests.forge.app_kit import Key
from tests.forge.forge_kit import HOME, OWNER, REPOSITORY, House


@pytest.fixture(scope="module")
def key() -> Key:
    return Key.make()


def test_an_app_acts_as_its_bot(house: House, owner: httpx.Client, key: Key) -> None:
    app = house.forge.add_app("gardener", public_key=key.public, account=OWNER)
    head = house.branch("bed", {"bed.md": "x\n"})
    house.pull(owner, "bed")
    gh = GitHub(AppAuthStrategy(app.id, key.private), base_url=house.server.url, http_cache=False, auto_retry=False)
    assert gh.rest.apps.get_authenticated().raw_response.json()["slug"] == "gardener"
    installation = gh.rest.apps.get_repo_installation(OWNER, "garden").parsed_data
    assert [one.id for one in gh.rest.apps.list_installations().parsed_data] == [installation.id]
    assert gh.rest.apps.get_installation(installation.id).parsed_data.app_slug == "gardener"
    bot = gh.with_auth(gh.auth.as_installation(installation.id))
    made = bot.rest.issues.create(OWNER, "garden", title="Prune", labels=["loreli"]).parsed_data
    assert made.user
    assert (made.user.login, made.user.type, made.author_association) == ("gardener[bot]", "Bot", "NONE")
    assert len(made.labels) == 1  # it may write
    review = bot.rest.pulls.create_review(OWNER, "garden", 1, event="APPROVE").parsed_data
    assert (review.state, review.commit_id) == ("APPROVED", head)
    assert [r.full_name for r in bot.rest.apps.list_repos_accessible_to_installation().parsed_data.repositories] == [
        REPOSITORY
    ]
    assert owner.get(f"{HOME}/issues/2/events").json()[0]["actor"]["login"] == "gardener[bot]"
    answer = owner.get("/installation/repositories")
    assert answer.status_code == 403
    assert owner.get("/user").headers["x-oauth-scopes"] == "repo"


def test_git_takes_an_installation_token(house: House, key: Key) -> None:
    app = house.forge.add_app("gardener", public_key=key.public, account=OWNER)
    token, _ = house.forge.apps.new_token(house.forge.apps.installation(app))
    copy = house.checkout()
    copy.commit("bed", {"bed.md": "x\n"})
    copy.git("push", "-q", house.git_url("x-access-token", token=token), "bed")
    assert "refs/heads/bed" in copy.git("ls-remote", "origin")
    with house.http(None) as client:
        answer = client.get("/user", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["message"]) == (403, "Resource not accessible by integration")
        assert "x-oauth-scopes" not in answer.headers


@pytest.fixture
def timed(tmp_path: Path, source: Path, key: Key) -> Iterator[tuple[httpx.Client, ManualClock, int]]:
    clock = ManualClock(start=float(int(time.time())) - 86400.0)  # not the machine's day
    forge = Forge.open(tmp_path / "timed", clock=clock)
    forge.add_repository(REPOSITORY, source=source)
    forge.add_repository("other/yard", source=source)
    app = forge.add_app("gardener", public_key=key.public, account=OWNER)
    with ForgeServer(forge) as server, httpx.Client(base_url=server.url) as client:
        yield client, clock, app.id
    forge.close()


def test_everything_expires_by_the_clock_of_the_forge(timed: tuple[httpx.Client, ManualClock, int], key: Key) -> None:
    client, clock, app = timed
    installation = client.get("/app/installations", headers=key.assertion(app, now=clock.now())).json()[0]["id"]
    path = f"/app/installations/{installation}/access_tokens"
    made = client.post(path, headers=key.assertion(app, now=clock.now()))
    assert made.status_code == 201
    token = {"Authorization": f"token {made.json()['token']}"}
    clock.advance(3599)
    assert client.get(HOME, headers=token).status_code == 200
    clock.advance(1)
    assert client.get(HOME, headers=token).status_code == 401
    assert (
        client.post("/app/installations/99/access_tokens", headers=key.assertion(app, now=clock.now())).status_code
        == 404
    )
    other = client.get("/repos/other/yard/installation", headers=key.assertion(app, now=clock.now()))
    assert other.status_code == 404


def test_bad_assertions(timed: tuple[httpx.Client, ManualClock, int], key: Key) -> None:
    client, clock, app = timed
    now = clock.now()
    alien = Key.make()
    for headers, status in (
        ({}, 401),
        ({"Authorization": "Bearer a.b.c"}, 401),
        ({"Authorization": "Bearer ghs_0"}, 401),
        (alien.assertion(app, now=now), 401),
        (key.assertion("x", now=now), 401),
        (key.assertion(99, now=now), 404),
        (key.assertion(app, now=now, expires=-1), 401),
        (key.assertion(app, now=now, expires=1200), 401),
        (key.assertion(app, now=now, issued=120), 401),
    ):
        assert client.get("/app", headers=headers).status_code == status, headers
    hmac = jwt.encode({"iss": str(app), "iat": int(now), "exp": int(now) + 60}, "x" * 32, "HS256")
    assert client.get("/app", headers={"Authorization": f"Bearer {hmac}"}).status_code == 401
    assert client.get("/app", headers=key.assertion(app, now=now)).status_code == 200
    assert client.get(HOME, headers=key.assertion(app, now=now)).status_code == 401  # only its own routes


def test_what_is_no_app(forge: Forge, key: Key) -> None:
    forge.add_app("gardener", public_key=key.public, account="new-account")
    for slug, public in (("gardener", key.public), ("Gar dener", key.public), ("x", "no key"), ("y", key.private[:90])):
        with pytest.raises(ForgeError):
            forge.add_app(slug, public_key=public, account=OWNER)
    with pytest.raises(ForgeError):
        forge.token("gardener[bot]")
