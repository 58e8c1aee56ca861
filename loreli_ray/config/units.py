"""Durations and sizes, as people write them.

`15s`, `1h30m` and `250ms` are durations, `512MiB` and `2GiB` sizes. A number without a unit is milliseconds when a
person wrote it (the original loreli's `loreli.yml` has them), and seconds when Python did: what validates a written
configuration says so by passing `WRITTEN` as pydantic's context. So a dumped `Config` validates to itself.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, ValidationInfo

from loreli_ray.config.mistakes import mistake
from loreli_ray.errors import UsageError

WRITTEN: Final = {"numbers": "as people write them"}

_NUMBER = r"[0-9]{1,12}(?:\.[0-9]{1,6})?"
_DURATION = re.compile("".join(rf"(?:(?P<{unit}>{_NUMBER}) *{unit} *)?" for unit in ("d", "h", "m", "s", "ms")))
_IN_SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_A_YEAR = 365 * _IN_SECONDS["d"]
_FAR = 10**15  # beyond every limit, and still a float

_SIZE = re.compile(rf"(?P<number>{_NUMBER}) *(?P<unit>[KMGT]i?B|B)?")
_IN_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12} | {
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}


def _seconds(value: object, info: ValidationInfo) -> float:
    if isinstance(value, str):
        seconds = _duration(value.strip())
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(min(value, _FAR)) / (1000 if info.context is WRITTEN else 1)
    else:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise mistake("is not a duration", right="a duration such as 15s, 1h30m or 250ms, or a number of milliseconds")
    if seconds > _A_YEAR:
        raise mistake("is longer than a year", right="365d or less")
    return round(seconds, 6)


def _duration(text: str) -> float:
    """Seconds; not a number when `text` is no duration."""
    if re.fullmatch(_NUMBER, text):
        return float(text) / 1000
    found = _DURATION.fullmatch(text)
    parts = {unit: number for unit, number in found.groupdict().items() if number} if found else {}
    return sum(float(number) * _IN_SECONDS[unit] for unit, number in parts.items()) if parts else math.nan


def _bytes(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise mistake("is not a size", right="a size such as 512MiB or 2GiB, or a number of bytes")
    return round(float(found["number"]) * _IN_BYTES[found["unit"] or "B"])


def seconds(text: str) -> float:
    """The seconds of a duration that a person wrote, with its unit. Raises `UsageError`."""
    found = math.nan if re.fullmatch(_NUMBER, text.strip()) else _duration(text.strip())
    if math.isnan(found):
        raise UsageError("is not a duration; write one such as 15s, 10m or 1h30m", subject=text)
    return found


Seconds = Annotated[float, BeforeValidator(_seconds)]
"""A duration: float seconds, 0 to a year, exact to the microsecond."""

Bytes = Annotated[int, BeforeValidator(_bytes), Field(gt=0)]
"""A size: whole bytes, at least one."""
