"""Labels: a repository's own, and which of them an issue bears."""

from __future__ import annotations

from collections.abc import Iterable

from loreli_ray.forge.events import note
from loreli_ray.forge.records import Issue, Label, User
from loreli_ray.forge.store import Database

NEW_LABEL_COLOR = "ededed"
DEFAULT_LABELS = (
    ("bug", "d73a4a", "Something isn't working"),
    ("documentation", "0075ca", "Improvements or additions to documentation"),
    ("duplicate", "cfd3d7", "This issue or pull request already exists"),
    ("enhancement", "a2eeef", "New feature or request"),
    ("good first issue", "7057ff", "Good for newcomers"),
    ("help wanted", "008672", "Extra attention is needed"),
    ("invalid", "e4e669", "This doesn't seem right"),
    ("question", "d876e3", "Further information is requested"),
    ("wontfix", "ffffff", "This will not be worked on"),
    ("loreli", "5319e7", "Work for the team of agents"),
)


def find(db: Database, repository_id: int, name: str) -> Label | None:
    return db.one(Label, "SELECT * FROM labels WHERE repository_id = ? AND name = ?", repository_id, name)


def need(db: Database, repository_id: int, name: str) -> Label:
    """GitHub makes a label that an issue is given and the repository hasn't got."""
    label = find(db, repository_id, name)
    if label:
        return label
    db.insert("labels", repository_id=repository_id, name=name, color=NEW_LABEL_COLOR)
    return need(db, repository_id, name)


def labels_of(db: Database, issue_id: int) -> list[Label]:
    return db.all(
        Label,
        "SELECT n.* FROM labels n JOIN issue_labels l ON l.label_id = n.id WHERE l.issue_id = ? ORDER BY n.name",
        issue_id,
    )


def add(db: Database, issue: Issue, names: Iterable[str], *, actor: User, now: int) -> None:
    for name in names:
        label = need(db, issue.repository_id, name)
        if db.run("INSERT OR IGNORE INTO issue_labels VALUES (?, ?)", issue.id, label.id):
            _note(db, issue, "labeled", label, actor=actor, now=now)


def remove(db: Database, issue: Issue, label: Label, *, actor: User, now: int) -> bool:
    """False if the issue hasn't got it."""
    gone = db.run("DELETE FROM issue_labels WHERE issue_id = ? AND label_id = ?", issue.id, label.id) > 0
    if gone:
        _note(db, issue, "unlabeled", label, actor=actor, now=now)
    return gone


def replace(db: Database, issue: Issue, names: Iterable[str], *, actor: User, now: int) -> None:
    """Only what differs is touched, and noted."""
    wanted = {name.casefold(): name for name in names}
    for label in labels_of(db, issue.id):
        if label.name.casefold() not in wanted:
            remove(db, issue, label, actor=actor, now=now)
    add(db, issue, wanted.values(), actor=actor, now=now)


def _note(db: Database, issue: Issue, event: str, label: Label, *, actor: User, now: int) -> None:
    note(db, issue.id, event, actor=actor, now=now, label={"name": label.name, "color": label.color})
