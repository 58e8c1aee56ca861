"""Reactions to issues and comments: each person has each kind at most once for each thing."""

from __future__ import annotations

from typing import Literal, get_args

from loreli_ray.clock import Clock
from loreli_ray.forge.records import Reaction, User
from loreli_ray.forge.refusal import forbidden, not_found
from loreli_ray.forge.store import Store

Subject = Literal["issue", "comment", "review_comment"]
Content = Literal["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"]
CONTENTS: tuple[str, ...] = get_args(Content)

_OF = "SELECT * FROM reactions WHERE subject = ? AND subject_id = ?"


class Reactions:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def list(self, subject: Subject, subject_id: int) -> list[Reaction]:
        """Oldest first."""
        with self._store.read() as db:
            return db.all(Reaction, f"{_OF} ORDER BY id", subject, subject_id)

    def counts(self, subject: Subject, subject_id: int) -> dict[str, int]:
        """How many of each content."""
        contents = [reaction.content for reaction in self.list(subject, subject_id)]
        return {content: contents.count(content) for content in CONTENTS}

    def add(self, subject: Subject, subject_id: int, *, user: User, content: Content) -> tuple[Reaction, bool]:
        """The reaction, and whether it is new."""
        with self._store.write() as db:
            added = db.run(
                "INSERT OR IGNORE INTO reactions (subject, subject_id, user_id, content, created_at) "
                "VALUES (?, ?, ?, ?, ?)",
                subject,
                subject_id,
                user.id,
                content,
                int(self._clock.now()),
            )
            found = db.one(Reaction, f"{_OF} AND user_id = ? AND content = ?", subject, subject_id, user.id, content)
        if not found:
            raise not_found()
        return found, bool(added)

    def remove(self, subject: Subject, subject_id: int, reaction_id: int, *, user: User) -> None:
        """Raises `Refusal`: 404, 403 for another's."""
        with self._store.write() as db:
            found = db.one(Reaction, f"{_OF} AND id = ?", subject, subject_id, reaction_id)
            if not found:
                raise not_found()
            if found.user_id != user.id:
                raise forbidden("Must be the author of the reaction.")
            db.run("DELETE FROM reactions WHERE id = ?", reaction_id)
