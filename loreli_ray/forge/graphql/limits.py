"""What a query may ask for, and what it costs, reckoned before it runs.

https://docs.github.com/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api: every connection counts
as one request for each of its parents, a hundred requests are a point, and no query reaches more than 500,000 nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    Lexer,
    OperationDefinitionNode,
    SelectionSetNode,
    Source,
    TokenKind,
    VariableNode,
    get_named_type,
)

TOKENS_MAX = 15_000
DEPTH_MAX = 60
FIELDS_MAX = 50_000
NODES_MAX = 500_000
PAGE_MAX = 100

_OPENING = {TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L}
_CLOSING = {TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R}


@dataclass(frozen=True, slots=True)
class Cost:
    """`nodes` is how many nodes the query can reach, `points` what it takes from the rate limit."""

    nodes: int = 0
    points: int = 1


def check_depth(text: str) -> None:
    """Raises `GraphQLError` for a text too long or too deep to be parsed, and for what is no GraphQL at all."""
    lexer = Lexer(Source(text))
    depth = tokens = 0
    while (token := lexer.advance()).kind is not TokenKind.EOF:
        tokens += 1
        depth += (token.kind in _OPENING) - (token.kind in _CLOSING)
        if tokens > TOKENS_MAX or depth > DEPTH_MAX:
            raise GraphQLError(f"The query is too large: {TOKENS_MAX} tokens and {DEPTH_MAX} levels are allowed.")


def cost(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, object]
) -> Cost:
    """Of a valid document. Raises `GraphQLError` for one that reaches too many nodes or fields."""
    fragments = {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
    root = schema.get_root_type(operation.operation)
    reckoner = _Reckoner(schema, fragments, _defaults(operation) | dict(variables))
    reckoner.walk(operation.selection_set, root, parents=1)
    if reckoner.nodes > NODES_MAX:
        raise GraphQLError(
            f"This query requests up to {reckoner.nodes:,} possible nodes "
            f"which exceeds the maximum limit of {NODES_MAX:,}.",
            extensions={"type": "MAX_NODE_LIMIT_EXCEEDED"},
        )
    return Cost(reckoner.nodes, max(1, round(reckoner.requests / 100)))


class _Reckoner:
    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, object],
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = variables
        self._fields = 0
        self.requests = 0
        self.nodes = 0

    def walk(self, selections: SelectionSetNode, parent: GraphQLNamedType | None, *, parents: int) -> None:
        """Counts what hangs beneath `parents` sources of the type `parent`."""
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                self._field(selection, parent, parents=parents)
            elif isinstance(selection, FragmentSpreadNode):
                fragment = self._fragments[selection.name.value]
                self.walk(fragment.selection_set, self._type(fragment.type_condition.name.value), parents=parents)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                kind = self._type(condition.name.value) if condition else parent
                self.walk(selection.selection_set, kind, parents=parents)

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None, *, parents: int) -> None:
        self._fields += 1
        if self._fields > FIELDS_MAX:
            raise GraphQLError(f"The query selects more than {FIELDS_MAX:,} fields.")
        fields: Mapping[str, Any] = getattr(parent, "fields", {})
        definition = fields.get(node.name.value)
        kind = cast("GraphQLNamedType | None", get_named_type(definition.type) if definition else None)
        if isinstance(kind, GraphQLObjectType) and kind.name.endswith("Connection"):
            self.requests += parents
            parents *= self._page(node)
            self.nodes += parents
        if node.selection_set:
            self.walk(node.selection_set, kind, parents=parents)

    def _page(self, node: FieldNode) -> int:
        """How many nodes one page holds: what `first` or `last` says, if it says anything."""
        for argument in node.arguments or ():
            if argument.name.value not in ("first", "last"):
                continue
            value: object = None
            if isinstance(argument.value, IntValueNode):
                value = int(argument.value.value)
            elif isinstance(argument.value, VariableNode):
                value = self._variables.get(argument.value.name.value)
            if isinstance(value, int):
                return min(max(value, 0), PAGE_MAX)
        return 0

    def _type(self, name: str) -> GraphQLNamedType | None:
        return self._schema.get_type(name)


def _defaults(operation: OperationDefinitionNode) -> dict[str, object]:
    """The default values of the operation's numeric variables."""
    return {
        definition.variable.name.value: int(definition.default_value.value)
        for definition in operation.variable_definitions or ()
        if isinstance(definition.default_value, IntValueNode)
    }
