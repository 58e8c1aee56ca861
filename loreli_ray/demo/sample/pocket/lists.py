"""Functions on lists."""

from collections.abc import Hashable, Iterable
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


def unique(items: Iterable[T]) -> list[T]:
    """The items, each once, in order of first appearance."""
    return list(dict.fromkeys(items))
