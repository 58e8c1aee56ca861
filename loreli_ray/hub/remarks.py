"""Which lines a review may remark on, and where the other remarks go.

GitHub refuses a whole review for one remark on a line outside of the diff
(https://docs.github.com/en/rest/pulls/reviews#create-a-review-for-a-pull-request): such remarks go into its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from loreli_ray.hub import shapes

Remark = Mapping[str, Any]
"""GitHub's fields: path, line, side (LEFT or RIGHT) and body."""

_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


def parted(remarks: Iterable[Remark], files: Iterable[shapes.File]) -> tuple[list[Remark], list[Remark]]:
    """The remarks on lines of the diff, and the others. `files` are those of the pull request, with their patches."""
    lines = {(file.filename, side): spans for file in files for side, spans in _spans(file.patch or "").items()}
    inside: list[Remark] = []
    outside: list[Remark] = []
    for remark in remarks:
        spans = lines.get((remark["path"], remark.get("side", "RIGHT")), ())
        (inside if any(remark["line"] in span for span in spans) else outside).append(remark)
    return inside, outside


def folded(text: str, remarks: Iterable[Remark]) -> str:
    """The text of a review, with remarks beneath it."""
    rows = [
        f"- `{remark['path']}:{remark['line']}`: " + remark["body"].strip().replace("\n", "\n  ") for remark in remarks
    ]
    return "\n\n".join([text.strip(), *(["Beside the diff:\n\n" + "\n".join(rows)] if rows else [])])


def _spans(patch: str) -> dict[str, list[range]]:
    """The lines of each side that a patch shows."""
    spans: dict[str, list[range]] = {"LEFT": [], "RIGHT": []}
    for old, old_count, new, new_count in _HUNK.findall(patch):
        spans["LEFT"].append(range(int(old), int(old) + int(old_count or 1)))
        spans["RIGHT"].append(range(int(new), int(new) + int(new_count or 1)))
    return spans
