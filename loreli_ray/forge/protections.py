"""What a branch asks of the pull requests that are merged into it: checks, approvals, and to be up to date.

https://docs.github.com/repositories/configuring-branches-and-merges-in-your-repository/managing-protected-branches
Invariants: an admin is bound only where the protection says so (`enforce_admins`), as on GitHub; only merges of pull
requests are held up, pushes are not.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from loreli_ray.forge.checks import Checks
from loreli_ray.forge.records import Protection, Pull, Repository, Review, User
from loreli_ray.forge.refusal import Refusal
from loreli_ray.forge.repository import GitRepository
from loreli_ray.forge.store import Store


class Protections:
    def __init__(self, store: Store, checks: Checks) -> None:
        self._store = store
        self._checks = checks

    def of(self, repository: Repository, branch: str) -> Protection | None:
        with self._store.read() as db:
            sql = "SELECT * FROM protections WHERE repository_id = ? AND branch = ?"
            return db.one(Protection, sql, repository.id, branch)

    def need(self, repository: Repository, branch: str) -> Protection:
        """Raises `Refusal` (404)."""
        found = self.of(repository, branch)
        if not found:
            raise Refusal(404, "Branch not protected")
        return found

    def protect(
        self,
        repository: Repository,
        branch: str,
        *,
        strict: bool = False,
        contexts: Sequence[str] | None = None,
        approvals: int | None = None,
        enforce_admins: bool = False,
    ) -> Protection:
        """Replaces what the branch asked before. `contexts` and `approvals`: see `records.Protection`."""
        listed = None if contexts is None else json.dumps(list(dict.fromkeys(contexts)))
        with self._store.write() as db:
            db.run(
                "INSERT OR REPLACE INTO protections VALUES (?, ?, ?, ?, ?, ?)",
                repository.id,
                branch,
                strict,
                listed,
                approvals,
                enforce_admins,
            )
        return self.need(repository, branch)

    def lift(self, repository: Repository, branch: str) -> None:
        """Raises `Refusal` (404)."""
        self.need(repository, branch)
        with self._store.write() as db:
            db.run("DELETE FROM protections WHERE repository_id = ? AND branch = ?", repository.id, branch)

    # What holds a merge up -----------------------------------------------------------------------------------------

    def guard(self, repository: Repository, pull: Pull, *, git: GitRepository, actor: User) -> None:
        """Raises `Refusal` (405) if `actor` may not merge this yet."""
        protection = self.of(repository, pull.base_ref)
        if not protection or (actor.id == repository.owner_id and not protection.enforce_admins):
            return
        unmet = self.unmet(repository, pull)
        if unmet:
            raise Refusal(405, unmet[0])
        if protection.strict and self.behind(pull, git=git):
            raise Refusal(405, "Head branch is not up to date with the base branch.")

    def unmet(self, repository: Repository, pull: Pull) -> list[str]:
        """What is missing, in GitHub's words; being up to date is not looked at."""
        protection = self.of(repository, pull.base_ref)
        if not protection:
            return []
        verdicts = self._checks.verdicts(repository, pull.head_sha)
        found: list[str] = []
        for context in contexts_of(protection):
            if verdicts.get(context) != "success":
                state = "failing" if verdicts.get(context) == "failure" else "expected"
                found.append(f'Required status check "{context}" is {state}.')
        wanted = protection.approvals or 0
        if wanted and self._approvals(repository, pull) < wanted:
            plural = "s are" if wanted > 1 else " is"
            found.append(f"At least {wanted} approving review{plural} required by reviewers with write access.")
        return found

    def behind(self, pull: Pull, *, git: GitRepository) -> bool:
        return not git.contains(pull.head_sha, pull.base_sha)

    def _approvals(self, repository: Repository, pull: Pull) -> int:
        """How many of those who may write approve; none, as long as one of them asks for changes."""
        with self._store.read() as db:
            reviews = db.all(
                Review,
                "SELECT * FROM reviews WHERE pull_id = ? AND state != 'COMMENTED' AND (author_id = ? OR author_id IN "
                "(SELECT user_id FROM collaborators WHERE repository_id = ?)) ORDER BY id",
                pull.id,
                repository.owner_id,
                repository.id,
            )
        last = {review.author_id: review.state for review in reviews}
        if "CHANGES_REQUESTED" in last.values():
            return 0
        return sum(state == "APPROVED" for state in last.values())


def contexts_of(protection: Protection) -> list[str]:
    """The names of the required checks."""
    return json.loads(protection.contexts or "[]")
