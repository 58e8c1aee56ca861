"""Changing one file by one commit, without a working copy: https://docs.github.com/rest/repos/contents."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from loreli_ray.errors import GitError
from loreli_ray.forge.refusal import Refusal, unprocessable
from loreli_ray.forge.repository import ABSENT, EMPTY_TREE, GitRepository, Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What becomes of the file at `path`: `content`, or None to delete it. `sha` is the blob that it replaces."""

    branch: str
    path: str
    content: bytes | None
    sha: str | None
    message: str
    author: Signature
    committer: Signature


def apply(git: GitRepository, edit: Edit) -> str:
    """Commits it on its branch and returns the commit. An empty repository gets its first.

    Raises `Refusal`: 404 for a branch or file that is not there, 409 where `sha` is not what lies there or the branch
    moved meanwhile, 422 for a path or text that git does not take.
    """
    ref = f"refs/heads/{edit.branch}"
    tip = git.ref(ref)
    if not tip and git.heads():
        raise Refusal(404, f"Branch {edit.branch} not found")
    _compare(git, edit, tip)
    try:
        sha = git.commit_tree(
            tree=_tree(git, edit, git.commit(tip).tree if tip else EMPTY_TREE),
            parents=[tip] if tip else [],
            message=edit.message,
            author=edit.author,
            committer=edit.committer,
        )
        moved = not git.valid_ref(ref) or not git.swap(ref, new=sha, old=tip or ABSENT)
    except GitError as error:
        raise unprocessable(f"The commit can't be made: {error.message}") from error
    if moved:
        raise Refusal(409, f"is at {git.ref(ref)} but expected {tip}")
    return sha


def _compare(git: GitRepository, edit: Edit, tip: str | None) -> None:
    there = git.entry(tip, edit.path) if tip else None
    if there and there.kind != "blob":
        raise unprocessable("The path is a folder.")
    if not there and edit.content is None:
        raise Refusal(404, "Not Found")
    if there and edit.sha is None:
        raise unprocessable('Invalid request.\n\n"sha" wasn\'t supplied.')
    if edit.sha is not None and edit.sha != (there.sha if there else None):
        raise Refusal(409, f"{edit.path} does not match {edit.sha}")


def _tree(git: GitRepository, edit: Edit, tree: str) -> str:
    """The tree with the file changed, made in an index of its own."""
    with tempfile.TemporaryDirectory(dir=git.path, prefix="index-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        git.git("read-tree", tree, extra_env=index)
        # Mode 0 removes: git-update-index(1).
        entry = f"0 {ABSENT}" if edit.content is None else f"100644 {git.write_blob(edit.content)}"
        git.git("update-index", "-z", "--index-info", stdin=f"{entry}\t{edit.path}\0", extra_env=index)
        return git.git("write-tree", extra_env=index)
