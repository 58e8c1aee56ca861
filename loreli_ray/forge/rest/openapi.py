"""The description of the API (OpenAPI 3.1), made from the route table and the models that it names.

https://spec.openapis.org/oas/v3.1.0. Nothing is described by hand: a route says by its handler's annotations what it
takes, and by its `answer` what it gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from inspect import getdoc
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from loreli_ray.forge.rest.answers import Refused
from loreli_ray.forge.rest.call import BODY_MAX, Operation

Json = dict[str, Any]

# What every route may refuse with.
REFUSALS = frozenset({401, 403, 404, 422, 429, 503})
WRITE_REFUSALS = frozenset({400, 413})

_REFUSED = {"$ref": "#/components/responses/refused"}
_PATH_TYPES: dict[str, Json] = {
    "id": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
    "path": {"type": "string", "minLength": 1},
    "str": {"type": "string", "minLength": 1, "pattern": "^[^/]+$"},
}
_PAGES: list[Json] = [
    {
        "name": name,
        "in": "query",
        "description": about + " What is no number counts as not given.",
        "schema": {"type": "integer", "minimum": 1, "default": default},
    }
    for name, about, default in (
        ("per_page", "How many at once, at most 100.", 30),
        ("page", "Which of the pages, from 1; the header `Link` leads to the others.", 1),
    )
]


def describe(operations: Sequence[Operation]) -> Json:
    """The document, as JSON."""
    types = _Types(operations)
    paths: dict[str, Json] = {}
    for operation in operations:
        paths.setdefault(operation.path_format, {})[operation.method.lower()] = _operation(operation, types)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The embedded git host",
            "version": "1",
            "description": "GitHub's REST API v3, as far as a team of agents needs it. "
            f"A request may hold {BODY_MAX >> 20} MB.",
        },
        "servers": [{"url": "/"}, {"url": "/api/v3"}],
        "security": [{"bearer": []}, {"basic": []}],
        "paths": paths,
        "components": {
            "schemas": types.components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
            },
            "responses": {
                "refused": {
                    "description": "Refused, in GitHub's form.",
                    "content": {"application/json": {"schema": types.of(Refused)}},
                },
            },
        },
    }


class _Types:
    """The schemas of all types that the operations name, with one set of components."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        named: list[Any] = [Refused]
        for operation in operations:
            named += [kind for kind in (operation.answer, operation.body, operation.query) if kind is not None]
        keys: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
            (repr(kind), "validation", TypeAdapter(kind)) for kind in named
        ]
        schemas, shared = TypeAdapter.json_schemas(keys, ref_template="#/components/schemas/{model}")
        self._schemas = {key: schema for (key, _), schema in schemas.items()}
        self.components: Json = shared.get("$defs", {})

    def of(self, kind: object) -> Json:
        return self._schemas[repr(kind)]

    def fields(self, kind: object) -> Json:
        """The properties of a model."""
        schema = self.of(kind)
        name = schema.get("$ref", "").rpartition("/")[2]
        return (self.components[name] if name else schema)["properties"]


def _operation(operation: Operation, types: _Types) -> Json:
    about = getdoc(operation.handler) or ""
    found: Json = {
        "operationId": f"{operation.method.lower()} {operation.path_format}",
        "tags": [operation.handler.__module__.rpartition(".")[2]],
        "summary": operation.handler.__name__.replace("_", " ").capitalize(),
        "parameters": _parameters(operation, types),
        "responses": _responses(operation, types),
    }
    if about:
        found["description"] = about
    if operation.body:
        required = any(field.is_required() for field in operation.body.model_fields.values())
        schema = types.of(operation.body)
        found["requestBody"] = {"required": required, "content": {"application/json": {"schema": schema}}}
    return found


def _parameters(operation: Operation, types: _Types) -> list[Json]:
    parameters: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": _PATH_TYPES[_convertor(operation, name)]}
        for name in operation.param_convertors
    ]
    if operation.query:
        fields = types.fields(operation.query)
        parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in fields.items()]
    return parameters + (_PAGES if operation.paged else [])


def _convertor(operation: Operation, name: str) -> str:
    for kind in ("id", "path"):
        if f"{{{name}:{kind}}}" in operation.path:
            return kind
    return "str"


def _responses(operation: Operation, types: _Types) -> Json:
    found: Json = {str(status): _success(operation, status, types) for status in operation.statuses}
    if operation.method == "GET" and operation.answer is not None:
        found["304"] = {"description": "What was read before has not changed."}
    refusals = REFUSALS | operation.refuses
    if operation.method != "GET":
        refusals |= WRITE_REFUSALS
    return found | {str(status): _REFUSED for status in sorted(refusals)}


def _success(operation: Operation, status: int, types: _Types) -> Json:
    said: Json = {"description": HTTPStatus(status).phrase}
    if operation.answer is not None:
        said["content"] = {"application/json": {"schema": types.of(operation.answer)}}
        if operation.media and status == 200:
            said["content"][operation.media] = {"schema": {"type": "string"}}
    return said
