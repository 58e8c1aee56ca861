"""The description that the forge gives of its routes."""

from __future__ import annotations

import json

import httpx
import jsonschema_rs
import pytest
from starlette.responses import JSONResponse
from typer.testing import CliRunner

from loreli_ray.cli.forge import app
from loreli_ray.forge.rest import ROUTES
from tests.forge.api_judge import DESCRIPTION, Judge, verdict
from tests.forge.forge_kit import HOME, OWNER, House


def test_every_route_is_described(house: House) -> None:
    served = httpx.get(f"{house.server.url}/openapi.json")
    assert served.json() == httpx.get(f"{house.server.url}/api/v3/openapi.json").json() == DESCRIPTION
    described = {(method, path) for path, methods in DESCRIPTION["paths"].items() for method in methods}
    assert described == {(operation.method.lower(), operation.path_format) for operation in ROUTES}
    assert len(described) == len(ROUTES)  # none hides another


def test_it_can_be_printed() -> None:
    printed = CliRunner().invoke(app, ["openapi"])
    assert json.loads(printed.output) == DESCRIPTION


async def test_the_judge_hears_every_answer() -> None:
    judge = Judge()
    wrong = judge(JSONResponse({"login": OWNER}))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(wrong), base_url="http://x/api/v3") as client:
        await client.get("/user")
        await client.get("/nothing-that-is-described")
    assert len(judge.complaints) == 1
    assert judge.complaints[0].startswith("GET /api/v3/user: 200: ")


def test_its_schemas_are_schemas() -> None:
    for schema in DESCRIPTION["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"title": 7}, "7 is not of type"),
        ({"more": 1}, "more"),
        ({"created_at": "2026-01-01T00:00:00.5Z"}, "does not match"),
    ],
)
def test_the_judge_notices(owner: httpx.Client, change: dict[str, object], complaint: str) -> None:
    answer = owner.post(f"{HOME}/issues", json={"title": "x"})
    operation = next(one for one in ROUTES if (one.method, one.path) == ("POST", "/repos/{owner}/{repo}/issues"))
    content = httpx.Response(200, json=answer.json() | change).content
    assert complaint in (verdict(operation, 201, "application/json", content) or "")
    assert verdict(operation, 201, "application/json", answer.content) is None
    assert verdict(operation, 500, "application/json", answer.content) == "500 is not described"
    assert verdict(operation, 201, "text/plain", b"x") == "201 as 'text/plain' is not described"
    assert verdict(operation, 201, "application/json", b"") == "201 has no body"
