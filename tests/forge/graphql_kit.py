"""Asking the forge in GraphQL."""

from __future__ import annotations

from typing import Any

import httpx

from tests.forge.forge_kit import OWNER

GARDEN = f'repository(owner: "{OWNER}", name: "garden")'


def post(client: httpx.Client, query: str, /, **variables: Any) -> dict[str, Any]:
    """The whole answer: `data` and `errors`."""
    answer = client.post("/graphql", json={"query": query, "variables": variables})
    assert answer.status_code == 200, answer.text
    return answer.json()


def ask(client: httpx.Client, query: str, /, **variables: Any) -> dict[str, Any]:
    """The data of a query that must succeed."""
    answer = post(client, query, **variables)
    assert "errors" not in answer, answer["errors"]
    return answer["data"]


def complaint(client: httpx.Client, query: str, /, **variables: Any) -> dict[str, Any]:
    """The only error of a query that must fail."""
    errors = post(client, query, **variables)["errors"]
    assert len(errors) == 1, errors
    return errors[0]


def change(client: httpx.Client, name: str, payload: str, /, **input: Any) -> dict[str, Any]:
    """Carries out a mutation and returns what `payload` selects of its answer."""
    return ask(client, _mutation(name, payload), input=input)[name]


def refusal(client: httpx.Client, name: str, /, **input: Any) -> tuple[str, str]:
    """The type and the message of the error of a mutation that must fail."""
    error = complaint(client, _mutation(name, "clientMutationId"), input=input)
    assert error["path"] == [name]
    return error["type"], error["message"]


def repository_id(client: httpx.Client) -> str:
    return ask(client, "{" + GARDEN + " { id } }")["repository"]["id"]


def _mutation(name: str, payload: str) -> str:
    kind = name[0].upper() + name[1:] + "Input!"
    return f"mutation ($input: {kind}) {{ {name}(input: $input) {{ {payload} }} }}"
