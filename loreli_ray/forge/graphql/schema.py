"""The schema as an object: `schema.graphql`, plus the connection types, which are all alike, and strict scalars."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from graphql import GraphQLError, GraphQLScalarType, GraphQLSchema, build_schema

from loreli_ray.forge.rest.shapes import time

_CONNECTION = """
type {0}Connection {{ edges: [{0}Edge] nodes: [{0}] pageInfo: PageInfo! totalCount: Int! }}
"""
_EDGE = """
type {0}Edge {{ cursor: String! node: {0} }}
"""
_OID = re.compile(r"[0-9a-fA-F]{40}")
_REF_NAME = re.compile(r"refs/[^\x00-\x20\x7f]{1,1000}")


def _load() -> GraphQLSchema:
    text = Path(__file__).with_name("schema.graphql").read_text(encoding="utf-8")
    for kind, template in (("Connection", _CONNECTION), ("Edge", _EDGE)):
        used, defined = (set(re.findall(f"{word}([A-Z]\\w+){kind}\\b", text)) for word in (r"\b", r"\btype "))
        text += "".join(template.format(name) for name in sorted(used - defined))
    schema = build_schema(text)
    # build_schema() makes scalars that take anything; only their functions can be exchanged afterwards.
    for name, parse in (("DateTime", _date), ("GitObjectID", _oid), ("GitRefname", _ref_name), ("URI", _text)):
        scalar = schema.type_map[name]
        assert isinstance(scalar, GraphQLScalarType)
        vars(scalar).update(parse_value=parse, coerce_input_value=parse)
    vars(schema.type_map["DateTime"]).update(serialize=time, coerce_output_value=time)
    return schema


def _date(value: object) -> int:
    """ISO 8601 → seconds since the epoch."""
    try:
        date = datetime.fromisoformat(_text(value))
        return int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError) as error:
        raise GraphQLError("is no date in ISO 8601") from error


def _oid(value: object) -> str:
    text = _text(value)
    if not _OID.fullmatch(text):
        raise GraphQLError("is no object id of 40 hexadecimal digits")
    return text.lower()


def _ref_name(value: object) -> str:
    text = _text(value)
    if not _REF_NAME.fullmatch(text):
        raise GraphQLError("is no fully qualified ref name")
    return text


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise GraphQLError("is no string")
    return value


SCHEMA = _load()
