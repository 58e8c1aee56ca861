"""Reviews of pull requests and the comments they make on lines of the difference.

Invariant: nobody approves or rejects what is their own (GitHub: 422).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from loreli_ray.clock import Clock
from loreli_ray.forge import diff
from loreli_ray.forge.events import note, refer
from loreli_ray.forge.issues import assignable, touch
from loreli_ray.forge.pulls import Pulls
from loreli_ray.forge.records import Pull, Repository, Review, ReviewComment, User
from loreli_ray.forge.refusal import Refusal, not_found, unprocessable
from loreli_ray.forge.repository import GitRepository
from loreli_ray.forge.store import Database, Store

STATES = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A comment on one line of the new (`RIGHT`) or the old (`LEFT`) file."""

    path: str
    line: int
    side: str
    body: str


class Reviews:
    def __init__(self, store: Store, clock: Clock, root: Path, pulls: Pulls) -> None:
        self._store = store
        self._clock = clock
        self._root = root
        self._pulls = pulls

    def list(self, pull: Pull) -> list[Review]:
        """Oldest first."""
        with self._store.read() as db:
            return db.all(Review, "SELECT * FROM reviews WHERE pull_id = ? ORDER BY id", pull.id)

    def get(self, pull: Pull, review_id: int) -> Review:
        with self._store.read() as db:
            review = db.one(Review, "SELECT * FROM reviews WHERE pull_id = ? AND id = ?", pull.id, review_id)
        if not review:
            raise not_found()
        return review

    def create(
        self,
        repository: Repository,
        number: int,
        *,
        author: User,
        event: str,
        body: str,
        commit_id: str | None = None,
        remarks: Sequence[Remark] = (),
    ) -> Review:
        """`event` is APPROVE, REQUEST_CHANGES or COMMENT.

        Raises `Refusal` (422) for a verdict on one's own pull request, for nothing said where something must be, and
        for a line or commit that is not part of the pull request.
        """
        pull = self._pulls.get(repository, number)
        if event != "COMMENT" and author.id == pull.author_id:
            verdict = "approve" if event == "APPROVE" else "request changes on"
            raise _refuse(f"Can not {verdict} your own pull request")
        if event == "REQUEST_CHANGES" and not body.strip():
            raise _refuse("You need to leave a comment indicating the requested changes.")
        if event == "COMMENT" and not body.strip() and not remarks:
            raise _refuse("A comment review needs a body or at least one comment.")
        if commit_id and commit_id != pull.head_sha:
            known = {commit.sha for commit in self._pulls.commits(repository, pull)}
            if commit_id not in known:
                raise _refuse("commit_id is not part of the pull request")
        commit = commit_id or pull.head_sha
        placed = self._place(repository, pull, commit, remarks)
        now = self._now()
        with self._store.write() as db:
            review_id = _insert_review(db, pull, author=author, state=STATES[event], body=body, commit=commit, now=now)
            refer(db, pull, body, actor=author, now=now)
            for remark, position in placed:
                db.insert(
                    "review_comments",
                    review_id=review_id,
                    pull_id=pull.id,
                    author_id=author.id,
                    body=remark.body,
                    commit_id=commit,
                    path=remark.path,
                    line=remark.line,
                    side=remark.side,
                    position=position.number,
                    diff_hunk=position.hunk,
                    created_at=now,
                    updated_at=now,
                )
            db.run("DELETE FROM review_requests WHERE pull_id = ? AND user_id = ?", pull.id, author.id)
            touch(db, pull.id, now)
        return self.get(pull, review_id)

    def edit(self, pull: Pull, review_id: int, *, body: str) -> Review:
        self.get(pull, review_id)
        with self._store.write() as db:
            db.update("reviews", review_id, body=body)
            touch(db, pull.id, self._now())
        return self.get(pull, review_id)

    def dismiss(self, pull: Pull, review_id: int, *, actor: User, message: str) -> Review:
        """Takes the force from an approval or a rejection. Raises `Refusal` (422) for what has none."""
        now = self._now()
        with self._store.write() as db:
            review = db.one(Review, "SELECT * FROM reviews WHERE pull_id = ? AND id = ?", pull.id, review_id)
            if not review:
                raise not_found()
            if review.state not in ("APPROVED", "CHANGES_REQUESTED"):
                raise _refuse(f"Can not dismiss a {review.state.lower()} pull request review")
            db.update("reviews", review_id, state="DISMISSED")
            about = {"state": review.state.lower(), "review_id": review_id, "dismissal_message": message}
            note(db, pull.id, "review_dismissed", actor=actor, now=now, dismissed_review=about)
            touch(db, pull.id, now)
        return self.get(pull, review_id)

    # Who is asked for one ------------------------------------------------------------------------------------------

    def requested(self, pull: Pull) -> list[User]:
        with self._store.read() as db:
            sql = "SELECT u.* FROM users u JOIN review_requests r ON r.user_id = u.id WHERE r.pull_id = ? ORDER BY u.id"
            return db.all(User, sql, pull.id)

    def request(self, repository: Repository, pull: Pull, logins: Iterable[str], *, actor: User) -> None:
        """Raises `Refusal` (422) for the author, and for who has no access."""
        now = self._now()
        with self._store.write() as db:
            for login in logins:
                user_id = assignable(db, repository, login)
                if user_id == pull.author_id:
                    raise unprocessable("Review cannot be requested from pull request author.")
                if user_id is None:
                    raise unprocessable(
                        "Reviews may only be requested from collaborators. One or more of the users or teams you "
                        f"specified is not a collaborator of the {repository.full_name} repository."
                    )
                if db.run("INSERT OR IGNORE INTO review_requests VALUES (?, ?)", pull.id, user_id):
                    note(db, pull.id, "review_requested", actor=actor, now=now, reviewer=user_id)
            touch(db, pull.id, now)

    def unrequest(self, pull: Pull, logins: Iterable[str], *, actor: User) -> None:
        now = self._now()
        with self._store.write() as db:
            for login in logins:
                user_id = db.value("SELECT id FROM users WHERE login = ?", login)
                if db.run("DELETE FROM review_requests WHERE pull_id = ? AND user_id = ?", pull.id, user_id):
                    note(db, pull.id, "review_request_removed", actor=actor, now=now, reviewer=user_id)
            touch(db, pull.id, now)

    # Comments on lines ---------------------------------------------------------------------------------------------

    def comments(
        self, repository: Repository, *, pull: Pull | None = None, since: int = 0
    ) -> list[tuple[ReviewComment, int]]:
        """Comments with the number of their pull request, oldest first: of one, or of the whole repository."""
        sql = "FROM review_comments c JOIN issues i ON i.id = c.pull_id WHERE i.repository_id = ? AND c.updated_at >= ?"
        values: list[int] = [repository.id, since]
        if pull:
            sql += " AND i.id = ?"
            values.append(pull.id)
        with self._store.read() as db:
            comments = db.all(ReviewComment, f"SELECT c.* {sql} ORDER BY c.id", *values)
            numbers: list[int] = db.column(f"SELECT i.number {sql} ORDER BY c.id", *values)
            return list(zip(comments, numbers, strict=True))

    def comments_of(self, review: Review) -> list[ReviewComment]:
        with self._store.read() as db:
            return db.all(ReviewComment, "SELECT * FROM review_comments WHERE review_id = ? ORDER BY id", review.id)

    def comment_count(self, pull: Pull) -> int:
        with self._store.read() as db:
            return db.value("SELECT count(*) FROM review_comments WHERE pull_id = ?", pull.id)

    def comment(self, repository: Repository, comment_id: int) -> tuple[ReviewComment, int]:
        """A comment and the number of its pull request. Raises `Refusal` (404)."""
        with self._store.read() as db:
            return _comment(db, repository, comment_id)

    def reply(self, repository: Repository, number: int, comment_id: int, *, author: User, body: str) -> ReviewComment:
        """Answers a comment, or the one that it answers. Raises `Refusal` (404) if it stands elsewhere."""
        pull, now = self._pulls.get(repository, number), self._now()
        with self._store.write() as db:
            asked, place = _comment(db, repository, comment_id)
            if place != number:
                raise not_found()
            columns = asdict(asked) | {
                "review_id": _insert_review(
                    db, pull, author=author, state="COMMENTED", body="", commit=asked.commit_id, now=now
                ),
                "author_id": author.id,
                "body": body,
                "created_at": now,
                "updated_at": now,
                "in_reply_to": asked.in_reply_to or asked.id,
            }
            del columns["id"]
            made = db.insert("review_comments", **columns)
            touch(db, pull.id, now)
            return _comment(db, repository, made)[0]

    def edit_comment(self, repository: Repository, comment_id: int, *, body: str) -> tuple[ReviewComment, int]:
        with self._store.write() as db:
            comment, _ = _comment(db, repository, comment_id)
            db.update("review_comments", comment_id, body=body, updated_at=max(self._now(), comment.updated_at))
            touch(db, comment.pull_id, self._now())
            return _comment(db, repository, comment_id)

    def delete_comment(self, repository: Repository, comment_id: int) -> None:
        with self._store.write() as db:
            comment, _ = _comment(db, repository, comment_id)
            db.run("DELETE FROM review_comments WHERE id = ?", comment_id)
            db.run("DELETE FROM reactions WHERE subject = 'review_comment' AND subject_id = ?", comment_id)
            touch(db, comment.pull_id, self._now())

    def _now(self) -> int:
        return int(self._clock.now())

    def _place(
        self, repository: Repository, pull: Pull, commit: str, remarks: Sequence[Remark]
    ) -> list[tuple[Remark, diff.Position]]:
        """Finds the remarks' lines in the difference."""
        if not remarks:
            return []
        git = GitRepository(repository.path(self._root))
        changes = diff.changes(git, base=self._pulls.fork_point(repository, pull), head=commit)
        patches = {change.path: change.patch for change in changes}
        placed: list[tuple[Remark, diff.Position]] = []
        for remark in remarks:
            if remark.path not in patches:
                raise _refuse("Path could not be resolved")
            position = diff.position(patches[remark.path], line=remark.line, side=remark.side)
            if not position:
                raise _refuse("Line could not be resolved")
            placed.append((remark, position))
        return placed


def _insert_review(db: Database, pull: Pull, *, author: User, state: str, body: str, commit: str, now: int) -> int:
    return db.insert(
        "reviews", pull_id=pull.id, author_id=author.id, state=state, body=body, commit_id=commit, submitted_at=now
    )


def _comment(db: Database, repository: Repository, comment_id: int) -> tuple[ReviewComment, int]:
    sql = "SELECT c.* FROM review_comments c JOIN issues i ON i.id = c.pull_id WHERE c.id = ? AND i.repository_id = ?"
    comment = db.one(ReviewComment, sql, comment_id, repository.id)
    if not comment:
        raise not_found()
    return comment, db.value("SELECT number FROM issues WHERE id = ?", comment.pull_id)


def _refuse(message: str) -> Refusal:
    """A review's 422 carries bare sentences where others have objects; one form for all is kinder to clients."""
    return unprocessable(f"Unprocessable Entity: {message}")
