"""What others say about a commit: commit statuses and check runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loreli_ray.clock import Clock
from loreli_ray.forge.records import App, CheckRun, CommitStatus, Repository, User
from loreli_ray.forge.refusal import not_found
from loreli_ray.forge.store import Store

_VERDICTS = {"success": "success", "neutral": "success", "skipped": "success"}


class Checks:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def statuses(self, repository: Repository, sha: str) -> list[CommitStatus]:
        """Newest first."""
        with self._store.read() as db:
            return db.all(
                CommitStatus,
                "SELECT * FROM statuses WHERE repository_id = ? AND sha = ? ORDER BY id DESC",
                repository.id,
                sha,
            )

    def latest(self, repository: Repository, sha: str) -> list[CommitStatus]:
        """The last word of every context."""
        words: dict[str, CommitStatus] = {}
        for status in self.statuses(repository, sha):
            words.setdefault(status.context, status)
        return list(words.values())

    def add_status(
        self,
        repository: Repository,
        sha: str,
        *,
        creator: User,
        state: str,
        context: str,
        description: str | None,
        target_url: str | None,
    ) -> CommitStatus:
        with self._store.write() as db:
            db.insert(
                "statuses",
                repository_id=repository.id,
                sha=sha,
                state=state,
                context=context,
                description=description,
                target_url=target_url,
                creator_id=creator.id,
                created_at=int(self._clock.now()),
            )
        return self.statuses(repository, sha)[0]

    def verdicts(self, repository: Repository, sha: str) -> dict[str, str]:
        """Of every context and check run the last word: success, failure or pending."""
        found: dict[str, str] = {}
        for run in self.runs(repository, sha):
            found.setdefault(run.name, _VERDICTS.get(run.conclusion or "", "failure") if run.conclusion else "pending")
        for status in self.latest(repository, sha):
            verdict = "failure" if status.state == "error" else status.state
            if found.get(status.context, "success") == "success":
                found[status.context] = verdict
        return found

    def runs(self, repository: Repository, sha: str) -> list[CheckRun]:
        """Newest first."""
        with self._store.read() as db:
            return db.all(
                CheckRun,
                "SELECT * FROM check_runs WHERE repository_id = ? AND head_sha = ? ORDER BY id DESC",
                repository.id,
                sha,
            )

    def run(self, repository: Repository, run_id: int) -> CheckRun:
        """Raises `Refusal` (404)."""
        with self._store.read() as db:
            run = db.one(CheckRun, "SELECT * FROM check_runs WHERE repository_id = ? AND id = ?", repository.id, run_id)
        if not run:
            raise not_found()
        return run

    def suite(self, run: CheckRun) -> int:
        """The number that all of an app's runs for one commit share."""
        with self._store.read() as db:
            sql = "SELECT min(id) FROM check_runs WHERE repository_id = ? AND head_sha = ? AND app_id IS ?"
            return db.value(sql, run.repository_id, run.head_sha, run.app_id)

    def add_run(self, repository: Repository, *, head_sha: str, columns: Mapping[str, Any], app: App) -> CheckRun:
        """`columns` as `CheckRun` has them; a conclusion completes the run."""
        with self._store.write() as db:
            row = self._completed({"status": "queued", **columns})
            run_id = db.insert("check_runs", repository_id=repository.id, head_sha=head_sha, app_id=app.id, **row)
        return self.run(repository, run_id)

    def edit_run(self, repository: Repository, run_id: int, *, columns: Mapping[str, Any]) -> CheckRun:
        self.run(repository, run_id)
        with self._store.write() as db:
            db.update("check_runs", run_id, **self._completed(columns))
        return self.run(repository, run_id)

    def _completed(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        now = int(self._clock.now())
        found = dict(columns)
        if found.get("conclusion"):
            found["status"] = "completed"
            found.setdefault("completed_at", now)
        if found.get("status") in ("in_progress", "completed"):
            found.setdefault("started_at", now)
        return found


def combined_state(statuses: list[CommitStatus]) -> str:
    """GitHub's rule: failure if anything failed, pending if anything is or nothing was said, else success."""
    states = {status.state for status in statuses}
    if states & {"failure", "error"}:
        return "failure"
    return "success" if states == {"success"} else "pending"
