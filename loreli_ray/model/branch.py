"""Names of branches: `<agent>/<issue>-<slug>` (SPEC L1)."""

from __future__ import annotations

import re
import unicodedata

_SLUG_LENGTH = 50
_BRANCH = re.compile(r"^(?P<agent>[a-z0-9][a-z0-9-]*)/(?P<issue>[1-9][0-9]*)-[a-z0-9-]+$")


def branch_name(*, agent: str, issue: int, title: str) -> str:
    """The branch on which `agent` works on `issue`; always a valid ref, at most 50 characters of slug."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_SLUG_LENGTH].strip("-")
    return f"{agent}/{issue}-{slug or 'work'}"


def parse_branch(branch: str) -> tuple[str, int] | None:
    """The agent and the issue of a branch of ours; None for any other."""
    match = _BRANCH.match(branch)
    return (match["agent"], int(match["issue"])) if match else None
