"""Moving refs at a client's wish: what may be moved where, and several at once or none.

Invariants: `refs/pull/…` is the forge's own; a branch points at a commit; nothing but a fast-forward without `force`;
every move is a compare-and-swap, on what the client expects or on what the check was made with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loreli_ray.errors import GitError
from loreli_ray.forge.refusal import Refusal, unprocessable
from loreli_ray.forge.repository import ABSENT, GitRepository

_HEADS = "refs/heads/"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefUpdate:
    """`name` is a full ref name. `before` is what it must point at: `ABSENT` for nothing, None for whatever it does.
    `after` is where it goes, `ABSENT` to delete it."""

    name: str
    after: str
    before: str | None = None
    force: bool = False


def update(git: GitRepository, updates: Sequence[RefUpdate], *, default_branch: str) -> None:
    """Moves all the refs, or none.

    Raises `Refusal`: 409 if one is not where it was expected, 422 for a name, an object or a move that is not allowed.
    """
    if len({one.name for one in updates}) < len(updates):
        raise unprocessable("A ref can be updated only once in one request.")
    moves = [_move(git, one, default_branch=default_branch) for one in updates]
    try:
        git.swap_all(moves)
    except GitError as error:
        _refuse_stale(git, moves)
        raise unprocessable(f"The refs can't be updated: {error.message}") from error


def _move(git: GitRepository, wanted: RefUpdate, *, default_branch: str) -> tuple[str, str, str]:
    """Name, new and old id. The old id is always known here, so that what was checked is what is swapped."""
    name = wanted.name
    if not name.startswith("refs/") or name.count("/") < 2 or name.startswith("refs/pull/") or not git.valid_ref(name):
        raise unprocessable(f"{name!r} is not a valid ref name.")
    current = git.ref(name) or ABSENT
    if wanted.before not in (None, current):
        raise _stale(name)
    if wanted.after == ABSENT:
        if name == _HEADS + default_branch:
            raise unprocessable("Cannot delete the default branch")
        if current == ABSENT:
            raise unprocessable(f"Reference does not exist: {name}")
        return name, ABSENT, current
    kind = git.kind(wanted.after)
    if not kind or (name.startswith(_HEADS) and kind != "commit"):
        raise unprocessable(f"Object does not exist: {wanted.after}")
    if current not in (ABSENT, wanted.after) and not wanted.force and not _forward(git, current, wanted.after):
        raise unprocessable(f"Update is not a fast forward: {name}")
    return name, wanted.after, current


def _forward(git: GitRepository, old: str, new: str) -> bool:
    return git.kind(old) == git.kind(new) == "commit" and git.contains(new, old)


def _refuse_stale(git: GitRepository, moves: Sequence[tuple[str, str, str]]) -> None:
    """Raises `Refusal` (409) for the first ref that has moved since it was looked at."""
    for name, _, old in moves:
        if (git.ref(name) or ABSENT) != old:
            raise _stale(name)


def _stale(name: str) -> Refusal:
    return Refusal(409, f"{name} does not point at the expected object. Fetch it and try again.")
