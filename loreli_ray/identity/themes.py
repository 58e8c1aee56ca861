"""The themes that agents are named after: data files, each a list of antagonist pairs [yin name, yang name].

A name is one word in kebab-case, fit to be the first part of a branch's name, and stands in no two pairs of its theme.
When every name is used, numbered ones follow (`gandalf-2`), so no name of a theme ends in a number itself. A numbered
name's opponent has the same number.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from itertools import count
from types import MappingProxyType
from typing import cast

from loreli_ray.config import THEMES
from loreli_ray.errors import IdentityError
from loreli_ray.identity.sides import Side

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_NUMBERED = re.compile(r"(?P<base>.+)-(?P<number>[2-9]|[1-9][0-9]+)")


@dataclass(frozen=True)
class Theme:
    """One theme. Raises `IdentityError` when a name can't be used or is there twice."""

    name: str
    pairs: tuple[tuple[str, str], ...]
    _opponents: Mapping[str, tuple[str, Side]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        opponents: dict[str, tuple[str, Side]] = {}
        for yin, yang in self.pairs:
            for name, opponent, side in ((yin, yang, Side.YANG), (yang, yin, Side.YIN)):
                if _NAME.fullmatch(name) is None or re.search(r"-[0-9]+$", name):
                    raise IdentityError(
                        f"{name!r} is no name in kebab-case without a number at its end", subject=self.name
                    )
                if name in opponents:
                    raise IdentityError(f"{name!r} stands there twice", subject=self.name)
                opponents[name] = (opponent, side)
        if not opponents:
            raise IdentityError("has no names", subject=self.name)
        object.__setattr__(self, "_opponents", opponents)

    def names(self, side: Side) -> Iterator[str]:
        """The names of a side, in order and without end: each pair's, then numbered from 2."""
        index = list(Side).index(side)
        for number in count(1):
            for pair in self.pairs:
                yield pair[index] if number == 1 else f"{pair[index]}-{number}"

    def opponent(self, name: str) -> tuple[str, Side] | None:
        """The antagonist of `name` and the side that one is on, None when `name` is not of this theme."""
        numbered = _NUMBERED.fullmatch(name)
        base, ending = (numbered["base"], f"-{numbered['number']}") if numbered else (name, "")
        found = self._opponents.get(base)
        return (found[0] + ending, found[1]) if found else None


@cache
def themes() -> Mapping[str, Theme]:
    """The nine themes by name."""
    return MappingProxyType({name: _load(name) for name in THEMES})


def _load(name: str) -> Theme:
    text = (files("loreli_ray.identity") / "themes" / f"{name}.toml").read_text(encoding="utf-8")
    pairs = cast("list[tuple[str, str]]", tomllib.loads(text)["pairs"])
    return Theme(name=name, pairs=tuple((yin, yang) for yin, yang in pairs))
