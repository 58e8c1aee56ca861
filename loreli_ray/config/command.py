"""A backend's command: an argv template, whose `{placeholders}` are filled in for each agent.

Only a single word in braces is a placeholder. `${HOME}` and a piece of JSON are left alone, and what is filled in is
never looked at again, so a prompt that holds `{model}` stays what it is. No shell is involved.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

PLACEHOLDERS: Final = (
    "workspace",
    "prompt",
    "prompt_file",
    "mcp_url",
    "mcp_token_file",
    "agent",
    "role",
    "model",
)

_PLACEHOLDER = re.compile(r"(?<!\$)\{([A-Za-z_][A-Za-z0-9_]*)\}")


def placeholders(command: Iterable[str]) -> list[str]:
    """The names in braces in `command`, in order, known or not."""
    return [name for argument in command for name in _PLACEHOLDER.findall(argument)]


def fill(command: Iterable[str], values: Mapping[str, str]) -> list[str]:
    """The argv with every placeholder replaced. Raises `KeyError` when `values` lacks one that `command` uses."""
    return [_PLACEHOLDER.sub(lambda found: values[found[1]], argument) for argument in command]
