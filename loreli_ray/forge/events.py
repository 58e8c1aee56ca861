"""What happened to issues and pull requests, with who did it and when.

Invariant: an event is written in the transaction that makes it true. Names and details follow GitHub's
(https://docs.github.com/rest/using-the-rest-api/issue-event-types): `label` of labeled and unlabeled, `rename` of
renamed, `commit_id` of merged and closed, `dismissed_review` of review_dismissed. People and issues are ids here:
`assignee` of assigned and unassigned, `reviewer` of review_requested and review_request_removed, `source` of
cross-referenced.
"""

from __future__ import annotations

import json
import re

from loreli_ray.forge.records import Event, Issue, Repository, User
from loreli_ray.forge.refusal import not_found
from loreli_ray.forge.store import Database, Store

_MENTION = re.compile(r"(?<![\w#&/])#(\d{1,18})\b")


class Events:
    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, issue: Issue) -> list[Event]:
        """Oldest first."""
        with self._store.read() as db:
            return db.all(Event, "SELECT * FROM events WHERE issue_id = ? ORDER BY id", issue.id)

    def all(self, repository: Repository) -> list[tuple[Event, Issue]]:
        """Of the whole repository with their issues, newest first."""
        sql = "FROM events e JOIN issues i ON i.id = e.issue_id WHERE i.repository_id = ? ORDER BY e.id DESC"
        with self._store.read() as db:
            events = db.all(Event, f"SELECT e.* {sql}", repository.id)
            issues = db.all(Issue, f"SELECT i.* {sql}", repository.id)
            return list(zip(events, issues, strict=True))

    def get(self, repository: Repository, event_id: int) -> tuple[Event, Issue]:
        """Raises `Refusal` (404)."""
        with self._store.read() as db:
            event = db.one(Event, "SELECT * FROM events WHERE id = ?", event_id)
            sql = "SELECT * FROM issues WHERE id = ? AND repository_id = ?"
            issue = db.one(Issue, sql, event.issue_id, repository.id) if event else None
        if not event or not issue:
            raise not_found()
        return event, issue

    def issue(self, issue_id: int) -> Issue:
        """Raises `Refusal` (404)."""
        with self._store.read() as db:
            issue = db.one(Issue, "SELECT * FROM issues WHERE id = ?", issue_id)
        if not issue:
            raise not_found()
        return issue


def note(db: Database, issue_id: int, name: str, *, actor: User | None, now: int, **details: object) -> None:
    """Records that `name` happened; `actor` is None where nobody in particular did it."""
    db.insert(
        "events",
        issue_id=issue_id,
        actor_id=actor.id if actor else None,
        name=name,
        details=json.dumps(details),
        created_at=now,
    )


def refer(db: Database, source: Issue, text: str | None, *, actor: User, now: int) -> None:
    """Records at every issue that `text`, written in `source`, mentions as `#n` that it does; once for each source."""
    for number in sorted({int(number) for number in _MENTION.findall(text or "")}):
        sql = "SELECT * FROM issues WHERE repository_id = ? AND number = ?"
        target = db.one(Issue, sql, source.repository_id, number)
        if not target or target.id == source.id:
            continue
        known = (
            "SELECT 1 FROM events WHERE issue_id = ? AND name = 'cross-referenced' "
            "AND json_extract(details, '$.source') = ?"
        )
        if not db.value(known, target.id, source.id):
            note(db, target.id, "cross-referenced", actor=actor, now=now, source=source.id)
