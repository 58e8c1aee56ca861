"""Webhooks: who wants to hear of what, what there is to tell them, and what became of it.

Invariants: a hook hears what happens after it was made, in order; it has a place in the notes (`told`) that only moves
forward, and is written down, so nothing is forgotten when the forge stops. Who falls too far behind loses the oldest,
never slows a request. A hook leads to this machine, or to a host that the forge was told to trust: whoever can make a
hook must not make the forge ask other machines.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from loreli_ray.clock import Clock
from loreli_ray.forge.records import Delivery, Hook, Note, Repository, User
from loreli_ray.forge.refusal import invalid, not_found
from loreli_ray.forge.repository import ABSENT, GitRepository
from loreli_ray.forge.store import Database, Store

EVENTS = (
    "check_run",
    "discussion",
    "discussion_comment",
    "issue_comment",
    "issues",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "push",
    "status",
)
BEHIND_MAX = 1000
DELIVERIES_KEPT = 100
HOOKS_MAX = 20
_PUSHED = ("refs/heads/", "refs/tags/")


class Hooks:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def list(self, repository: Repository) -> list[Hook]:
        with self._store.read() as db:
            return db.all(Hook, "SELECT * FROM hooks WHERE repository_id = ? ORDER BY id", repository.id)

    def active(self) -> list[Hook]:
        """Of all repositories."""
        with self._store.read() as db:
            return db.all(Hook, "SELECT * FROM hooks WHERE active ORDER BY id")

    def get(self, repository: Repository, hook_id: int) -> Hook:
        """Raises `Refusal` (404)."""
        with self._store.read() as db:
            return _hook(db, repository, hook_id)

    def create(self, repository: Repository, *, git: GitRepository, actor: User, columns: Mapping[str, Any]) -> Hook:
        """`columns` as `Hook` has them. Raises `Refusal` (422) for one that is there already, and for too many."""
        refs = _pushed_refs(git)
        with self._store.write() as db:
            twins = db.all(Hook, "SELECT * FROM hooks WHERE repository_id = ?", repository.id)
            if any(twin.url == columns["url"] and twin.events == columns["events"] for twin in twins):
                raise invalid("Hook", field="url", code="custom", message="Hook already exists on this repository")
            if len(twins) >= HOOKS_MAX:
                raise invalid("Hook", field="base", code="custom", message=f"There are {HOOKS_MAX} hooks already")
            now = int(self._clock.now())
            told = db.value("SELECT coalesce(max(id), 0) FROM notes")
            key = db.insert("hooks", repository_id=repository.id, created_at=now, updated_at=now, told=told, **columns)
            if not any(twin.active for twin in twins):  # nobody has followed the refs until now
                _remember(db, repository, refs)
            _tell(db, repository, kind="ping", subject=key, actor=actor)
            return _hook(db, repository, key)

    def edit(self, repository: Repository, hook_id: int, *, columns: Mapping[str, Any]) -> Hook:
        with self._store.write() as db:
            hook = _hook(db, repository, hook_id)
            if columns.get("active") and not hook.active:
                db.update("hooks", hook_id, told=db.value("SELECT coalesce(max(id), 0) FROM notes"))
            db.update("hooks", hook_id, updated_at=int(self._clock.now()), **columns)
            return _hook(db, repository, hook_id)

    def delete(self, repository: Repository, hook_id: int) -> None:
        with self._store.write() as db:
            _hook(db, repository, hook_id)
            db.run("DELETE FROM deliveries WHERE hook_id = ?", hook_id)
            db.run("DELETE FROM hooks WHERE id = ?", hook_id)

    def ping(self, repository: Repository, hook_id: int, *, actor: User) -> None:
        """Asks for a ping to this hook alone."""
        with self._store.write() as db:
            _tell(db, repository, kind="ping", subject=_hook(db, repository, hook_id).id, actor=actor)

    def test(self, repository: Repository, hook_id: int, *, git: GitRepository, actor: User) -> None:
        """Tells this hook alone of the last push to the default branch, as if it were one just now."""
        ref = f"refs/heads/{repository.default_branch}"
        sha = git.ref(ref)
        parents = git.commit(sha).parents if sha else ()
        with self._store.write() as db:
            hook = _hook(db, repository, hook_id)
            if sha:
                before = parents[0] if parents else ABSENT
                _tell(db, repository, kind="push", subject=hook.id, actor=actor, ref=ref, before=before, after=sha)

    # Pushes --------------------------------------------------------------------------------------------------------

    def follow(self, repository: Repository, git: GitRepository, *, actor: User | None) -> None:
        """Notes what became of branches and tags since the last look, once, whoever looks."""
        with self._store.read() as db:
            if not db.value("SELECT 1 FROM hooks WHERE repository_id = ? AND active", repository.id):
                return
        refs = _pushed_refs(git)
        with self._store.read() as db:
            if _remembered(db, repository) == refs:
                return
        with self._store.write() as db:
            before = _remembered(db, repository)
            for name in sorted(before.keys() | refs.keys()):
                old, new = before.get(name, ABSENT), refs.get(name, ABSENT)
                if old != new:
                    _tell(db, repository, kind="push", subject=0, actor=actor, ref=name, before=old, after=new)
            _remember(db, repository, refs)

    # Telling -------------------------------------------------------------------------------------------------------

    def next(self, hook: Hook) -> Note | None:
        """What this hook is to hear next; who is too far behind begins with what can still be told."""
        with self._store.read() as db:
            return db.one(
                Note,
                "SELECT * FROM notes WHERE repository_id = ? AND id > ? "
                "AND (kind NOT IN ('ping', 'push') OR subject_id IN (0, ?)) ORDER BY id",
                hook.repository_id,
                hook.told,
                hook.id,
            )

    def told(self, hook: Hook, note: Note) -> Hook | None:
        """Moves the hook's place past `note`; the hook as it is now, None if it is gone or switched off."""
        with self._store.write() as db:
            db.run("UPDATE hooks SET told = max(told, ?) WHERE id = ?", note.id, hook.id)
            return db.one(Hook, "SELECT * FROM hooks WHERE id = ? AND active", hook.id)

    def trim(self) -> int:
        """Forgets the notes that every hook has heard, and all but the last `BEHIND_MAX` of each repository; how many
        nobody has heard."""
        with self._store.write() as db:
            db.run(
                "DELETE FROM notes WHERE NOT EXISTS (SELECT 1 FROM hooks h WHERE h.active "
                "AND h.repository_id = notes.repository_id AND h.told < notes.id)"
            )
            return db.run(
                "DELETE FROM notes WHERE (SELECT count(*) FROM notes n WHERE n.repository_id = notes.repository_id "
                "AND n.id > notes.id) >= ?",
                BEHIND_MAX,
            )

    # Deliveries ----------------------------------------------------------------------------------------------------

    def deliveries(self, hook: Hook) -> Sequence[Delivery]:
        """Newest first."""
        with self._store.read() as db:
            return db.all(Delivery, "SELECT * FROM deliveries WHERE hook_id = ? ORDER BY id DESC", hook.id)

    def delivery(self, hook: Hook, delivery_id: int) -> Delivery:
        """Raises `Refusal` (404)."""
        with self._store.read() as db:
            sql = "SELECT * FROM deliveries WHERE hook_id = ? AND id = ?"
            delivery = db.one(Delivery, sql, hook.id, delivery_id)
        if not delivery:
            raise not_found()
        return delivery

    def record(self, hook: Hook, **columns: object) -> None:
        """Writes down what became of a delivery, and forgets the oldest."""
        with self._store.write() as db:
            if db.value("SELECT 1 FROM hooks WHERE id = ?", hook.id):
                db.insert("deliveries", hook_id=hook.id, delivered_at=int(self._clock.now()), **columns)
                db.run(
                    "DELETE FROM deliveries WHERE hook_id = ? AND id NOT IN "
                    "(SELECT id FROM deliveries WHERE hook_id = ? ORDER BY id DESC LIMIT ?)",
                    hook.id,
                    hook.id,
                    DELIVERIES_KEPT,
                )

    def redeliver(self, repository: Repository, hook: Hook, delivery: Delivery, *, actor: User) -> None:
        """Asks for a delivery to be sent once more, as it was."""
        with self._store.write() as db:
            _tell(db, repository, kind="ping", subject=hook.id, actor=actor, delivery=delivery.id)


def may_lead_to(url: str, *, trusted: Collection[str]) -> bool:
    """Whether a hook may have this address: http(s), to this machine or a trusted host, without a password in it."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        return False
    if host == "localhost" or host.endswith(".localhost") or host in trusted:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _hook(db: Database, repository: Repository, hook_id: int) -> Hook:
    hook = db.one(Hook, "SELECT * FROM hooks WHERE id = ? AND repository_id = ?", hook_id, repository.id)
    if not hook:
        raise not_found()
    return hook


def _tell(
    db: Database, repository: Repository, *, kind: str, subject: int, actor: User | None, **details: object
) -> None:
    db.insert(
        "notes",
        repository_id=repository.id,
        kind=kind,
        action="",
        subject_id=subject,
        actor_id=actor.id if actor else None,
        details=json.dumps(details),
    )


def _pushed_refs(git: GitRepository) -> dict[str, str]:
    return {name: sha for name, sha in git.refs().items() if name.startswith(_PUSHED)}


def _remembered(db: Database, repository: Repository) -> dict[str, str]:
    sql = "SELECT refs FROM hook_refs WHERE repository_id = ?"
    return json.loads(db.value(sql, repository.id) or "{}")


def _remember(db: Database, repository: Repository, refs: Mapping[str, str]) -> None:
    db.run("INSERT OR REPLACE INTO hook_refs VALUES (?, ?)", repository.id, json.dumps(refs))
