"""What `loreli-ray doctor` asks the git host."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from loreli_ray.config import HubConfig
from loreli_ray.hub.checkup import APP_PERMISSIONS, checkup
from loreli_ray.model import AppKey, Credentials, Finding
from tests.hub.hub_kit import JUDGE, REPOSITORY, STRANGER, TEAM, Answer, Asked, House, Wire, forward


async def look(
    house: House,
    *,
    url: str | None = None,
    repo: str = REPOSITORY,
    author: str = TEAM,
    reviewer: str | None = JUDGE,
    **config: Any,
) -> dict[str, Finding]:
    tokens = {login: house.forge.token(login) for login in (TEAM, JUDGE, STRANGER)}
    credentials = Credentials(
        token=tokens.get(author, author), reviewer_token=tokens.get(reviewer, reviewer) if reviewer else None
    )
    settings = HubConfig(api_url=url or house.server.url, **config)
    found = await checkup(repo, config=settings, credentials=credentials, clock=house.clock)
    text = repr(found)
    assert not [token for token in tokens.values() if token in text]
    assert all(finding.ok or finding.remedy for finding in found)
    return {finding.what: finding for finding in found}


def missing(found: dict[str, Finding]) -> set[str]:
    return {finding.what for finding in found.values() if finding.needed and not finding.ok}


async def test_all_is_well(house: House) -> None:
    found = await look(house)
    assert missing(found) == set()
    assert (found["author"].found, found["reviewer"].found) == (TEAM, JUDGE)
    assert found["author may push"].ok
    assert found["requests left"].ok
    assert not found["clock"].ok, "the test's clock stands in 2023"
    assert "behind the git host's" in found["clock"].found


async def test_accounts(house: House) -> None:
    assert missing(await look(house, author="no-such-token")) == {"author"}
    assert missing(await look(house, author=STRANGER)) == {"author may push"}
    assert missing(await look(house, reviewer="no-such-token")) == {"reviewer"}
    assert missing(await look(house, reviewer=STRANGER)) == {"reviewer may push"}
    assert missing(await look(house, reviewer=TEAM)) == {"reviewer is another account"}
    one = await look(house, reviewer=None)
    assert missing(one) == set()
    assert not one["reviewer"].ok


async def test_the_repository(house: House) -> None:
    assert missing(await look(house, repo="team/nowhere")) == {"author sees team/nowhere"}
    assert missing(await look(house, base="no-such-branch")) == {"base branch no-such-branch"}


async def test_a_host_that_is_away(house: House) -> None:
    assert missing(await look(house, url="http://127.0.0.1:9")) == {"git host"}
    with Wire(lambda _: Answer(200, b"<html>"), clock=house.clock) as wire:
        assert missing(await look(house, url=wire.url)) == {"git host"}


def changed(house: House, suffix: str, change: Callable[[Any], Any], **headers: str) -> Callable[[Asked], Answer]:
    """The forge, but for what it says of one thing."""

    def respond(asked: Asked) -> Answer:
        answer = forward(asked, to=house.server.url)
        if not asked.path.partition("?")[0].endswith(suffix):
            return answer
        told = json.loads(answer.body) if answer.status == 200 else None
        return Answer(200, json.dumps(change(told)).encode(), headers)

    return respond


@pytest.mark.parametrize(
    ("told", "gap"),
    [
        ({"archived": True}, REPOSITORY),
        ({"disabled": True}, REPOSITORY),
        ({"has_issues": False}, "issues"),
        ({"allow_squash_merge": False}, "merge method squash"),
        ({"permissions": {"push": False, "pull": True}}, "author may push"),
    ],
)
async def test_settings(house: House, told: dict[str, Any], gap: str) -> None:
    with Wire(changed(house, f"/repos/{REPOSITORY}", lambda known: known | told), clock=house.clock) as wire:
        assert gap in missing(await look(house, url=wire.url))


@pytest.mark.parametrize(
    ("scopes", "private", "ok"),
    [("repo, workflow", True, True), ("public_repo", False, True), ("public_repo", True, False), ("", False, False)],
)
async def test_scopes_of_a_classic_token(house: House, scopes: str, private: bool, ok: bool) -> None:
    headers = {"x-oauth-scopes": scopes}
    respond = changed(house, f"/repos/{REPOSITORY}", lambda known: known | {"private": private}, **headers)
    with Wire(respond, clock=house.clock) as wire:
        found = await look(house, url=wire.url)
    assert found["author: scopes"].ok is ok
    assert found["author: workflows"].ok is ("workflow" in scopes)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("reviewer", [JUDGE, None])
@pytest.mark.parametrize("kind", ["protection", "ruleset"])
async def test_approvals_that_are_required(house: House, count: int, reviewer: str | None, kind: str) -> None:
    approvals = {"required_approving_review_count": count}
    rules = [{"type": "pull_request", "parameters": approvals}] if kind == "ruleset" else []
    if kind == "protection":
        _protect(house, required_pull_request_reviews=approvals)
    with Wire(changed(house, "/rules/branches/main", lambda _: rules), clock=house.clock) as wire:
        found = await look(house, url=wire.url, reviewer=reviewer)
    assert found["branch protection"].ok is (count == 1 and reviewer is not None)


async def test_checks_that_are_required(house: House) -> None:
    _protect(house, required_status_checks={"strict": True, "contexts": ["build", "lint"]})
    found = await look(house)
    assert (found["required checks"].found, missing(found)) == ("build, lint", set())


def _protect(house: House, **wanted: Any) -> None:
    nothing = ("required_status_checks", "enforce_admins", "required_pull_request_reviews", "restrictions")
    with house.http(TEAM) as http:
        http.put("/branches/main/protection", json={**dict.fromkeys(nothing), **wanted}).raise_for_status()


async def test_checks_and_a_merge_queue(house: House) -> None:
    checks = {"required_status_checks": [{"context": "build"}]}
    rules = [{"type": "required_status_checks", "parameters": checks}, {"type": "merge_queue"}, {"type": "other"}]
    with Wire(changed(house, "/rules/branches/main", lambda _: rules), clock=house.clock) as wire:
        found = await look(house, url=wire.url)
    assert found["required checks"].found == "build"
    assert missing(found) == {"merge queue"}


@pytest.mark.parametrize("given", [dict(APP_PERMISSIONS), {"contents": "read", "issues": "write"}])
async def test_permissions_of_an_app(house: House, given: dict[str, str]) -> None:
    """The forge, entered by an App's installation, whose token is that of the team's account."""
    token = house.forge.token(TEAM)

    def respond(asked: Asked) -> Answer:
        if asked.path == "/app":
            return Answer(body=b'{"slug": "gardener"}')
        if asked.path.startswith("/app/installations/12/"):
            made = {"token": token, "expires_at": "2099-01-01T00:00:00Z", "permissions": given}
            return Answer(201, json.dumps(made).encode())
        return forward(asked, to=house.server.url)

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()
    app = AppKey(app_id="7", private_key=pem, installation_id=12)
    with Wire(respond, clock=house.clock) as wire:
        config = HubConfig(api_url=wire.url)
        looked = await checkup(REPOSITORY, config=config, credentials=Credentials(app=app), clock=house.clock)
    found = {finding.what: finding for finding in looked}
    assert found["author"].found == "gardener[bot]"
    short = {f"author: {name}" for name, level in APP_PERMISSIONS.items() if given.get(name) != level}
    assert missing(found) == short
    assert not found["author: workflows"].ok
