"""Durations such as `90s` and `5m`."""

import re

SECONDS = {"s": 1, "m": 60, "h": 3600}


def parse_duration(text: str) -> int:
    """The duration in seconds."""
    match = re.match(r"(\d+)([smh])", text)
    if match is None:
        raise ValueError(f"not a duration: {text!r}")
    return int(match[1]) * SECONDS[match[2]]
