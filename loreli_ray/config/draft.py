"""A configuration in the making: layers put over each other, each value with the place where it was given.

Keys are brought into the schema's spelling here, and keys that the schema doesn't know or that are given twice are
noted. Values are judged once all layers are there: one that a stronger layer replaces is not judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, cast, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from loreli_ray.config.document import Given, Items, Pair, Pairs, Scalar, YAMLMistakeError, given, plain, read
from loreli_ray.config.mistakes import NOTHING, Mistake, explain, nearest
from loreli_ray.config.schema import Config, Section, Variable
from loreli_ray.config.units import WRITTEN

PREFIX = "LORELI_"

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a layer comes from. `rank` orders the report; `environment` says how its keys are spelled."""

    name: str
    rank: int
    environment: bool = False

    def spell(self, parts: Sequence[str | int]) -> str:
        """The key path as its user writes it."""
        separator = "__" if self.environment else "."
        text = "".join(f"[{part}]" if isinstance(part, int) else f"{separator}{part}" for part in parts)
        return (PREFIX if self.environment else "") + text.removeprefix(separator)

    def at(self, line: int | None) -> str:
        return self.name if line is None else f"{self.name}:{line}"

    def style(self, key: str, *, like: str = "") -> str:
        """A key of the schema as the user who wrote `like` would write it."""
        if self.environment:
            return key.upper()
        return key if "_" in like else camel(key)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one value was given: the key path in its user's spelling, and the line."""

    source: Source
    parts: Path = ()
    line: int | None = None

    def under(self, part: str | int, line: int | None) -> Origin:
        return Origin(self.source, (*self.parts, part), line if line is not None else self.line)

    def mistake(self, value: object, *, wrong: str, right: str, below: Path = ()) -> Mistake:
        styled = (part if isinstance(part, int) else self.source.style(part) for part in below)
        key = self.source.spell((*self.parts, *styled)) or "(top level)"
        order = (self.source.rank, self.line or 0)
        return Mistake(self.source.at(self.line), key, value, wrong, right, order)


_NOWHERE = Origin(Source("configuration", rank=0))


class Draft:
    """Layers, added weakest first."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._origins: dict[Path, Origin] = {}
        self._mistakes: list[Mistake] = []

    def add(self, source: Source, value: Given, *, key: Sequence[str] = ()) -> None:
        """Puts `value` over what is there: a whole layer, or what belongs at the key path `key`."""
        for part in reversed(key):
            value = Pairs((Pair(part, value),))
        self._put(Config, value, (), Origin(source, line=value.line))

    def judge(self) -> Config | list[Mistake]:
        """The configuration, or all that is wrong with it."""
        try:
            config = Config.model_validate(self._values, context=WRITTEN)
        except ValidationError as error:
            self._mistakes += [self._explained(cast("Any", entry)) for entry in error.errors(include_url=False)]
        else:
            if not self._mistakes:
                return config
        return sorted(self._mistakes, key=lambda mistake: mistake.order)

    def _put(self, kind: Any, value: Given, path: tuple[str, ...], origin: Origin) -> None:
        kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
        if origin.source.environment and _takes_brackets(kind):
            value = _bracketed(value)
        if _takes_keys(kind) and isinstance(value, Scalar) and value.value is None:
            value = Pairs((), value.line)  # a section whose keys are all commented out
        if not (_takes_keys(kind) and isinstance(value, Pairs)):
            self._set(value, path, origin)
            return
        self._mapping(path)
        self._origins.setdefault(path, origin)
        seen: dict[str, Pair] = {}
        for pair in value.pairs:
            below = origin.under(pair.key, pair.line)
            known = _known(kind, pair.key, in_environment=origin.source.environment)
            if known is None:
                self._unknown(kind, pair, below)
                continue
            name, inner = known
            if name in seen:
                self._twice(pair, seen[name], below)
            else:
                seen[name] = pair
                self._put(inner, pair.value, (*path, name), below)

    def _set(self, value: Given, path: tuple[str, ...], origin: Origin) -> None:
        if not path:
            self._mistakes.append(origin.mistake(plain(value), wrong="has no keys", right="keys and values"))
            return
        self._mapping(path[:-1])[path[-1]] = plain(value)
        self._origins[path] = origin
        for index, item in enumerate(value.items if isinstance(value, Items) else ()):
            self._origins[*path, index] = origin.under(index, item.line)

    def _mapping(self, path: tuple[str, ...]) -> dict[str, Any]:
        mapping = self._values
        for part in path:
            if not isinstance(mapping.get(part), dict):
                mapping[part] = {}
            mapping = mapping[part]
        return mapping

    def _unknown(self, section: type[Section], pair: Pair, origin: Origin) -> None:
        source = origin.source
        keys = list(section.model_fields)
        meant = nearest(snake(pair.key), keys)
        elsewhere = next((found for found in _key_paths(Config) if found[-1] == snake(pair.key)), None)
        if elsewhere:
            right = f"{source.spell([source.style(part, like=pair.key) for part in elsewhere])} is the key"
        elif meant:
            right = f"{source.spell([*origin.parts[:-1], source.style(meant, like=pair.key)])} is nearest"
        else:
            right = "one of " + ", ".join(source.style(key, like=pair.key) for key in keys)
        self._mistakes.append(origin.mistake(plain(pair.value), wrong="is not a known key", right=right))

    def _twice(self, pair: Pair, first: Pair, origin: Origin) -> None:
        where = f"as {first.key} in line {first.line}" if first.line else f"as {first.key}"
        self._mistakes.append(
            origin.mistake(plain(pair.value), wrong=f"is given already, {where}", right="only one of the two")
        )

    def _explained(self, error: Any) -> Mistake:
        location: Path = tuple(part for part in error["loc"] if part != "[key]")
        length = max((size for size in range(len(location) + 1) if location[:size] in self._origins), default=0)
        origin = self._origins.get(location[:length], _NOWHERE)
        wrong, right = explain(error)
        if error["type"] == "missing":
            value, right = NOTHING, _description(location) or right
        else:
            value = error["input"] if "[key]" in error["loc"] else self._written(location)
        return origin.mistake(value, wrong=wrong, right=right, below=location[length:])

    def _written(self, location: Path) -> object:
        """What stands at `location`, before pydantic made anything of it."""
        value: Any = self._values
        for part in location:
            value = value[part]
        return value


def camel(key: str) -> str:
    """`max_per_role` as `maxPerRole`."""
    first, *rest = key.split("_")
    return first + "".join(word.capitalize() for word in rest)


def snake(key: str) -> str:
    """`maxPerRole` or `MAX_PER_ROLE` as `max_per_role`."""
    return (key if key.isupper() else re.sub(r"(?<=.)(?=[A-Z])", "_", key)).lower()


def _takes_keys(kind: Any) -> bool:
    return get_origin(kind) is dict or (isinstance(kind, type) and issubclass(kind, Section))


def _takes_brackets(kind: Any) -> bool:
    return _takes_keys(kind) or tuple in (get_origin(kind), *(get_origin(member) for member in get_args(kind)))


def _bracketed(value: Given) -> Given:
    """In an environment variable a list or a mapping is written as in YAML, in brackets. All else is left as it is."""
    if not (isinstance(value, Scalar) and isinstance(value.value, str) and value.value.lstrip().startswith(("[", "{"))):
        return value
    try:
        return given(plain(read(value.value)))  # without its lines, which mean nothing in a variable
    except YAMLMistakeError:
        return value  # it will be judged as the text that it is


def _known(kind: Any, key: str, *, in_environment: bool) -> tuple[str, Any] | None:
    """The schema's spelling of `key` in `kind`, and what belongs there; None when there is no such key."""
    if get_origin(kind) is dict:
        of_keys, of_values = get_args(kind)
        shouted = in_environment and key.isupper() and of_keys is not Variable
        return (key.lower().replace("_", "-") if shouted else key), of_values
    name = snake(key)
    if name not in kind.model_fields or not (key in (name, camel(name)) or (in_environment and key.isupper())):
        return None
    return name, kind.model_fields[name].annotation


def _description(location: Path) -> str | None:
    """What belongs at `location`, in the words of the schema."""
    kind: Any = Config
    field: FieldInfo | None = None
    for part in location:
        kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
        field = kind.model_fields.get(part) if not get_origin(kind) else None
        kind = field.annotation if field else get_args(kind)[-1]
    return field.description if field else None


def _key_paths(section: type[Section]) -> Iterator[tuple[str, ...]]:
    for name, field in section.model_fields.items():
        yield (name,)
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from ((name, *rest) for rest in _key_paths(field.annotation))
