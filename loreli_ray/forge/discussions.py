"""Discussions: their categories, comments, replies and answers.

Invariants: numbers come from the sequence of the issues; a category belongs to its repository; a reply answers a
comment, never another reply; an answer is a comment of a discussion whose category takes answers. Switching discussions
off hides everything and loses nothing.
"""

from __future__ import annotations

from typing import TypeVar

from loreli_ray.clock import Clock
from loreli_ray.forge.issues import draw_number
from loreli_ray.forge.records import Discussion, DiscussionCategory, DiscussionComment, Repository, User
from loreli_ray.forge.refusal import not_found, unprocessable
from loreli_ray.forge.store import Database, Store

# name, slug, emoji, description, takes answers: what GitHub gives a repository, without polls
CATEGORIES = (
    ("Announcements", "announcements", ":mega:", "Updates from maintainers", False),
    ("General", "general", ":speech_balloon:", "Chat about anything and everything here", False),
    ("Ideas", "ideas", ":bulb:", "Share ideas for new features", False),
    ("Q&A", "q-a", ":pray:", "Ask the community for help", True),
    ("Show and tell", "show-and-tell", ":raised_hands:", "Show off something you've made", False),
)
ANNOUNCEMENTS = "announcements"  # begun by those who may write to the repository

Record = TypeVar("Record")


class Discussions:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def switch(self, repository: Repository, *, on: bool) -> None:
        """Switches discussions on or off."""
        with self._store.write() as db:
            db.update("repositories", repository.id, has_discussions=on)

    def categories(self, repository: Repository) -> list[DiscussionCategory]:
        """In the order they were made; none while discussions are off."""
        if not repository.has_discussions:
            return []
        with self._store.read() as db:
            sql = "SELECT * FROM discussion_categories WHERE repository_id = ? ORDER BY id"
            return db.all(DiscussionCategory, sql, repository.id)

    def list(self, repository: Repository) -> list[Discussion]:
        """By number; none while discussions are off."""
        if not repository.has_discussions:
            return []
        with self._store.read() as db:
            sql = "SELECT * FROM discussions WHERE repository_id = ? ORDER BY number"
            return db.all(Discussion, sql, repository.id)

    def get(self, repository: Repository, number: int) -> Discussion:
        """Raises `Refusal` (404)."""
        sql = "SELECT * FROM discussions WHERE repository_id = ? AND number = ?"
        with self._store.read() as db:
            return _need(db.one(Discussion, sql, repository.id, number) if repository.has_discussions else None)

    def create(
        self, repository: Repository, *, author: User, category: DiscussionCategory, title: str, body: str
    ) -> Discussion:
        """Raises `Refusal` (422) where discussions are off and for a category of another repository."""
        if not repository.has_discussions:
            raise unprocessable("Discussions are disabled for this repository.")
        _need_ours(repository.id, category)
        now = self._now()
        with self._store.write() as db:
            discussion_id = db.insert(
                "discussions",
                repository_id=repository.id,
                number=draw_number(db, repository),
                category_id=category.id,
                author_id=author.id,
                title=title,
                body=body,
                created_at=now,
                updated_at=now,
            )
            return _discussion(db, discussion_id)

    def edit(
        self,
        discussion: Discussion,
        *,
        title: str | None = None,
        body: str | None = None,
        category: DiscussionCategory | None = None,
    ) -> Discussion:
        """Changes what is given. Raises `Refusal` (422) for a category of another repository."""
        changes = {name: value for name, value in (("title", title), ("body", body)) if value is not None}
        with self._store.write() as db:
            db.update("discussions", discussion.id, **changes)
            if category:
                _need_ours(discussion.repository_id, category)
                db.update("discussions", discussion.id, category_id=category.id)
            return self._touched(db, discussion.id)

    def close(self, discussion: Discussion, *, reason: str) -> Discussion:
        """`reason` is resolved, outdated or duplicate; a closed one only gets the new reason."""
        closed_at = discussion.closed_at if discussion.state == "closed" else self._now()
        with self._store.write() as db:
            db.update("discussions", discussion.id, state="closed", state_reason=reason, closed_at=closed_at)
            return self._touched(db, discussion.id)

    def reopen(self, discussion: Discussion) -> Discussion:
        """Raises `Refusal` (422) if it is open."""
        if discussion.state == "open":
            raise unprocessable("The discussion is open already.")
        with self._store.write() as db:
            db.update("discussions", discussion.id, state="open", state_reason="reopened", closed_at=None)
            return self._touched(db, discussion.id)

    def delete(self, discussion: Discussion) -> None:
        """With all that was said in it."""
        with self._store.write() as db:
            db.update("discussions", discussion.id, answer_id=None)
            db.run("DELETE FROM discussion_comments WHERE discussion_id = ? AND reply_to IS NOT NULL", discussion.id)
            db.run("DELETE FROM discussion_comments WHERE discussion_id = ?", discussion.id)
            db.run("DELETE FROM discussions WHERE id = ?", discussion.id)

    # Comments ------------------------------------------------------------------------------------------------------

    def comments(self, discussion: Discussion) -> list[DiscussionComment]:
        """Those that answer no other comment, oldest first."""
        sql = "SELECT * FROM discussion_comments WHERE discussion_id = ? AND reply_to IS NULL ORDER BY id"
        with self._store.read() as db:
            return db.all(DiscussionComment, sql, discussion.id)

    def replies(self, comment: DiscussionComment) -> list[DiscussionComment]:
        """Oldest first."""
        with self._store.read() as db:
            sql = "SELECT * FROM discussion_comments WHERE reply_to = ? ORDER BY id"
            return db.all(DiscussionComment, sql, comment.id)

    def add_comment(
        self, discussion: Discussion, *, author: User, body: str, reply_to: DiscussionComment | None = None
    ) -> DiscussionComment:
        """Raises `Refusal` (422) for a reply to a reply, or to what was said elsewhere."""
        if reply_to and (reply_to.discussion_id != discussion.id or reply_to.reply_to is not None):
            raise unprocessable("A reply must answer a top-level comment of the same discussion.")
        now = self._now()
        with self._store.write() as db:
            comment_id = db.insert(
                "discussion_comments",
                discussion_id=discussion.id,
                author_id=author.id,
                reply_to=reply_to.id if reply_to else None,
                body=body,
                created_at=now,
                updated_at=now,
            )
            self._touched(db, discussion.id)
            return _comment(db, comment_id)

    def edit_comment(self, comment: DiscussionComment, *, body: str) -> DiscussionComment:
        with self._store.write() as db:
            db.update("discussion_comments", comment.id, body=body, updated_at=max(self._now(), comment.updated_at))
            self._touched(db, comment.discussion_id)
            return _comment(db, comment.id)

    def delete_comment(self, comment: DiscussionComment) -> None:
        """With its replies."""
        with self._store.write() as db:
            db.run(
                "UPDATE discussions SET answer_id = NULL, answered_at = NULL, answered_by = NULL WHERE answer_id IN "
                "(SELECT id FROM discussion_comments WHERE id = ? OR reply_to = ?)",
                comment.id,
                comment.id,
            )
            db.run("DELETE FROM discussion_comments WHERE reply_to = ?", comment.id)
            db.run("DELETE FROM discussion_comments WHERE id = ?", comment.id)
            self._touched(db, comment.discussion_id)

    def answer(self, comment: DiscussionComment, *, chosen: bool, actor: User) -> Discussion:
        """Makes the comment the answer, or no longer. Raises `Refusal` (422) where the category takes none."""
        with self._store.write() as db:
            discussion = _discussion(db, comment.discussion_id)
            category = db.one(
                DiscussionCategory, "SELECT * FROM discussion_categories WHERE id = ?", discussion.category_id
            )
            if not category or not category.is_answerable:
                raise unprocessable("This discussion's category does not take answers.")
            if not chosen and discussion.answer_id != comment.id:
                raise unprocessable("This comment is not the answer.")
            db.update(
                "discussions",
                discussion.id,
                answer_id=comment.id if chosen else None,
                answered_at=self._now() if chosen else None,
                answered_by=actor.id if chosen else None,
            )
            return self._touched(db, discussion.id)

    def _touched(self, db: Database, discussion_id: int) -> Discussion:
        db.run("UPDATE discussions SET updated_at = max(updated_at, ?) WHERE id = ?", self._now(), discussion_id)
        return _discussion(db, discussion_id)

    def _now(self) -> int:
        return int(self._clock.now())


def furnish(db: Database, repository_id: int, *, now: int) -> None:
    """Gives a new repository its categories."""
    for name, slug, emoji, description, answerable in CATEGORIES:
        db.insert(
            "discussion_categories",
            repository_id=repository_id,
            name=name,
            slug=slug,
            emoji=emoji,
            description=description,
            is_answerable=answerable,
            created_at=now,
        )


def _discussion(db: Database, discussion_id: int) -> Discussion:
    return _need(db.one(Discussion, "SELECT * FROM discussions WHERE id = ?", discussion_id))


def _comment(db: Database, comment_id: int) -> DiscussionComment:
    return _need(db.one(DiscussionComment, "SELECT * FROM discussion_comments WHERE id = ?", comment_id))


def _need(found: Record | None) -> Record:
    if found is None:
        raise not_found()
    return found


def _need_ours(repository_id: int, category: DiscussionCategory) -> None:
    if category.repository_id != repository_id:
        raise unprocessable("The category does not belong to the repository.")
