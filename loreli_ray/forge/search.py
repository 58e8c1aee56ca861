"""The search of issues and pull requests: GitHub's query words as SQL.

https://docs.github.com/search-github/searching-on-github/searching-issues-and-pull-requests
What is no qualifier is text that title or body must hold; `-` before a qualifier turns it round.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from loreli_ray.forge.records import Issue, Repository
from loreli_ray.forge.refusal import Refusal
from loreli_ray.forge.store import Store

QUERY_MAX = 256

Sort = Literal["created", "updated", "comments"]
Order = Literal["asc", "desc"]

_TERM = re.compile(r'(-?)(?:([a-z]+):)?("[^"]*"|\S+)')
_USER = "(SELECT id FROM users WHERE login = ?)"
_COMMENTED = f"i.id IN (SELECT issue_id FROM comments WHERE author_id = {_USER})"
_ASSIGNED = f"i.id IN (SELECT issue_id FROM issue_assignees WHERE user_id = {_USER})"
_LABELED = "i.id IN (SELECT l.issue_id FROM issue_labels l JOIN labels n ON n.id = l.label_id WHERE n.name = ?)"
_BY_VALUE = {
    "author": f"i.author_id = {_USER}",
    "assignee": _ASSIGNED,
    "commenter": _COMMENTED,
    "involves": f"(i.author_id = {_USER} OR {_ASSIGNED} OR {_COMMENTED})",
    "label": _LABELED,
    "head": "p.head_ref = ?",
    "base": "p.base_ref = ?",
}
_IS = {
    "issue": "NOT i.is_pull",
    "pr": "i.is_pull",
    "open": "i.state = 'open'",
    "closed": "i.state = 'closed'",
    "merged": "p.merged_at IS NOT NULL",
    "unmerged": "i.is_pull AND p.merged_at IS NULL",
    "draft": "coalesce(p.draft, 0)",
    "locked": "i.locked",
    "unlocked": "NOT i.locked",
    "public": "NOT r.private",
    "private": "r.private",
}
_CHOICES = {
    "is": _IS,
    "type": {name: _IS[name] for name in ("issue", "pr")},
    "state": {name: _IS[name] for name in ("open", "closed")},
    "draft": {"true": _IS["draft"], "false": "NOT coalesce(p.draft, 0)"},
    "no": {
        "label": "i.id NOT IN (SELECT issue_id FROM issue_labels)",
        "assignee": "i.id NOT IN (SELECT issue_id FROM issue_assignees)",
    },
}
_DATES = {"created": "i.created_at", "updated": "i.updated_at", "closed": "i.closed_at", "merged": "p.merged_at"}
_TEXTS = {
    "title": "i.title LIKE ? ESCAPE '\\'",
    "body": "i.body LIKE ? ESCAPE '\\'",
    "comments": "i.id IN (SELECT issue_id FROM comments WHERE body LIKE ? ESCAPE '\\')",
}
_ORDERS = {
    "created": "i.created_at",
    "updated": "i.updated_at",
    "comments": "(SELECT count(*) FROM comments c WHERE c.issue_id = i.id)",
}


@dataclass(slots=True)
class _Parsed:
    repositories: list[str] = field(default_factory=list[str])
    owners: list[str] = field(default_factory=list[str])
    places: list[str] = field(default_factory=list[str])
    words: list[str] = field(default_factory=list[str])
    rules: list[tuple[str, list[object]]] = field(default_factory=list[tuple[str, list[object]]])


class Search:
    def __init__(self, store: Store) -> None:
        self._store = store

    def issues(
        self, query: str, *, visible: Sequence[Repository], sort: Sort = "created", order: Order = "desc"
    ) -> list[tuple[Issue, Repository]]:
        """What is found in the `visible` repositories.

        Raises `Refusal` (422) for a query that is empty, too long, or names what is not there or can't be seen.
        """
        parsed = _parse(query)
        chosen = _choose(parsed, visible)
        where = [f"i.repository_id IN ({', '.join('?' * len(chosen))})"]
        values: list[object] = [repository.id for repository in chosen]
        for rule, given in parsed.rules:
            where.append(rule)
            values += given
        for word in parsed.words:
            places = parsed.places or ["title", "body"]
            where.append("(" + " OR ".join(_TEXTS[place] for place in places) + ")")
            values += ["%" + re.sub(r"([\\%_])", r"\\\1", word) + "%"] * len(places)
        by_id = {repository.id: repository for repository in chosen}
        with self._store.read() as db:
            found = db.all(
                Issue,
                "SELECT i.* FROM issues i JOIN repositories r ON r.id = i.repository_id "
                "LEFT JOIN pulls p ON p.id = i.id "
                f"WHERE {' AND '.join(where)} ORDER BY {_ORDERS[sort]} {order}, i.id {order}",
                *values,
            )
        return [(issue, by_id[issue.repository_id]) for issue in found]


def _parse(query: str) -> _Parsed:
    if not query.strip():
        raise _invalid("missing")
    if len(query) > QUERY_MAX:
        raise _invalid("invalid", "The search is longer than 256 characters.")
    parsed = _Parsed()
    for minus, name, quoted in _TERM.findall(query):
        value = quoted.strip('"')
        if name == "repo":
            parsed.repositories.append(value.casefold())
        elif name in ("user", "org", "owner"):
            parsed.owners.append(value.casefold())
        elif name == "in" and value in _TEXTS:
            parsed.places.append(value)
        elif rule := _rule(name, value):
            sql, values = rule
            # What is unknown (NULL) does not hold, so its opposite does.
            parsed.rules.append((f"NOT coalesce({sql}, 0)" if minus else sql, values))
        elif value:
            parsed.words.append(f"{minus}{name}:{value}" if name else minus + value)
    return parsed


def _rule(name: str, value: str) -> tuple[str, list[object]] | None:
    """The SQL for one qualifier; None for what is none. Raises `Refusal` (422)."""
    if name in _BY_VALUE:
        if not value:
            raise _invalid("invalid", f"{name} needs a value.")
        return _BY_VALUE[name], [value] * _BY_VALUE[name].count("?")
    if name in _CHOICES:
        if value not in _CHOICES[name]:
            raise _invalid("invalid", f"{value} is not a value for {name}.")
        return f"({_CHOICES[name][value]})", []
    if name in _DATES:
        return _range(_DATES[name], value)
    return None


def _range(column: str, value: str) -> tuple[str, list[object]]:
    """`>=2026-01-31`, `2026-01-01..2026-01-31`, `*..T`, or a whole day."""
    low, dots, high = value.partition("..")
    if dots:
        rules = [(f"{column} >= ?", low), (f"{column} < ?", high)]
        chosen = [(rule, _time(text, after=rule.endswith("< ?"))) for rule, text in rules if text != "*"]
    elif mark := re.match(r"[<>]=?", value):
        after = mark[0] in (">", "<=")  # beyond the whole day, or second, that is named
        side = ">=" if mark[0].startswith(">") else "<"
        chosen = [(f"{column} {side} ?", _time(value[mark.end() :], after=after))]
    else:
        chosen = [(f"{column} >= ?", _time(value, after=False)), (f"{column} < ?", _time(value, after=True))]
    sql = " AND ".join(rule for rule, _ in chosen) or f"{column} IS NOT NULL"
    return f"({sql})", [seconds for _, seconds in chosen]


def _time(text: str, *, after: bool) -> int:
    """Seconds since the epoch: the beginning of the day or second, or the first one after it."""
    try:
        date = datetime.fromisoformat(text)
        seconds = int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError) as error:
        raise _invalid("invalid", f'"{text}" is not a recognized date/time format.') from error
    return seconds + ((86400 if len(text) <= 10 else 1) if after else 0)


def _choose(parsed: _Parsed, visible: Sequence[Repository]) -> list[Repository]:
    """The repositories to look in. Raises `Refusal` (422) where one is named that can't be seen."""
    named = {repository.full_name.casefold(): repository for repository in visible}
    owners = {repository.owner.casefold() for repository in visible}
    if not set(parsed.repositories) <= set(named) or not set(parsed.owners) <= owners:
        raise _invalid(
            "invalid",
            "The listed users and repositories cannot be searched either because the resources do not exist or you do "
            "not have permission to view them.",
        )
    if not parsed.repositories and not parsed.owners:
        return list(visible)
    return [
        repository
        for name, repository in named.items()
        if name in parsed.repositories or repository.owner.casefold() in parsed.owners
    ]


def _invalid(code: str, message: str = "") -> Refusal:
    error = {"resource": "Search", "field": "q", "code": code} | ({"message": message} if message else {})
    return Refusal(422, "Validation Failed", errors=[error])
