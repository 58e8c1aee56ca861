"""What is wrong with a configuration, said so that it can be mended.

Every mistake is one line: `FILE:LINE: key.path: VALUE: what is wrong; what would be right`. Key paths and values are
shown as they were written. What pydantic says is translated here, and never shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

_KIND = "loreli"
_LONGEST = 80


class Nothing:
    """The value of a key that should be there and is not."""

    def __repr__(self) -> str:
        return "nothing"


NOTHING: Final = Nothing()


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake. `where` is the file with its line, or what else the value came from; `order` sorts the report."""

    where: str
    key: str
    value: object
    wrong: str
    right: str
    order: tuple[int, int] = (0, 0)

    def __str__(self) -> str:
        return escaped(f"{self.where}: {self.key}: {_shown(self.value)}: {self.wrong}; {self.right}")


def mistake(wrong: str, *, right: str) -> PydanticCustomError:
    """What a validator raises for the value that it looks at."""
    return PydanticCustomError(_KIND, "{wrong}; {right}", {"wrong": wrong, "right": right})


def mistake_at(key: str, value: object, wrong: str, *, right: str) -> ValidationError:
    """What a validator of a whole section raises when `key` in it is to blame."""
    details: InitErrorDetails = {"type": mistake(wrong, right=right), "loc": (key,), "input": value}
    return ValidationError.from_exception_data(_KIND, [details])


def joined(first: ValidationError, second: ValidationError) -> ValidationError:
    """The mistakes of both."""
    details: list[InitErrorDetails] = []
    for error in (*first.errors(include_url=False), *second.errors(include_url=False)):
        context: dict[str, Any] = error.get("ctx", {})
        kind = mistake(**context) if error["type"] == _KIND else error["type"]
        details.append({"type": kind, "loc": error["loc"], "input": error["input"], "ctx": context})
    return ValidationError.from_exception_data(_KIND, details)


def explain(error: ErrorDetails) -> tuple[str, str]:
    """(what is wrong, what would be right) for one entry of pydantic's `ValidationError.errors()`."""
    context: dict[str, Any] = error.get("ctx", {})
    match error["type"]:
        case "loreli":
            return context["wrong"], context["right"]
        case "missing":
            return "is missing", "it has to be given"
        case "literal_error":
            words = [word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")]
            return "is not known here", one_of(words, near=error["input"])
        case "greater_than":
            return "is too small", f"more than {context['gt']:g}"
        case "greater_than_equal":
            return "is too small", f"{context['ge']:g} or more"
        case "less_than_equal":
            return "is too large", f"{context['le']:g} or less"
        case "int_type" | "int_parsing" | "int_from_float" | "int_parsing_size":
            return "is not a whole number", "a number such as 4"
        case "bool_type" | "bool_parsing":
            return "is neither true nor false", "true or false"
        case "string_type" | "string_unicode":
            return "is not text", "text; in quotes where it looks like something else"
        case "tuple_type":
            return "is not a list", "a list such as [one, two]"
        case "too_short":
            return "is empty", "at least one entry"
        case "dict_type" | "model_type" | "model_attributes_type":
            return "has no keys", "keys with values, such as {key: value}"
        case _:
            return f"can't be used ({error['msg']})", "a value as described in the documentation"


def escaped(line: str) -> str:
    """`line` as one line that any terminal can show, whatever stood in the key, the value or the name of the file."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line)


def one_of(words: Sequence[str], *, near: object = None) -> str:
    """`one of a, b, c`, with the word that was probably meant."""
    listed = "one of " + ", ".join(words)
    meant = nearest(near, words) if isinstance(near, str) else None
    return f"{listed}; {meant} is nearest" if meant else listed


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The word that was probably meant, None when none resembles it; case does not count."""
    folded = {known.casefold(): known for known in words}
    found = get_close_matches(word.casefold(), folded, n=1)
    return folded[found[0]] if found else None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
