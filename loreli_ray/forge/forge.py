"""The embedded git host without HTTP: users, repositories, who may do what, and what hangs beneath a repository.

Invariants: one folder holds everything (`forge.db` and `repositories/<owner>/<name>.git`), several processes may use it
at once; there is no record without its repository.
"""

from __future__ import annotations

import re
import secrets
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from loreli_ray.clock import Clock, SystemClock
from loreli_ray.errors import ForgeError
from loreli_ray.forge.apps import Apps
from loreli_ray.forge.checks import Checks
from loreli_ray.forge.discussions import Discussions, furnish
from loreli_ray.forge.events import Events
from loreli_ray.forge.hooks import Hooks
from loreli_ray.forge.issues import Issues
from loreli_ray.forge.labels import DEFAULT_LABELS
from loreli_ray.forge.protections import Protections
from loreli_ray.forge.pulls import Pulls
from loreli_ray.forge.reactions import Reactions
from loreli_ray.forge.records import (
    App,
    CheckRun,
    Comment,
    CommitStatus,
    Discussion,
    DiscussionCategory,
    DiscussionComment,
    Event,
    Issue,
    Label,
    Repository,
    Review,
    ReviewComment,
    User,
)
from loreli_ray.forge.refusal import invalid, not_found
from loreli_ray.forge.repository import GitRepository, place
from loreli_ray.forge.reviews import Reviews
from loreli_ray.forge.search import Search
from loreli_ray.forge.store import Database, Store

Role = Literal["admin", "write", "read", "none"]

_LOGIN = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}")
_NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}(?<!\.git)")
_SELECT = "SELECT r.*, u.login AS owner FROM repositories r JOIN users u ON u.id = r.owner_id"
_TABLES: Mapping[type[Any], str] = {
    User: "users",
    Label: "labels",
    Issue: "issues",
    Event: "events",
    Comment: "comments",
    Review: "reviews",
    ReviewComment: "review_comments",
    CommitStatus: "statuses",
    CheckRun: "check_runs",
    Discussion: "discussions",
    DiscussionCategory: "discussion_categories",
    DiscussionComment: "discussion_comments",
}

Record = TypeVar("Record")


class Forge:
    """The core. Make it with `open`; every method may be called from any thread."""

    def __init__(self, store: Store, root: Path, clock: Clock) -> None:
        self.clock = clock
        self.issues = Issues(store, clock)
        self.events = Events(store)
        self.hooks = Hooks(store, clock)
        self.apps = Apps(store, clock)
        self.checks = Checks(store, clock)
        self.discussions = Discussions(store, clock)
        self.protections = Protections(store, self.checks)
        self.pulls = Pulls(store, clock, root, self.protections)
        self.reactions = Reactions(store, clock)
        self.reviews = Reviews(store, clock, root, self.pulls)
        self.search = Search(store)
        self._store = store
        self.root = root

    @classmethod
    def open(cls, data: Path, *, clock: Clock | None = None) -> Forge:
        """Makes or opens the folder `data`. Raises `ForgeError` if it can't be made, read, or is of a newer version."""
        root = data.resolve() / "repositories"
        try:
            data.mkdir(parents=True, exist_ok=True, mode=0o700)
            root.mkdir(exist_ok=True)
        except OSError as error:
            raise ForgeError(f"can't be made: {error.strerror}", subject=str(data)) from error
        return cls(Store.open(data.resolve() / "forge.db"), root, clock or SystemClock())

    def close(self) -> None:
        self._store.close()

    def find(self, kind: type[Record], key: int) -> Record:
        """The record with the id `key`, whoever may see it. Raises `Refusal` (404)."""
        with self._store.read() as db:
            record = db.one(kind, f"SELECT * FROM {_TABLES[kind]} WHERE id = ?", key)
        if record is None:
            raise not_found()
        return record

    # Users ---------------------------------------------------------------------------------------------------------

    def add_user(self, login: str) -> str:
        """Makes the user if there is none, and returns the token. Raises `ForgeError` for what is no login."""
        with self._store.write() as db:
            return self._user(db, login).token

    def token(self, login: str) -> str:
        """Raises `ForgeError` if there is no such user; an app has no token to keep."""
        user = self.user(login)
        if not user or user.is_bot:
            raise ForgeError("there is no such user", subject=login)
        return user.token

    def user(self, login: str) -> User | None:
        with self._store.read() as db:
            return db.one(User, "SELECT * FROM users WHERE login = ?", login)

    def user_by_id(self, user_id: int) -> User:
        with self._store.read() as db:
            user = db.one(User, "SELECT * FROM users WHERE id = ?", user_id)
        if not user:
            raise ForgeError("there is no such user", subject=str(user_id))
        return user

    def authenticate(self, token: str) -> User | None:
        """Whose token this is; an app's installation acts as its bot."""
        with self._store.read() as db:
            user = db.one(User, "SELECT * FROM users WHERE token = ? AND kind = 'User'", token)
        return user or self.apps.bot(token)

    def add_app(self, slug: str, *, public_key: str, account: str) -> App:
        """Registers an app with its RSA key (PEM), installed on all repositories of the user `account` (made if new).

        It acts as `slug[bot]`. Raises `ForgeError` for a bad slug or key, and a slug that is taken.
        """
        self.add_user(account)
        owner = self.user(account)
        assert owner
        return self.apps.add(slug, public_key=public_key, account=owner)

    # Repositories --------------------------------------------------------------------------------------------------

    def add_repository(self, full_name: str, *, source: Path | None = None, private: bool = False) -> None:
        """Makes `owner/name` with the heads and tags of the local repository `source`, or empty; and its owner if new.

        Raises `ForgeError` for a bad name, one that is taken, and a source that is no repository or has no commit.
        """
        owner, name = _split(full_name)
        with tempfile.TemporaryDirectory(dir=self.root, prefix=".new-") as workshop:
            made = Path(workshop) / f"{name}.git"
            _, branch = GitRepository.create(made, source=source)
            now = int(self.clock.now())
            with self._store.write() as db:
                if self._find(db, full_name):
                    raise ForgeError("there is such a repository already", subject=full_name)
                user = self._user(db, owner)
                repository_id = db.insert(
                    "repositories",
                    owner_id=user.id,
                    name=name,
                    private=private,
                    default_branch=branch,
                    created_at=now,
                    pushed_at=now,
                )
                for label, color, description in DEFAULT_LABELS:
                    db.insert(
                        "labels",
                        repository_id=repository_id,
                        name=label,
                        color=color,
                        description=description,
                        is_default=True,
                    )
                furnish(db, repository_id, now=now)
                folder = self.root / user.login
                folder.mkdir(exist_ok=True)
                place(made, folder / f"{name}.git")

    def repositories(self) -> list[str]:
        """Full names, sorted."""
        return sorted(repository.full_name for repository in self.all_repositories())

    def all_repositories(self) -> list[Repository]:
        with self._store.read() as db:
            return db.all(Repository, f"{_SELECT} ORDER BY r.id")

    def repository_path(self, full_name: str) -> Path:
        """The bare repository. Raises `ForgeError` if there is none."""
        return self._need(full_name).path(self.root)

    def repository(self, full_name: str) -> Repository | None:
        with self._store.read() as db:
            return self._find(db, full_name)

    def repository_by_id(self, repository_id: int) -> Repository | None:
        with self._store.read() as db:
            return db.one(Repository, f"{_SELECT} WHERE r.id = ?", repository_id)

    def git(self, repository: Repository) -> GitRepository:
        return GitRepository(repository.path(self.root))

    def repositories_of(self, user_id: int) -> list[Repository]:
        """By name."""
        with self._store.read() as db:
            return db.all(Repository, f"{_SELECT} WHERE r.owner_id = ? ORDER BY r.name", user_id)

    def edit_repository(self, repository: Repository, changes: Mapping[str, Any]) -> Repository:
        """`changes` may hold what `Repository` calls private, default_branch, description, allow_…, has_… and archived.

        Raises `Refusal` (422) for a branch that is not there, and where no way to merge would be left.
        """
        branch = changes.get("default_branch", repository.default_branch)
        if branch != repository.default_branch:
            if branch not in self.git(repository).heads():
                raise invalid("Repository", field="default_branch", message=f"The branch {branch} was not found.")
            self.git(repository).set_head(branch)
        ways = ("allow_merge_commit", "allow_squash_merge", "allow_rebase_merge")
        if not any(changes.get(way, getattr(repository, way)) for way in ways):
            raise invalid("Repository", field="merge_commit_allowed", message="One way to merge must be allowed.")
        with self._store.write() as db:
            db.update("repositories", repository.id, **changes)
        return self._need(repository.full_name)

    def members(self, repository: Repository) -> list[User]:
        """The owner and the collaborators."""
        with self._store.read() as db:
            return db.all(
                User,
                "SELECT * FROM users WHERE id = ? OR id IN (SELECT user_id FROM collaborators WHERE repository_id = ?) "
                "ORDER BY id",
                repository.owner_id,
                repository.id,
            )

    def open_issues(self, repository: Repository) -> int:
        """How many issues and pull requests are open."""
        with self._store.read() as db:
            return db.value("SELECT count(*) FROM issues WHERE repository_id = ? AND state = 'open'", repository.id)

    def pushed(self, repository: Repository, *, actor: User | None = None) -> None:
        """To be called after a push: the first one into an empty repository names its default branch."""
        git = self.git(repository)
        heads = git.heads()
        branch = repository.default_branch
        if heads and branch not in heads:
            branch = "main" if "main" in heads else next(iter(heads))
            git.set_head(branch)
        with self._store.write() as db:
            db.update("repositories", repository.id, default_branch=branch, pushed_at=int(self.clock.now()))
        self.hooks.follow(repository, git, actor=actor)
        self.pulls.refresh(repository, actor=actor)
        self.pulls.branches_gone(repository, actor=actor)

    # Who may do what -----------------------------------------------------------------------------------------------

    def add_collaborator(self, full_name: str, login: str) -> None:
        """Gives `login` (made if new) write access. Raises `ForgeError` if there is no such repository."""
        repository = self._need(full_name)
        with self._store.write() as db:
            user = self._user(db, login)
            db.run("INSERT OR IGNORE INTO collaborators VALUES (?, ?)", repository.id, user.id)

    def role(self, user: User | None, repository: Repository) -> Role:
        """admin: the owner; write: collaborators, and apps installed there; read: everybody, of what is public."""
        if user and user.is_bot and self.apps.may_write(user, repository):
            return "write"
        if user and user.id == repository.owner_id:
            return "admin"
        if user and self._is_collaborator(repository, user):
            return "write"
        return "none" if repository.private else "read"

    def create_issue(
        self, full_name: str, *, author: str, title: str, body: str = "", labels: Iterable[str] = ()
    ) -> int:
        """Opens an issue in the name of the user `author` and returns its number."""
        user = self.user(author)
        if not user:
            raise ForgeError("there is no such user", subject=author)
        return self.issues.create(self._need(full_name), author=user, title=title, body=body, labels=labels).number

    def _is_collaborator(self, repository: Repository, user: User) -> bool:
        with self._store.read() as db:
            sql = "SELECT 1 FROM collaborators WHERE repository_id = ? AND user_id = ?"
            return db.value(sql, repository.id, user.id) is not None

    def _need(self, full_name: str) -> Repository:
        repository = self.repository(full_name)
        if not repository:
            raise ForgeError("there is no such repository", subject=full_name)
        return repository

    def _find(self, db: Database, full_name: str) -> Repository | None:
        owner, _, name = full_name.partition("/")
        return db.one(Repository, f"{_SELECT} WHERE u.login = ? AND r.name = ?", owner, name)

    def _user(self, db: Database, login: str) -> User:
        user = db.one(User, "SELECT * FROM users WHERE login = ?", login)
        if user:
            return user
        if not _LOGIN.fullmatch(login):
            raise ForgeError("is no login: letters, digits and single hyphens, at most 39", subject=login)
        db.insert("users", login=login, token=f"forge_{secrets.token_hex(20)}", created_at=int(self.clock.now()))
        return self._user(db, login)


def _split(full_name: str) -> tuple[str, str]:
    owner, _, name = full_name.partition("/")
    if not _LOGIN.fullmatch(owner) or not _NAME.fullmatch(name):
        raise ForgeError("is no owner/name", subject=full_name)
    return owner, name
