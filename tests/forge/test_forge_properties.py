"""Requests of every kind that the description allows, and many that it doesn't: nothing breaks, nothing is answered
that is not described. schemathesis makes the requests and judges the answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis import checks as general
from schemathesis.specs.openapi import checks as described

from loreli_ray.forge import Forge, ForgeServer
from loreli_ray.forge.repository import GitRepository
from loreli_ray.forge.rest.repositories import Settings
from tests.forge.api_judge import DESCRIPTION
from tests.forge.app_kit import Key
from tests.forge.forge_kit import COLLABORATOR, HOME, OWNER, REPOSITORY, House

_ORDER = ("GET", "POST", "PATCH", "PUT", "DELETE")  # what is read is still there, what is removed was used
SCHEMA: Any = schemathesis.openapi.from_dict(DESCRIPTION)
OPERATIONS: list[Any] = sorted(
    (found.ok() for found in SCHEMA.get_all_operations()),
    key=lambda operation: _ORDER.index(operation.method.upper()),
)
# The library's types are only half known.
GENERAL: Any = general
DESCRIBED: Any = described
CHECKS: list[Any] = [
    GENERAL.not_a_server_error,
    DESCRIBED.status_code_conformance,
    DESCRIBED.content_type_conformance,
    DESCRIBED.response_schema_conformance,
]
EXAMPLES = 5  # of each operation

# What leads to something that is there; some requests take what schemathesis made up.
PATH: dict[str, Any] = {
    "number": 2,
    "id": 1,
    "ref": "heads/bed",
    "sha": "bed",
    "branch": "bed",
    "basehead": "main...bed",
    "name": "bug",
    "path": "README.md",
    "login": COLLABORATOR,
    "reaction": 1,
}


@pytest.fixture(scope="module")
def garden(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One forge for all operations, in which each has something to work on."""
    folder = tmp_path_factory.mktemp("properties")
    forge = Forge.open(folder / "data")
    forge.add_repository(REPOSITORY, source=source)
    forge.add_collaborator(REPOSITORY, COLLABORATOR)
    with ForgeServer(forge, rate_limit=10**6) as server:
        house = House(forge, server, folder)
        with house.http(OWNER) as owner, house.http(COLLABORATOR) as collaborator, house.app() as ci:
            owner.post(f"{HOME}/issues", json={"title": "weeds", "labels": ["bug"]})
            head = house.branch("bed", {"bed.md": "tulips\n"})
            house.pull(owner, "bed", body="see #1")
            collaborator.post(f"{HOME}/pulls/2/comments", json={"body": "hm", "path": "bed.md", "line": 1})
            collaborator.post(f"{HOME}/issues/2/comments", json={"body": "hm"})
            owner.post(f"{HOME}/issues/2/reactions", json={"content": "eyes"})
            ci.post(f"{HOME}/check-runs", json={"name": "ci", "head_sha": head})
            protection = {"required_status_checks": None, "required_pull_request_reviews": None}
            rules = {**protection, "enforce_admins": False, "restrictions": None}
            owner.put(f"{HOME}/branches/bed/protection", json=rules)
            for thing in ("issues/comments/1", "pulls/comments/1"):
                owner.post(f"{HOME}/{thing}/reactions", json={"content": "eyes"})
        yield house
    forge.close()


@pytest.fixture(scope="module")
def known(garden: House) -> dict[str, Any]:
    """What a body may name that is there."""
    git = GitRepository(garden.bare)
    heads = git.heads()
    return {
        "sha": heads["bed"],
        "head_sha": heads["bed"],
        "commit_id": heads["bed"],
        "tree": git.commit(heads["main"]).tree,
        "parents": [heads["main"]],
        "head": "bed",
        "base": "main",
        "branch": "main",
        "reviewers": [COLLABORATOR],
        "assignees": [COLLABORATOR],
        "path": "bed.md",
        "line": 1,
    }


@pytest.fixture(scope="module")
def key(garden: House) -> Key:
    made = Key.make()
    garden.forge.add_app("gardener", public_key=made.public, account=OWNER)
    return made


def authorization(path: str, garden: House, key: Key) -> dict[str, str]:
    """An app's key, an installation's token, or the owner's, as the operation wants it."""
    app = garden.forge.user("gardener[bot]")
    assert app
    if path.startswith("/app") or path.endswith("/installation"):
        return key.assertion(garden.forge.apps.of_bot(app).id, now=garden.forge.clock.now())
    if path.startswith("/installation") or path.endswith("/check-runs"):
        token, _ = garden.forge.apps.new_token(garden.forge.apps.installation(garden.forge.apps.of_bot(app)))
        return {"Authorization": f"Bearer {token}"}
    return {"Authorization": f"Bearer {garden.forge.token(OWNER)}"}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_nothing_breaks(operation: Any, garden: House, known: dict[str, Any], key: Key) -> None:
    before = garden.forge.repository(REPOSITORY)
    assert before
    with requests.Session() as session:
        session.trust_env = False
        session.headers.update(authorization(operation.path, garden, key))

        @given(
            case=st.one_of([operation.as_strategy(GenerationMode(mode)) for mode in ("positive", "negative")]),
            there=st.sampled_from([True, True, False]),
        )
        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        )
        def requested(case: Any, there: bool) -> None:
            where = {**(PATH if there else {}), "owner": OWNER, "repo": "garden"}
            case.path_parameters |= {name: where[name] for name in case.path_parameters if name in where}
            body: Any = case.body
            if there and type(body) is dict:
                case.body = body | {name: known[name] for name in known if name in body}
            case.call_and_validate(base_url=garden.server.url, session=session, checks=CHECKS, timeout=30)

        requested()
    settled = {name: getattr(before, name) for name in Settings.model_fields}
    garden.forge.edit_repository(before, settled)
