"""Text on its way into a pane and out of it, without what a terminal would obey.

In: a bracketed paste that holds its own end marker would have its rest typed (tmux 3.3a does not filter it), so no
control character but newline and tab goes in. Out: capture-pane gives plain text, but logs and rules also read recorded
output.
"""

from __future__ import annotations

import re

from loreli_ray.errors import UsageError

MAX_INPUT = 1 << 20

_CSI = r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
_STRING = r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS, SOS, PM, APC
_ESCAPE = re.compile(rf"{_CSI}|{_STRING}|\x1b[ -/]*[0-~]?")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_BREAK = re.compile(r"\r\n?")
_PASTE_MARK = re.compile(r"(?:\x1b\[|\x9b)20[01]~")


def clean_input(text: str) -> str:
    """`text` without control characters but newline and tab; every line break is `\\n`.

    Raises `UsageError` when more than `MAX_INPUT` bytes of UTF-8 are left.
    """
    text = _CONTROL.sub("", _PASTE_MARK.sub("", _BREAK.sub("\n", text)))
    text = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate has no bytes to send
    if len(text.encode()) > MAX_INPUT:
        raise UsageError(f"text for a pane is longer than {MAX_INPUT} bytes")
    return text


def clean_output(text: str) -> str:
    """`text` without escape sequences, control characters, blanks at line ends and empty lines at its end."""
    text = _CONTROL.sub("", _ESCAPE.sub("", _BREAK.sub("\n", text)))
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n")
