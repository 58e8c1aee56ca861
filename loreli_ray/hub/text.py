"""Foreign text made fit for a prompt: what a reader of the git host's pages would see, and no more of it than is sane.

What is invisible there can carry orders that no maintainer ever saw: control characters, direction overrides,
zero-width characters and tags (Unicode TR 36, TR 39), HTML comments outside of code.
"""

from __future__ import annotations

import re
from functools import lru_cache

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls but tab and line feed
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # zero width, directions
    "\U000e0000-\U000e01ef\ud800-\udfff]"  # tags, variation selectors of no use, halves of characters
)
_CODE_OR_COMMENT = re.compile(r"(```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]*`)|<!--.*?(?:-->|\Z)", re.DOTALL)


@lru_cache(maxsize=8192)
def clean(text: str | None, *, limit: int) -> str:
    """`text` without what is invisible, cut after `limit` characters; that it was cut is said."""
    visible = _INVISIBLE.sub("", (text or "").replace("\r\n", "\n"))
    shown = _CODE_OR_COMMENT.sub(lambda found: found[1] or "", visible).strip()
    if len(shown) <= limit:
        return shown
    return f"{shown[:limit]}\n[… cut here: {len(shown) - limit} more characters]"
