"""POST /graphql: one document in, `data` and `errors` in GitHub's form out.

Invariants: what is wrong with a query is an answer (200 with `errors`), what broke on our side is raised and ends as
REST's 503; nothing runs before it is parsed, valid, affordable and paid for.
"""

from __future__ import annotations

from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    OverlappingFieldsCanBeMergedRule,
    execute_sync,  # pyright: ignore[reportUnknownVariableType]  # one of its options is half typed
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)
from pydantic import Field

from loreli_ray.forge.graphql import commits, discussions, issues, mutations, pulls, repositories
from loreli_ray.forge.graphql.fields import Context, refused, resolve, resolve_type
from loreli_ray.forge.graphql.limits import Cost, check_depth, cost
from loreli_ray.forge.graphql.schema import SCHEMA
from loreli_ray.forge.refusal import Refusal
from loreli_ray.forge.rest.call import Body, Call, route
from loreli_ray.forge.rest.reply import Reply
from loreli_ray.forge.rest.shapes import Shape

__all__ = ["ROUTES", "commits", "discussions", "issues", "mutations", "pulls", "repositories"]  # they register fields

# GitHub does not enforce it either, and clients rely on that.
_RULES = [rule for rule in specified_rules if rule is not OverlappingFieldsCanBeMergedRule]


class Query(Body):
    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = Field(default=None, alias="operationName")


def execute(call: Call) -> Reply:
    try:
        body = call.parse(Query)
    except Refusal as refusal:
        if refusal.status == 400:
            raise
        message = "A query attribute must be specified and must be a string."
        return Reply({"errors": [{"message": message}]})
    try:
        document, operation, price = _prepare(body)
    except GraphQLError as error:
        return Reply({"errors": [_shape(error)]})
    except _Invalid as invalid:
        return Reply({"errors": [_shape(error) for error in invalid.errors]})
    if not call.limits.take(call.user.id, "graphql", price.points):
        message = f"API rate limit exceeded for user ID {call.user.id}."
        return Reply({"errors": [{"type": "RATE_LIMITED", "message": message}]})
    call.throttle.spend(call.user.id, writes=operation.operation is OperationType.MUTATION)
    result = execute_sync(
        SCHEMA,
        document,
        context_value=Context(call, price),
        variable_values=body.variables,
        operation_name=operation.name.value if operation.name else None,
        field_resolver=resolve,
        type_resolver=resolve_type,
        hide_suggestions=True,
    )
    return Reply(_answer(result))


class _Invalid(Exception):
    def __init__(self, errors: list[GraphQLError]) -> None:
        self.errors = errors


def _prepare(body: Query) -> tuple[DocumentNode, OperationDefinitionNode, Cost]:
    """The document, the operation to run and its price. Raises `GraphQLError` or `_Invalid`."""
    check_depth(body.query)
    document = parse(body.query, allow_empty_selection_sets=False)
    errors = validate(SCHEMA, document, _RULES, hide_suggestions=True)
    if errors:
        raise _Invalid(errors)
    operation = get_operation_ast(document, body.operation_name)
    if not operation:
        named = f" named '{body.operation_name}'" if body.operation_name else ""
        raise GraphQLError(f"There is no operation{named} to run, or more than one.")
    return document, operation, cost(SCHEMA, document, operation, body.variables or {})


def _answer(result: ExecutionResult) -> Shape:
    errors: list[Shape] = []
    for error in result.errors or []:
        cause = error.original_error
        if isinstance(cause, Refusal):
            said = refused(cause)
            errors.append(_shape(error) | {"type": (said.extensions or {})["type"], "message": said.message})
        elif cause is None or isinstance(cause, GraphQLError):
            errors.append(_shape(error))
        else:
            raise cause
    answer: Shape = {}
    if result.data is not None or not errors or any("path" in error for error in errors):
        answer["data"] = result.data
    return answer | ({"errors": errors} if errors else {})


def _shape(error: GraphQLError) -> Shape:
    """GitHub's form: the type first, no `extensions` of its own."""
    extensions = error.extensions or {}
    shape: Shape = {"type": extensions["type"]} if "type" in extensions else {}
    if error.path is not None:
        shape["path"] = list(error.path)
    if error.locations:
        shape["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    return shape | {"message": error.message}


ROUTES = [route("POST", "/graphql", execute, resource="graphql")]
