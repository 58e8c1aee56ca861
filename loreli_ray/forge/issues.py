"""Issues, their labels, assignees and comments; pull requests are issues too and share all of this.

Invariants: a number is drawn inside the transaction that uses it, so numbers have no twins; whatever people can see
change moves `updated_at`, which never goes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from loreli_ray.clock import Clock
from loreli_ray.forge import labels as tags
from loreli_ray.forge.events import note, refer
from loreli_ray.forge.records import Comment, Issue, Label, Repository, User
from loreli_ray.forge.refusal import invalid, not_found
from loreli_ray.forge.store import Database, Store

_SORTS = {
    "created": "i.created_at",
    "updated": "i.updated_at",
    "comments": "(SELECT count(*) FROM comments c WHERE c.issue_id = i.id)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which issues, in which order; `since` is in seconds since the epoch and looks at the last change."""

    state: str = "open"
    labels: tuple[str, ...] = ()
    creator: str = ""
    assignee: str = ""
    since: int = 0
    sort: str = "created"
    direction: str = "desc"


class Issues:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def list(self, repository: Repository, chosen: Filter) -> list[Issue]:
        where, values = ["i.repository_id = ?"], [repository.id]
        rules: list[tuple[object, str]] = [
            (chosen.since, "i.updated_at >= ?"),
            (chosen.creator, "i.author_id = (SELECT id FROM users WHERE login = ?)"),
            (
                chosen.assignee,
                "i.id IN (SELECT a.issue_id FROM issue_assignees a JOIN users u ON u.id = a.user_id WHERE u.login = ?)",
            ),
            (chosen.state if chosen.state != "all" else "", "i.state = ?"),
        ]
        label = "i.id IN (SELECT l.issue_id FROM issue_labels l JOIN labels n ON n.id = l.label_id WHERE n.name = ?)"
        rules += [(name, label) for name in chosen.labels]
        for value, rule in rules:
            if value:
                where.append(rule)
                values.append(value)  # pyright: ignore[reportArgumentType]
        order = f"{_SORTS[chosen.sort]} {chosen.direction}, i.number {chosen.direction}"
        with self._store.read() as db:
            return db.all(Issue, f"SELECT i.* FROM issues i WHERE {' AND '.join(where)} ORDER BY {order}", *values)

    def get(self, repository: Repository, number: int) -> Issue:
        with self._store.read() as db:
            return issue_of(db, repository, number)

    def create(
        self,
        repository: Repository,
        *,
        author: User,
        title: str,
        body: str | None = None,
        labels: Iterable[str] = (),
        assignees: Iterable[str] = (),
    ) -> Issue:
        """Raises `Refusal` (422) for an assignee who has no access."""
        with self._store.write() as db:
            now = self._now()
            issue = new_issue(db, repository, author=author, title=title, body=body, now=now)
            tags.add(db, issue, labels, actor=author, now=now)
            _set_assignees(db, repository, issue, assignees, actor=author, now=now)
            return issue

    def edit(
        self,
        repository: Repository,
        number: int,
        *,
        actor: User,
        changes: Mapping[str, Any],
        labels: Iterable[str] | None = None,
        assignees: Iterable[str] | None = None,
    ) -> Issue:
        """`changes` may hold title, body, state and state_reason. A pull request keeps its state here."""
        columns, now = dict(changes), self._now()
        with self._store.write() as db:
            issue = issue_of(db, repository, number)
            state, reason = columns.pop("state", None), columns.pop("state_reason", None)
            if state and not issue.is_pull:
                close_or_open(db, issue, state=state, reason=reason, actor=actor, now=now)
            rewrite(db, issue, columns, actor=actor, now=now)
            if labels is not None:
                tags.replace(db, issue, labels, actor=actor, now=now)
            if assignees is not None:
                _set_assignees(db, repository, issue, assignees, actor=actor, now=now)
            touch(db, issue.id, now)
            return issue_of(db, repository, number)

    # Labels --------------------------------------------------------------------------------------------------------

    def labels(self, repository: Repository) -> list[Label]:
        with self._store.read() as db:
            return db.all(Label, "SELECT * FROM labels WHERE repository_id = ? ORDER BY name", repository.id)

    def label(self, repository: Repository, name: str) -> Label:
        with self._store.read() as db:
            found = tags.find(db, repository.id, name)
        if not found:
            raise not_found()
        return found

    def create_label(self, repository: Repository, *, name: str, color: str, description: str | None) -> Label:
        """Raises `Refusal` (422) if the name is taken, in whatever case."""
        with self._store.write() as db:
            if tags.find(db, repository.id, name):
                raise invalid("Label", field="name", code="already_exists")
            db.insert("labels", repository_id=repository.id, name=name, color=color, description=description)
            return tags.need(db, repository.id, name)

    def labels_of(self, issue_id: int) -> list[Label]:
        with self._store.read() as db:
            return tags.labels_of(db, issue_id)

    def edit_label(self, repository: Repository, name: str, *, changes: Mapping[str, Any]) -> Label:
        """`changes` may hold name, color and description. Raises `Refusal`: 404, 422 for a name that is taken."""
        with self._store.write() as db:
            label = tags.find(db, repository.id, name)
            if not label:
                raise not_found()
            twin = tags.find(db, repository.id, changes.get("name", name))
            if twin and twin.id != label.id:
                raise invalid("Label", field="name", code="already_exists")
            db.update("labels", label.id, **changes)
            return tags.need(db, repository.id, changes.get("name", name))

    def delete_label(self, repository: Repository, name: str) -> None:
        """Also from every issue that bears it. Raises `Refusal` (404)."""
        with self._store.write() as db:
            label = tags.find(db, repository.id, name)
            if not label:
                raise not_found()
            db.run("DELETE FROM issue_labels WHERE label_id = ?", label.id)
            db.run("DELETE FROM labels WHERE id = ?", label.id)

    def add_labels(self, repository: Repository, number: int, names: Iterable[str], *, actor: User) -> list[Label]:
        with self._store.write() as db:
            issue = issue_of(db, repository, number)
            tags.add(db, issue, names, actor=actor, now=self._now())
            touch(db, issue.id, self._now())
            return tags.labels_of(db, issue.id)

    def set_labels(self, repository: Repository, number: int, names: Iterable[str], *, actor: User) -> list[Label]:
        with self._store.write() as db:
            issue = issue_of(db, repository, number)
            tags.replace(db, issue, names, actor=actor, now=self._now())
            touch(db, issue.id, self._now())
            return tags.labels_of(db, issue.id)

    def remove_label(self, repository: Repository, number: int, name: str, *, actor: User) -> list[Label]:
        """Raises `Refusal` (404) if the issue hasn't got it."""
        with self._store.write() as db:
            issue = issue_of(db, repository, number)
            label = tags.find(db, repository.id, name)
            if not label or not tags.remove(db, issue, label, actor=actor, now=self._now()):
                raise not_found()
            touch(db, issue.id, self._now())
            return tags.labels_of(db, issue.id)

    # Assignees -----------------------------------------------------------------------------------------------------

    def assignees_of(self, issue_id: int) -> list[int]:
        with self._store.read() as db:
            return db.column("SELECT user_id FROM issue_assignees WHERE issue_id = ? ORDER BY user_id", issue_id)

    def assign(self, repository: Repository, number: int, logins: Iterable[str], *, actor: User) -> Issue:
        """Adds assignees; who has no access is left out without a word, as GitHub does here."""
        with self._store.write() as db:
            issue = issue_of(db, repository, number)
            for user_id in filter(None, (assignable(db, repository, login) for login in logins)):
                _assign(db, issue, user_id, actor=actor, now=self._now())
            touch(db, issue.id, self._now())
            return issue_of(db, repository, number)

    def unassign(self, repository: Repository, number: int, logins: Iterable[str], *, actor: User) -> Issue:
        with self._store.write() as db:
            issue = issue_of(db, repository, number)
            for login in logins:
                user_id = db.value("SELECT id FROM users WHERE login = ?", login)
                _unassign(db, issue, user_id, actor=actor, now=self._now())
            touch(db, issue.id, self._now())
            return issue_of(db, repository, number)

    def lock(self, repository: Repository, number: int, *, locked: bool, reason: str | None, actor: User) -> None:
        """Once locked, only those who may write speak."""
        with self._store.write() as db:
            issue = issue_of(db, repository, number)
            if issue.locked == locked:
                return
            db.update("issues", issue.id, locked=locked, lock_reason=reason)
            event = "locked" if locked else "unlocked"
            note(db, issue.id, event, actor=actor, now=self._now(), **({"lock_reason": reason} if reason else {}))
            touch(db, issue.id, self._now())

    # Comments ------------------------------------------------------------------------------------------------------

    def comments(
        self,
        repository: Repository,
        *,
        number: int | None = None,
        since: int = 0,
        sort: str = "created",
        direction: str = "asc",
    ) -> list[tuple[Comment, int]]:
        """Comments with the number of their issue: of one issue, or of the whole repository."""
        column = {"created": "c.created_at", "updated": "c.updated_at"}[sort]
        with self._store.read() as db:
            one = "" if number is None else "AND c.issue_id = ?"
            ids = () if number is None else (issue_of(db, repository, number).id,)
            sql = (
                "FROM comments c JOIN issues i ON i.id = c.issue_id "
                f"WHERE i.repository_id = ? AND c.updated_at >= ? {one} ORDER BY {column} {direction}, c.id {direction}"
            )
            comments = db.all(Comment, "SELECT c.* " + sql, repository.id, since, *ids)
            numbers = db.column("SELECT i.number " + sql, repository.id, since, *ids)
            return list(zip(comments, numbers, strict=True))

    def comment_count(self, issue_id: int) -> int:
        with self._store.read() as db:
            return db.value("SELECT count(*) FROM comments WHERE issue_id = ?", issue_id)

    def comment(self, repository: Repository, comment_id: int) -> tuple[Comment, int]:
        """A comment and the number of its issue. Raises `Refusal` (404)."""
        with self._store.read() as db:
            return _comment(db, repository, comment_id)

    def add_comment(self, repository: Repository, number: int, *, author: User, body: str) -> Comment:
        now = self._now()
        with self._store.write() as db:
            issue = issue_of(db, repository, number)
            touch(db, issue.id, now)
            comment_id = db.insert(
                "comments", issue_id=issue.id, author_id=author.id, body=body, created_at=now, updated_at=now
            )
            refer(db, issue, body, actor=author, now=now)
            return _comment(db, repository, comment_id)[0]

    def edit_comment(self, repository: Repository, comment_id: int, *, body: str) -> tuple[Comment, int]:
        with self._store.write() as db:
            comment, _ = _comment(db, repository, comment_id)
            db.update("comments", comment_id, body=body, updated_at=max(self._now(), comment.updated_at))
            touch(db, comment.issue_id, self._now())
            return _comment(db, repository, comment_id)

    def delete_comment(self, repository: Repository, comment_id: int) -> None:
        with self._store.write() as db:
            comment, _ = _comment(db, repository, comment_id)
            db.run("DELETE FROM comments WHERE id = ?", comment_id)
            db.run("DELETE FROM reactions WHERE subject = 'comment' AND subject_id = ?", comment_id)
            touch(db, comment.issue_id, self._now())

    def _now(self) -> int:
        return int(self._clock.now())


def issue_of(db: Database, repository: Repository, number: int) -> Issue:
    """The issue or pull request with this number. Raises `Refusal` (404)."""
    issue = db.one(Issue, "SELECT * FROM issues WHERE repository_id = ? AND number = ?", repository.id, number)
    if not issue:
        raise not_found()
    return issue


def draw_number(db: Database, repository: Repository) -> int:
    """The next number of the repository, for an issue, a pull request or a discussion."""
    number: int = db.value("SELECT next_number FROM repositories WHERE id = ?", repository.id)
    db.run("UPDATE repositories SET next_number = next_number + 1 WHERE id = ?", repository.id)
    return number


def new_issue(
    db: Database, repository: Repository, *, author: User, title: str, body: str | None, now: int, is_pull: bool = False
) -> Issue:
    number = draw_number(db, repository)
    db.insert(
        "issues",
        repository_id=repository.id,
        number=number,
        author_id=author.id,
        title=title,
        body=body,
        created_at=now,
        updated_at=now,
        is_pull=is_pull,
    )
    issue = issue_of(db, repository, number)
    refer(db, issue, body, actor=author, now=now)
    return issue


def rewrite(db: Database, issue: Issue, columns: Mapping[str, Any], *, actor: User, now: int) -> None:
    """Gives an issue a new title, body, or both."""
    db.update("issues", issue.id, **columns)
    if columns.get("body", issue.body) != issue.body:
        db.update("issues", issue.id, last_edited_at=now, editor_id=actor.id)
    title = columns.get("title", issue.title)
    if title != issue.title:
        note(db, issue.id, "renamed", actor=actor, now=now, rename={"from": issue.title, "to": title})
    refer(db, issue, columns.get("body"), actor=actor, now=now)


def close_or_open(
    db: Database,
    issue: Issue,
    *,
    state: str,
    reason: str | None,
    actor: User | None,
    now: int,
    commit: str | None = None,
) -> None:
    """Changes the state; nothing happens to an issue that has it already, but for another reason to be closed.

    `commit` is the one that closed it.
    """
    if state == "open" and issue.state == "closed":
        db.update("issues", issue.id, state="open", state_reason="reopened", closed_at=None, closed_by=None)
        note(db, issue.id, "reopened", actor=actor, now=now)
    elif state == "closed" and issue.state == "open":
        reason = None if issue.is_pull else reason or "completed"
        closer = actor.id if actor else None
        db.update("issues", issue.id, state="closed", state_reason=reason, closed_at=now, closed_by=closer)
        note(db, issue.id, "closed", actor=actor, now=now, state_reason=reason, commit_id=commit)
    elif state == "closed" and reason and not issue.is_pull:
        db.update("issues", issue.id, state_reason=reason)
    touch(db, issue.id, now)


def touch(db: Database, issue_id: int, now: int) -> None:
    db.run("UPDATE issues SET updated_at = max(updated_at, ?) WHERE id = ?", now, issue_id)


def assignable(db: Database, repository: Repository, login: str) -> int | None:
    """The id of a user who has access to the repository."""
    return db.value(
        "SELECT id FROM users WHERE login = ? AND (id = ? OR id IN "
        "(SELECT user_id FROM collaborators WHERE repository_id = ?))",
        login,
        repository.owner_id,
        repository.id,
    )


def _set_assignees(
    db: Database, repository: Repository, issue: Issue, logins: Iterable[str], *, actor: User, now: int
) -> None:
    wanted: list[int] = []
    for login in logins:
        user_id = assignable(db, repository, login)
        if user_id is None:
            raise invalid("Issue", field="assignees", message=f"{login} can't be assigned")
        wanted.append(user_id)
    for user_id in db.column("SELECT user_id FROM issue_assignees WHERE issue_id = ?", issue.id):
        if user_id not in wanted:
            _unassign(db, issue, user_id, actor=actor, now=now)
    for user_id in wanted:
        _assign(db, issue, user_id, actor=actor, now=now)


def _assign(db: Database, issue: Issue, user_id: int, *, actor: User, now: int) -> None:
    if db.run("INSERT OR IGNORE INTO issue_assignees VALUES (?, ?)", issue.id, user_id):
        note(db, issue.id, "assigned", actor=actor, now=now, assignee=user_id)


def _unassign(db: Database, issue: Issue, user_id: int | None, *, actor: User, now: int) -> None:
    if db.run("DELETE FROM issue_assignees WHERE issue_id = ? AND user_id = ?", issue.id, user_id):
        note(db, issue.id, "unassigned", actor=actor, now=now, assignee=user_id)


def _comment(db: Database, repository: Repository, comment_id: int) -> tuple[Comment, int]:
    comment = db.one(
        Comment,
        "SELECT c.* FROM comments c JOIN issues i ON i.id = c.issue_id WHERE c.id = ? AND i.repository_id = ?",
        comment_id,
        repository.id,
    )
    if not comment:
        raise not_found()
    return comment, db.value("SELECT number FROM issues WHERE id = ?", comment.issue_id)
