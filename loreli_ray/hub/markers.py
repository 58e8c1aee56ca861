"""Machine-readable HTML comments in what the team writes on the git host (SPEC L12).

A marker is one line, `<!-- loreli {json} -->`. It counts only in text that one of the team's own accounts wrote:
anybody can type one, so whoever parses it checks the author first. The text above a marker is an agent's, who can type
one as well: ours is written beneath it, so the last one counts.
"""

from __future__ import annotations

import json
import re
from typing import Any, cast

_MARKER = re.compile(r"<!-- loreli (\{.*?\}) -->")


def render(kind: str, **fields: object) -> str:
    """The marker line. Its JSON never holds `--` or `>`, which would end the comment."""
    text = json.dumps({"kind": kind, **fields}, sort_keys=True, separators=(",", ":"))
    return f"<!-- loreli {text.replace('--', '-' + chr(92) + 'u002d').replace('>', chr(92) + 'u003e')} -->"


def parse(text: str | None, kind: str) -> dict[str, Any] | None:
    """The fields of the last marker of `kind`; None without one."""
    for match in reversed(list(_MARKER.finditer(text or ""))):
        try:
            fields: object = json.loads(match[1])
        except json.JSONDecodeError:
            continue
        if isinstance(fields, dict):
            found = cast(dict[str, Any], fields)
            if found.pop("kind", None) == kind:
                return found
    return None


def strip(text: str | None) -> str:
    """`text` without its markers: what people wrote."""
    return _MARKER.sub("", text or "").strip()
