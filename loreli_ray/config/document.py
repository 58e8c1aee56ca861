"""YAML, read so that every value still knows its line.

Only data: mappings with text as keys, lists, text, numbers, truth values and null (YAML 1.2's core schema). Tags that
would make something else are refused; dates stay text. Pairs are kept as they stand, repeated keys included, so that
the reader of a configuration can say which key is given twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

_TAG: Final = "tag:yaml.org,2002:"
_MOST_VALUES = 20_000
_LONGEST_NUMBER = 30


@dataclass(frozen=True, slots=True)
class Scalar:
    value: object
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Items:
    items: tuple[Given, ...]
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    key: str
    value: Given
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Pairs:
    pairs: tuple[Pair, ...]
    line: int | None = None


Given = Scalar | Items | Pairs


class YAMLMistakeError(Exception):
    """The text is not YAML, or holds more than data. `line` and `column` count from 1, 0 where unknown."""

    def __init__(self, what: str, *, line: int = 0, column: int = 0) -> None:
        super().__init__(what)
        self.what = what
        self.line = line
        self.column = column


def read(text: str) -> Given:
    """The one document in `text`; an empty one is a null. Raises `YAMLMistakeError`."""
    try:
        node = cast("Node | None", _yaml().compose(text))  # pyright: ignore[reportUnknownMemberType]
        return Scalar(None) if node is None else _Reader().read(node)
    except MarkedYAMLError as caught:
        error = cast("Any", caught)
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise YAMLMistakeError(error.problem or error.context, line=line, column=column) from caught
    except YAMLError as error:
        raise YAMLMistakeError(str(error).partition("\n")[0]) from error
    except RecursionError as error:
        raise YAMLMistakeError("is nested too deeply") from error


def given(value: object) -> Given:
    """A value of Python's as one that was read."""
    if isinstance(value, Mapping):
        mapping = cast("Mapping[object, object]", value)
        return Pairs(tuple(Pair(str(key), given(inner)) for key, inner in mapping.items()))
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return Items(tuple(given(item) for item in cast("Sequence[object]", value)))
    return Scalar(value)


def plain(value: Given) -> object:
    """The value without its lines; of keys that are given twice the last counts."""
    match value:
        case Scalar(value=scalar):
            return scalar
        case Items(items=items):
            return [plain(item) for item in items]
        case Pairs(pairs=pairs):
            return {pair.key: plain(pair.value) for pair in pairs}


def _yaml() -> YAML:
    return YAML(typ="safe", pure=True)


class _Reader:
    """Turns the nodes of one document into values, each with its line."""

    def __init__(self) -> None:
        self._constructor = _yaml().constructor
        self._open: set[int] = set()
        self._count = 0

    def read(self, node: Node) -> Given:
        self._count += 1
        if id(node) in self._open:
            raise _unreadable(node, "holds itself")
        if self._count > _MOST_VALUES:
            raise _unreadable(node, f"more than {_MOST_VALUES} values, aliases written out")
        self._open.add(id(node))
        try:
            return self._read(node)
        finally:
            self._open.discard(id(node))

    def _read(self, node: Node) -> Given:
        line = _line(node)
        tag = str(cast("Any", node).tag)
        match node:
            case ScalarNode():
                return Scalar(self._scalar(node, tag.removeprefix(_TAG)), line)
            case SequenceNode() if tag == f"{_TAG}seq":
                return Items(tuple(self.read(item) for item in _inside(node)), line)
            case MappingNode() if tag == f"{_TAG}map":
                return Pairs(tuple(self._pairs(node)), line)
            case _:
                raise _unreadable(node, f"the tag {tag} is not allowed here")

    def _pairs(self, node: MappingNode) -> list[Pair]:
        own: list[Pair] = []
        merged: list[Pair] = []
        for key, value in _inside(node):
            if not isinstance(key, ScalarNode):
                raise _unreadable(key, "a key is not text")
            if str(cast("Any", key).tag) == f"{_TAG}merge":
                merged += self._merged(value)
            else:
                own.append(Pair(str(cast("Any", key).value), self.read(value), _line(key)))
        keys = {pair.key for pair in own}
        for (
            pair
        ) in merged:  # what stands in the mapping itself goes before what `<<` brings, the first that brings it wins
            if pair.key not in keys:
                keys.add(pair.key)
                own.append(pair)
        return own

    def _merged(self, node: Node) -> list[Pair]:
        value = self.read(node)
        parts = value.items if isinstance(value, Items) else (value,)
        pairs = [part.pairs for part in parts if isinstance(part, Pairs)]
        if len(pairs) != len(parts):
            raise _unreadable(node, "<< takes a mapping, or a list of mappings")
        return [pair for some in pairs for pair in some]

    def _scalar(self, node: ScalarNode, tag: str) -> object:
        text = str(cast("Any", node).value)
        match tag:
            case "null":
                return None
            case "int" | "float" | "bool" if len(text) <= _LONGEST_NUMBER:
                try:
                    return self._constructor.construct_object(node)
                except ValueError as error:
                    raise _unreadable(node, f"{text} is not a {tag}") from error
            case "int" | "float" | "bool" | "str" | "timestamp":
                return text
            case _:
                raise _unreadable(node, f"the tag {tag} is not allowed here")


def _inside(node: SequenceNode | MappingNode) -> Any:
    return cast("Any", node).value


def _line(node: Node) -> int:
    return int(cast("Any", node).start_mark.line) + 1


def _unreadable(node: Node, what: str) -> YAMLMistakeError:
    return YAMLMistakeError(what, line=_line(node), column=int(cast("Any", node).start_mark.column) + 1)
