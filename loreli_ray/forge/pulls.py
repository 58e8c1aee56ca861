"""Pull requests: opening, following their branches, merging.

Invariants:
- A pull request follows its branches at every read (`refresh`): whoever pushed, and by which way.
- A merge is git objects first, then one compare-and-swap on the base branch, then the record. `landing_sha` is written
  before the swap: if the forge dies between swap and record, the next `refresh` finds the commit on the base branch
  and finishes. Merges of one repository are serial; pushes are not, hence the compare-and-swap.
- Branches live in one repository; there are no forks here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loreli_ray.clock import Clock
from loreli_ray.forge.events import note
from loreli_ray.forge.issues import close_or_open, issue_of, new_issue, rewrite, touch
from loreli_ray.forge.landing import Landing
from loreli_ray.forge.protections import Protections
from loreli_ray.forge.records import Issue, Pull, Repository, User
from loreli_ray.forge.refusal import Refusal, invalid, not_found, unprocessable
from loreli_ray.forge.repository import ABSENT, Commit, GitRepository, signature
from loreli_ray.forge.store import Database, Store

# Which setting of the repository allows which method.
_ALLOWED = {"merge": "allow_merge_commit", "squash": "allow_squash_merge", "rebase": "allow_rebase_merge"}
_SELECT = "SELECT i.*, p.* FROM issues i JOIN pulls p ON p.id = i.id WHERE i.repository_id = ?"
# https://docs.github.com/issues/tracking-your-work-with-issues/linking-a-pull-request-to-an-issue
_CLOSES = re.compile(r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+#(\d{1,18})\b", re.IGNORECASE)


class Pulls:
    def __init__(self, store: Store, clock: Clock, root: Path, protections: Protections) -> None:
        self._store = store
        self._clock = clock
        self._root = root
        self._protections = protections

    def list(
        self,
        repository: Repository,
        *,
        state: str = "open",
        head: str = "",
        base: str = "",
        sort: str = "created",
        direction: str = "desc",
    ) -> list[Pull]:
        """`head` is `branch` or `owner:branch`, `base` a branch."""
        self.refresh(repository)
        column = {"created": "i.created_at", "updated": "i.updated_at"}[sort]
        with self._store.read() as db:
            found = db.all(Pull, f"{_SELECT} ORDER BY {column} {direction}, i.number {direction}", repository.id)
        branch = _branch(repository, head)
        return [
            pull
            for pull in found
            if state in ("all", pull.state) and (not head or pull.head_ref == branch) and base in ("", pull.base_ref)
        ]

    def get(self, repository: Repository, number: int) -> Pull:
        """Raises `Refusal` (404)."""
        self.refresh(repository)
        return self.record(repository, number)

    def record(self, repository: Repository, number: int) -> Pull:
        """As it was at the last `refresh`. Raises `Refusal` (404)."""
        with self._store.read() as db:
            return _pull(db, repository, number)

    def create(
        self,
        repository: Repository,
        *,
        author: User,
        title: str,
        body: str | None,
        head: str,
        base: str,
        draft: bool = False,
    ) -> Pull:
        """Raises `Refusal` (422): a branch that is not there, nothing to merge, one that is open already."""
        branch = _branch(repository, head)
        self.refresh(repository)
        git = self._git(repository)
        heads = git.heads()
        if base not in heads:
            raise invalid("PullRequest", field="base")
        if branch is None or branch not in heads:
            raise invalid("PullRequest", field="head")
        head_sha, base_sha = heads[branch], heads[base]
        if git.contains(base_sha, head_sha):
            raise _custom(f"No commits between {base} and {branch}")
        if git.merge_base(base_sha, head_sha) is None:
            raise _custom(f"The {branch} branch has no history in common with {base}")
        with self._store.write() as db:
            _refuse_twin(db, repository, head_ref=branch, base_ref=base)
            issue = new_issue(db, repository, author=author, title=title, body=body, now=self._now(), is_pull=True)
            db.insert(
                "pulls", id=issue.id, head_ref=branch, head_sha=head_sha, base_ref=base, base_sha=base_sha, draft=draft
            )
        git.force(_pull_ref(issue.number), head_sha)
        return self.record(repository, issue.number)

    def edit(self, repository: Repository, number: int, *, actor: User, changes: Mapping[str, Any]) -> Pull:
        """`changes` may hold title, body, state and base."""
        pull = self.get(repository, number)
        columns = dict(changes)
        state, base = columns.pop("state", pull.state), columns.pop("base", pull.base_ref)
        heads = self._git(repository).heads()
        if base != pull.base_ref and (base not in heads or pull.state != "open"):
            raise invalid("PullRequest", field="base")
        stays_closed = pull.merged_at is not None or pull.head_ref not in heads or base not in heads
        if state == "open" and pull.state == "closed" and stays_closed:
            raise invalid("PullRequest", field="state", message="state cannot be changed")
        with self._store.write() as db:
            if (state, base) != (pull.state, pull.base_ref) and state == "open":
                _refuse_twin(db, repository, head_ref=pull.head_ref, base_ref=base)
                db.update("pulls", pull.id, base_ref=base, base_sha=heads[base])
            now = self._now()
            if base != pull.base_ref:
                note(db, pull.id, "base_ref_changed", actor=actor, now=now)
            rewrite(db, pull, columns, actor=actor, now=now)
            close_or_open(db, issue_of(db, repository, number), state=state, reason=None, actor=actor, now=now)
        return self.get(repository, number)

    # What it holds -------------------------------------------------------------------------------------------------

    def mergeable(self, repository: Repository, pull: Pull) -> bool | None:
        """Whether a real merge of the two tips succeeds; None once it is closed."""
        if pull.state != "open":
            return None
        return self._git(repository).merged_tree(pull.base_sha, pull.head_sha) is not None

    def fork_point(self, repository: Repository, pull: Pull) -> str:
        """The commit that the pull request's difference is taken from."""
        return self._git(repository).merge_base(pull.base_sha, pull.head_sha) or pull.base_sha

    def commits(self, repository: Repository, pull: Pull) -> list[Commit]:
        """Oldest first."""
        return self._git(repository).log(f"{pull.base_sha}..{pull.head_sha}")[::-1]

    # Following the branches ----------------------------------------------------------------------------------------

    def refresh(self, repository: Repository, *, actor: User | None = None) -> None:
        """Brings every open pull request in line with its branches; `actor` is who moved them, where that is known."""
        with self._store.read() as db:
            found = db.all(Pull, f"{_SELECT} AND i.state = 'open'", repository.id)
        if not found:
            return
        git = self._git(repository)
        heads = git.heads()
        for pull in found:
            head, base = heads.get(pull.head_ref), heads.get(pull.base_ref)
            self._follow(repository, git, pull, head=head, base=base, actor=actor)

    def _follow(
        self,
        repository: Repository,
        git: GitRepository,
        pull: Pull,
        *,
        head: str | None,
        base: str | None,
        actor: User | None,
    ) -> None:
        if pull.landing_sha and base and git.contains(base, pull.landing_sha):
            self._landed(repository, git, pull, sha=pull.landing_sha, by=pull.landing_by, unless_moved=True)
            return
        if (head, base) == (pull.head_sha, pull.base_sha):
            return
        if base and base != pull.base_sha and git.contains(base, pull.head_sha):
            self._landed(
                repository, git, pull, sha=base, by=actor.id if actor else None, unless_moved=True
            )  # somebody pushed the merge
            return
        gone = head is None or base is None or git.contains(base, head)
        with self._store.write() as db:
            if _pull(db, repository, pull.number) != pull:
                return  # another thread or process has followed already
            if head and head != pull.head_sha:
                git.force(_pull_ref(pull.number), head)
            db.update("pulls", pull.id, head_sha=head or pull.head_sha, base_sha=base or pull.base_sha)
            if head and head != pull.head_sha and not git.contains(head, pull.head_sha):
                note(db, pull.id, "head_ref_force_pushed", actor=actor, now=self._now(), commit_id=head)
            if head is None:
                note(db, pull.id, "head_ref_deleted", actor=actor, now=self._now())
            if gone:
                close_or_open(db, pull, state="closed", reason=None, actor=actor, now=self._now())
            elif head != pull.head_sha:
                touch(db, pull.id, self._now())

    # Merging -------------------------------------------------------------------------------------------------------

    def merge(
        self,
        repository: Repository,
        number: int,
        *,
        actor: User,
        method: str = "merge",
        sha: str | None = None,
        title: str | None = None,
        message: str | None = None,
    ) -> str:
        """Merges and returns the new commit of the base branch.

        Raises `Refusal`: 409 if the head is not `sha`; 405 if it is closed, a draft or in conflict, if the repository
        does not allow the method or the branch's protection the merge, or if the base moved meanwhile.
        """
        git = self._git(repository)
        with git.merging():
            pull = self.get(repository, number)
            if pull.state != "open":
                raise Refusal(405, "Pull Request is not mergeable")
            if pull.draft:
                raise Refusal(405, "Pull Request is still a draft")
            if sha and sha != pull.head_sha:
                raise Refusal(409, "Head branch was modified. Review and try the merge again.")
            if not getattr(repository, _ALLOWED[method]):
                raise Refusal(405, f"{method.capitalize()} merges are not allowed on this repository.")
            self._protections.guard(repository, pull, git=git, actor=actor)
            landing = Landing(
                repository=repository,
                pull=pull,
                author=self._author(pull),
                actor=actor,
                method=method,
                title=title,
                message=message,
                now=self._clock.now(),
            ).commit(git, self.commits(repository, pull))
            self._announce(pull, landing_sha=landing, landing_by=actor.id)
            if not git.swap(f"refs/heads/{pull.base_ref}", new=landing, old=pull.base_sha):
                self._announce(pull, landing_sha=None, landing_by=None)
                raise Refusal(405, "Base branch was modified. Review and try the merge again.")
            self._landed(repository, git, pull, sha=landing, by=actor.id)
        if repository.delete_branch_on_merge and pull.head_ref != repository.default_branch:
            git.swap(f"refs/heads/{pull.head_ref}", new=ABSENT, old=pull.head_sha)
            self.branches_gone(repository, actor=actor)
        return landing

    def update_branch(self, repository: Repository, number: int, *, actor: User, expected: str | None) -> str:
        """Merges the base branch into the head branch and returns the new head. Raises `Refusal` (422)."""
        pull = self.get(repository, number)
        git = self._git(repository)
        if pull.state != "open":
            raise unprocessable("The pull request is closed.")
        if expected and expected != pull.head_sha:
            raise unprocessable("expected head sha didn't match current head ref.")
        if git.contains(pull.head_sha, pull.base_sha):
            raise unprocessable("There are no new commits on the base branch.")
        tree = git.merged_tree(pull.head_sha, pull.base_sha)
        if tree is None:
            raise unprocessable("merge conflict between base and head")
        who = signature(actor, self._clock.now())
        merged = git.commit_tree(
            tree=tree,
            parents=[pull.head_sha, pull.base_sha],
            message=f"Merge branch '{pull.base_ref}' into {pull.head_ref}",
            author=who,
            committer=who,
        )
        if not git.swap(f"refs/heads/{pull.head_ref}", new=merged, old=pull.head_sha):
            raise unprocessable("expected head sha didn't match current head ref.")
        self.refresh(repository)
        return merged

    def branches_gone(self, repository: Repository, *, actor: User | None) -> None:
        """Notes the head branches of closed pull requests that are no longer there."""
        heads = self._git(repository).heads()
        noted = "SELECT e.issue_id FROM events e WHERE e.name = 'head_ref_deleted'"
        with self._store.write() as db:
            for pull in db.all(Pull, f"{_SELECT} AND i.state = 'closed' AND i.id NOT IN ({noted})", repository.id):
                if pull.head_ref not in heads:
                    note(db, pull.id, "head_ref_deleted", actor=actor, now=self._now())

    def _author(self, pull: Pull) -> User:
        with self._store.read() as db:
            author = db.one(User, "SELECT * FROM users WHERE id = ?", pull.author_id)
        assert author  # no issue without its author
        return author

    def _announce(self, pull: Pull, *, landing_sha: str | None, landing_by: int | None) -> None:
        with self._store.write() as db:
            db.update("pulls", pull.id, landing_sha=landing_sha, landing_by=landing_by)

    def _landed(
        self,
        repository: Repository,
        git: GitRepository,
        pull: Pull,
        *,
        sha: str,
        by: int | None,
        unless_moved: bool = False,
    ) -> None:
        """Records a merge, once, and closes the issues it says it closes."""
        landed = git.log(f"{pull.base_sha}..{sha}") if pull.base_ref == repository.default_branch else []
        now = self._now()
        with self._store.write() as db:
            current = _pull(db, repository, pull.number)
            if current.merged_at is not None or (unless_moved and current != pull):
                return
            actor = db.one(User, "SELECT * FROM users WHERE id = ?", by)
            db.update("pulls", pull.id, merged_at=now, merged_by=by, merge_commit_sha=sha, landing_sha=None)
            note(db, pull.id, "merged", actor=actor, now=now, commit_id=sha)
            db.run("UPDATE repositories SET pushed_at = ? WHERE id = ?", now, repository.id)
            close_or_open(db, current, state="closed", reason=None, actor=actor, now=now)
            if pull.base_ref == repository.default_branch:
                for number in _closes(current.body or "", *(commit.message for commit in landed)):
                    _close_issue(db, repository, number, actor=actor, now=now, commit=sha)

    def _git(self, repository: Repository) -> GitRepository:
        return GitRepository(repository.path(self._root))

    def _now(self) -> int:
        return int(self._clock.now())


def _pull(db: Database, repository: Repository, number: int) -> Pull:
    pull = db.one(Pull, f"{_SELECT} AND i.number = ?", repository.id, number)
    if not pull:
        raise not_found()
    return pull


def _pull_ref(number: int) -> str:
    return f"refs/pull/{number}/head"


def _branch(repository: Repository, head: str) -> str | None:
    """The branch of `branch` or `owner:branch`; None for another owner's."""
    owner, colon, branch = head.partition(":")
    if not colon:
        return head
    return branch if owner.lower() == repository.owner.lower() else None


def _custom(message: str) -> Refusal:
    error = {"resource": "PullRequest", "code": "custom", "message": message}
    return Refusal(422, "Validation Failed", errors=[error])


def _refuse_twin(db: Database, repository: Repository, *, head_ref: str, base_ref: str) -> None:
    twin = db.value(
        "SELECT 1 FROM issues i JOIN pulls p ON p.id = i.id "
        "WHERE i.repository_id = ? AND i.state = 'open' AND p.head_ref = ? AND p.base_ref = ?",
        repository.id,
        head_ref,
        base_ref,
    )
    if twin:
        raise _custom(f"A pull request already exists for {repository.owner}:{head_ref}.")


def _closes(*texts: str) -> list[int]:
    return sorted({int(number) for text in texts for number in _CLOSES.findall(text)})


def _close_issue(
    db: Database, repository: Repository, number: int, *, actor: User | None, now: int, commit: str
) -> None:
    issue = db.one(Issue, "SELECT * FROM issues WHERE repository_id = ? AND number = ?", repository.id, number)
    if issue and not issue.is_pull:
        close_or_open(db, issue, state="closed", reason="completed", actor=actor, now=now, commit=commit)
