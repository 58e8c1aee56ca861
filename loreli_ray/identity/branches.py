"""Branch names: `<agent>/<issue>-<slug>`, readable by people, and by us to know whose branch it is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from loreli_ray.errors import UsageError

MAX_SLUG = 50

# A part of a ref that git-check-ref-format(1) accepts, and nothing that needs quoting anywhere.
_AGENT = re.compile(r"\w[\w-]*(?:\.[\w-]+)*")
_BRANCH = re.compile(rf"(?P<agent>{_AGENT.pattern})/(?P<issue>[1-9][0-9]*)(?:-[a-z0-9-]*)?")


def slug(title: str) -> str:
    """`title` as ASCII kebab-case of at most `MAX_SLUG` characters, cut between words; empty when nothing is left."""
    ascii_only = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    text = re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")
    if len(text) > MAX_SLUG:
        text = text[: MAX_SLUG + 1].rpartition("-")[0] or text[:MAX_SLUG]
    return text.strip("-")


def branch_name(agent: str, issue: int, title: str) -> str:
    """The branch on which `agent` works on `issue`. Raises `UsageError` when the agent's name can't be part of one."""
    if not is_agent(agent) or issue < 1:
        raise UsageError(f"no branch for {agent!r} and issue {issue}")
    return f"{agent}/{issue}-{text}" if (text := slug(title)) else f"{agent}/{issue}"


def is_agent(name: str) -> bool:
    """Whether `name` can be the first part of a branch."""
    return bool(_AGENT.fullmatch(name)) and not name.endswith(".lock")


def parse_branch(branch: str) -> tuple[str, int] | None:
    """The agent and the issue of a branch that `branch_name` made; None for any other."""
    match = _BRANCH.fullmatch(branch)
    return (match["agent"], int(match["issue"])) if match and is_agent(match["agent"]) else None


def names_of_branches(heads: Iterable[str]) -> frozenset[str]:
    """The agents whose branches are among `heads`: the names that are taken (SPEC S2)."""
    return frozenset(parsed[0] for parsed in map(parse_branch, heads) if parsed is not None)
