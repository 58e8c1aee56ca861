"""Connections: a list cut by `first`/`after` or `last`/`before`, as https://relay.dev/graphql/connections.htm has it.

A cursor names its node and where it stood, so that a page neither repeats nor skips a node that is still there when
others came or went in between.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from loreli_ray.forge.graphql.fields import Context, global_id, problem
from loreli_ray.forge.graphql.limits import PAGE_MAX

Shape = dict[str, Any]


def connection(
    context: Context,
    name: str,
    nodes: Sequence[Any],
    *,
    first: int | None = None,
    last: int | None = None,
    after: str | None = None,
    before: str | None = None,
    **extra: Any,
) -> Shape:
    """The asked page of `nodes` for the connection `name`; `extra` are further fields.

    Raises `GraphQLError` without `first` or `last`, for more than 100, and for what is no cursor.
    """
    if first is None and last is None:
        raise problem(
            "MISSING_PAGINATION_BOUNDARIES",
            f"You must provide a `first` or `last` value to properly paginate the `{name}` connection.",
        )
    for word, size in (("first", first), ("last", last)):
        if size is not None and not 0 <= size <= PAGE_MAX:
            raise problem(
                "EXCESSIVE_PAGINATION",
                f"Requesting {size} records on the `{name}` connection exceeds the `{word}` limit of "
                f"{PAGE_MAX} records."
                if size > 0
                else f"`{word}` on the `{name}` connection cannot be less than zero.",
            )
    begin = _find(context, nodes, after)[1] if after is not None else 0
    end = _find(context, nodes, before)[0] if before is not None else len(nodes)
    if first is not None:
        end = min(end, begin + first)
    if last is not None:
        begin = max(begin, end - last)
    page = nodes[begin:end]
    edges = [{"node": node, "cursor": _cursor(context, node, begin + index)} for index, node in enumerate(page)]
    return {
        "nodes": page,
        "edges": edges,
        "totalCount": len(nodes),
        "pageInfo": {
            "hasNextPage": end < len(nodes),
            "hasPreviousPage": begin > 0,
            "startCursor": edges[0]["cursor"] if edges else None,
            "endCursor": edges[-1]["cursor"] if edges else None,
        },
        **extra,
    }


def edge(context: Context, node: Any, index: int) -> Shape:
    """One edge on its own: what a mutation made, the `index`-th of its list."""
    return {"node": node, "cursor": _cursor(context, node, index)}


def _cursor(context: Context, node: Any, index: int) -> str:
    return base64.b64encode(f"{index}:{global_id(context, node)}".encode()).decode()


def _find(context: Context, nodes: Sequence[Any], cursor: str) -> tuple[int, int]:
    """Where the cursor's node stands, and where what follows it begins; both are the same once it is gone."""
    try:
        index, _, name = base64.b64decode(cursor, validate=True).decode().partition(":")
        place = int(index)
    except (binascii.Error, ValueError) as error:
        raise problem("INVALID_CURSOR_ARGUMENTS", f"`{cursor[:100]}` does not appear to be a valid cursor.") from error
    place = min(max(place, 0), len(nodes))
    if place < len(nodes) and global_id(context, nodes[place]) == name:
        return place, place + 1
    for found, node in enumerate(nodes):
        if global_id(context, node) == name:
            return found, found + 1
    return place, place
