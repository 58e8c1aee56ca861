"""Foreign text made fit for a prompt: what a reader of the git host's pages would see, and no more of it than is sane.

What is invisible there can carry orders that no maintainer ever saw: control characters, direction overrides,
zero-width characters and tags (Unicode TR 36, TR 39), HTML comments. Of a comment nothing but its place is told, also
where it seems to stand in code and would be seen: what is code, Markdown decides by far more than backticks.
"""

from __future__ import annotations

import re
from functools import lru_cache

COMMENT = "[HTML comment]"
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls but tab and line feed
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # zero width, directions
    "\U000e0000-\U000e01ef\ud800-\udfff]"  # tags, variation selectors of no use, halves of characters
)
_OPENING, _CLOSING = "<!--", "-->"
_LITERAL = "&lt;!--"
_MARKERS = re.compile(r"[\s>*+\-\d.)]*")
_BLANK_LINE = re.compile(r"\n[ \t>]*\n")


@lru_cache(maxsize=8192)
def clean(text: str | None, *, limit: int) -> str:
    """`text` without what is invisible, cut after `limit` characters; that it was cut is said."""
    visible = _INVISIBLE.sub("", (text or "").replace("\r\n", "\n"))
    shown = _uncommented(visible).strip()
    if len(shown) <= limit:
        return shown
    return f"{shown[:limit]}\n[… cut here: {len(shown) - limit} more characters]"


def _uncommented(text: str) -> str:
    """Without HTML comments: no comment begins in what is returned."""
    shown, place, line = list[str](), 0, ""
    while (start := text.find(_OPENING, place)) >= 0:
        line = (line + text[place:start]).rpartition("\n")[2]
        end = text.find(_CLOSING, start + len(_OPENING))
        # After a tag, or where a block begins, it goes on over paragraphs, to the end of all; else it is just text.
        inline = "<" not in line and _MARKERS.fullmatch(line) is None
        paragraph = _BLANK_LINE.search(text, start) if inline else None
        if inline and (end < 0 or (paragraph is not None and paragraph.start() < end)):
            told, after = _LITERAL, start + len(_OPENING)
            line += _OPENING
        else:
            told, after = COMMENT, end + len(_CLOSING) if end >= 0 else len(text)
            line += COMMENT
        shown += [text[place:start], told]
        place = after
    return "".join([*shown, text[place:]])
