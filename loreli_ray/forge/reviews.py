"""Reviews of pull requests and the comments they make on lines of the difference.

Invariant: nobody approves or rejects what is their own (GitHub: 422).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loreli_ray.clock import Clock
from loreli_ray.forge import diff
from loreli_ray.forge.issues import touch
from loreli_ray.forge.pulls import Pulls
from loreli_ray.forge.records import Pull, Repository, Review, ReviewComment, User
from loreli_ray.forge.refusal import Refusal, not_found, unprocessable
from loreli_ray.forge.repository import GitRepository
from loreli_ray.forge.store import Store

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
        now = int(self._clock.now())
        with self._store.write() as db:
            review_id = db.insert(
                "reviews",
                pull_id=pull.id,
                author_id=author.id,
                state=STATES[event],
                body=body,
                commit_id=commit,
                submitted_at=now,
            )
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
            touch(db, pull.id, now)
        return self.get(pull, review_id)

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


def _refuse(message: str) -> Refusal:
    """A review's 422 carries bare sentences where others have objects; one form for all is kinder to clients."""
    return unprocessable(f"Unprocessable Entity: {message}")
