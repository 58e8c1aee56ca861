"""Refs, commits and comparisons: https://docs.github.com/rest/git and /rest/commits."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field

from loreli_ray.errors import GitError
from loreli_ray.forge import diff
from loreli_ray.forge.refusal import Refusal, not_found, unprocessable
from loreli_ray.forge.repository import ABSENT, GitRepository, Signature, signature
from loreli_ray.forge.rest import git_answers, pull_shapes
from loreli_ray.forge.rest.call import Body, Call, Line, Query, Sha, Text, route
from loreli_ray.forge.rest.pulls import DIFF
from loreli_ray.forge.rest.reply import Reply
from loreli_ray.forge.rest.shapes import Shape


class CommitQuery(Query):
    sha: str = ""


class NewRef(Body):
    ref: Line
    sha: Sha


class RefChange(Body):
    sha: Sha
    force: bool = False


class Person(Body):
    name: Line
    email: Line
    date: Annotated[AwareDatetime, Field(strict=False)] | None = None


class NewCommit(Body):
    message: Text
    tree: Sha
    parents: Annotated[list[Sha], Field(max_length=64)] = Field(default=[])
    author: Person | None = None
    committer: Person | None = None


# Refs --------------------------------------------------------------------------------------------------------------


def get_ref(call: Call) -> Reply:
    name = "refs/" + call.path("ref")
    sha = _git(call).ref(name)
    if not sha:
        raise not_found()
    return Reply(_ref(call, name, sha))


def matching_refs(call: Call) -> Reply:
    refs = _git(call).refs("refs/" + call.path("ref"))
    return call.page(list(refs.items()), lambda ref: _ref(call, *ref))


def create_ref(call: Call, body: NewRef) -> Reply:
    git = _git(call, write=True)
    if not body.ref.startswith("refs/") or body.ref.count("/") < 2:
        raise unprocessable("Reference name must start with 'refs/' and have at least two slashes.")
    _need_name(git, body.ref)
    _need_object(git, body.ref, body.sha)
    try:
        made = git.swap(body.ref, new=body.sha, old=ABSENT)
    except GitError as error:
        raise unprocessable(f"Reference cannot be created: {error.message}") from error
    if not made:
        raise unprocessable("Reference already exists")
    call.forge.pushed(call.repository, actor=call.user)
    return Reply(_ref(call, body.ref, body.sha), 201)


def change_ref(call: Call, body: RefChange) -> Reply:
    git = _git(call, write=True)
    name = "refs/" + call.path("ref")
    old = _need_ref(git, name)
    _need_object(git, name, body.sha)
    if body.force:
        git.force(name, body.sha)
    elif not _forward(git, old, body.sha) or not git.swap(name, new=body.sha, old=old):
        raise unprocessable("Update is not a fast forward")
    call.forge.pushed(call.repository, actor=call.user)
    return Reply(_ref(call, name, body.sha))


def delete_ref(call: Call) -> Reply:
    git, name = _git(call, write=True), "refs/" + call.path("ref")
    old = _need_ref(git, name)
    if name == f"refs/heads/{call.repository.default_branch}":
        raise unprocessable("Cannot delete the default branch")
    if not git.swap(name, new=ABSENT, old=old):
        raise Refusal(409, "Reference was updated. Review and try again.")
    call.forge.pushed(call.repository, actor=call.user)
    return Reply(status=204)


def _forward(git: GitRepository, old: str, new: str) -> bool:
    return git.kind(old) == git.kind(new) == "commit" and git.contains(new, old)


def _need_name(git: GitRepository, name: str) -> None:
    if not git.valid_ref(name) or name.startswith("refs/pull/"):
        raise unprocessable(f"{name} is not a valid ref name.")


def _need_ref(git: GitRepository, name: str) -> str:
    _need_name(git, name)
    sha = git.ref(name)
    if not sha:
        raise unprocessable("Reference does not exist")
    return sha


def _need_object(git: GitRepository, name: str, sha: str) -> None:
    kind = git.kind(sha)
    if not kind or (name.startswith("refs/heads/") and kind != "commit"):
        raise unprocessable("Object does not exist")


# Commits -----------------------------------------------------------------------------------------------------------


def create_commit(call: Call, body: NewCommit) -> Reply:
    git = _git(call, write=True)
    if git.kind(body.tree) != "tree":
        raise unprocessable("Tree SHA does not exist")
    if any(git.kind(parent) != "commit" for parent in body.parents):
        raise unprocessable("Parent SHA does not exist or is not a commit object")
    author = signature_of(call, body.author)
    committer = signature_of(call, body.committer) if body.committer else author
    try:
        sha = git.commit_tree(
            tree=body.tree, parents=body.parents, message=body.message, author=author, committer=committer
        )
    except GitError as error:
        raise unprocessable(f"Commit cannot be made: {error.message}") from error
    return Reply(pull_shapes.git_commit(call.shapes, call.repository, git.commit(sha)), 201)


def get_git_commit(call: Call) -> Reply:
    git = _git(call)
    if git.kind(call.path("sha")) != "commit":
        raise not_found()
    return Reply(pull_shapes.git_commit(call.shapes, call.repository, git.commit(call.path("sha"))))


def list_commits(call: Call, query: CommitQuery) -> Reply:
    git = _git(call)
    heads = git.heads()
    if not heads:
        raise Refusal(409, "Git Repository is empty.")
    tip = git.resolve(query.sha or call.repository.default_branch)
    if not tip:
        raise not_found()
    return call.page(git.log(tip), lambda commit: pull_shapes.commit(call.shapes, call.repository, commit))


def get_commit(call: Call) -> Reply:
    git = _git(call)
    return Reply(pull_shapes.full_commit(call.shapes, call.repository, git.commit(commit_of(call, "ref"))))


def commit_of(call: Call, name: str) -> str:
    """The commit that a branch, tag or commit id in the path means. Raises `Refusal` (422) as GitHub does."""
    revision = call.path(name)
    sha = _git(call).resolve(revision)
    if not sha:
        raise unprocessable(f"No commit found for SHA: {revision}")
    return sha


# Comparisons -------------------------------------------------------------------------------------------------------


def compare(call: Call) -> Reply:
    git = _git(call)
    names = call.path("basehead").split("...")
    base, head = (git.resolve(name.rpartition(":")[2]) for name in names) if len(names) == 2 else (None, None)
    fork = git.merge_base(base, head) if base and head else None
    if not base or not head or not fork:
        raise not_found()
    ahead = git.log(f"{base}..{head}")[::-1]
    behind = git.count(f"{head}..{base}")
    if call.wants("diff"):
        text = diff.text(git, base=fork, head=head)
        return Reply(content=text.encode(), media_type=f"{DIFF}; charset=utf-8")
    page = call.page(ahead, lambda commit: pull_shapes.commit(call.shapes, call.repository, commit))
    web = f"{call.shapes.repository_web(call.repository)}/compare/{call.path('basehead')}"
    shape: Shape = {
        "url": f"{call.shapes.repository_api(call.repository)}/compare/{call.path('basehead')}",
        "html_url": web,
        "permalink_url": f"{call.shapes.repository_web(call.repository)}/compare/{base}...{head}",
        "diff_url": f"{web}.diff",
        "patch_url": f"{web}.patch",
        "base_commit": pull_shapes.commit(call.shapes, call.repository, git.commit(base)),
        "merge_base_commit": pull_shapes.commit(call.shapes, call.repository, git.commit(fork)),
        "status": _standing(len(ahead), behind),
        "ahead_by": len(ahead),
        "behind_by": behind,
        "total_commits": len(ahead),
        "commits": page.data,
        "files": pull_shapes.files(call.shapes, call.repository, diff.changes(git, base=fork, head=head), head),
    }
    return Reply(shape, headers=page.headers)


def _standing(ahead: int, behind: int) -> str:
    if ahead and behind:
        return "diverged"
    return "ahead" if ahead else "behind" if behind else "identical"


# Parts -------------------------------------------------------------------------------------------------------------


def _git(call: Call, *, write: bool = False) -> GitRepository:
    return call.forge.git(call.need_write() if write else call.repository)


def _ref(call: Call, name: str, sha: str) -> Shape:
    kind = _git(call).kind(sha) or "commit"
    return pull_shapes.ref(call.shapes, call.repository, name, sha, kind)


def signature_of(call: Call, person: Person | None) -> Signature:
    """Whom a commit is by: the one who asks, unless somebody else is named."""
    now = signature(call.user, call.forge.clock.now())
    if not person:
        return now
    return Signature(person.name, person.email, _timestamp(person.date) if person.date else now.date)


def _timestamp(date: datetime) -> int:
    """git holds no time before 1970."""
    seconds = int(date.timestamp())
    if seconds < 0:
        raise unprocessable("date must not lie before 1970")
    return seconds


ROUTES = [
    route("GET", "/repos/{owner}/{repo}/git/ref/{ref:path}", get_ref, answer=git_answers.Ref),
    route("GET", "/repos/{owner}/{repo}/git/matching-refs/{ref:path}", matching_refs, answer=list[git_answers.Ref]),
    route("POST", "/repos/{owner}/{repo}/git/refs", create_ref, answer=git_answers.Ref, status=201),
    route("PATCH", "/repos/{owner}/{repo}/git/refs/{ref:path}", change_ref, answer=git_answers.Ref),
    route("DELETE", "/repos/{owner}/{repo}/git/refs/{ref:path}", delete_ref, refuses=(409,)),
    route("POST", "/repos/{owner}/{repo}/git/commits", create_commit, answer=git_answers.GitCommit, status=201),
    route("GET", "/repos/{owner}/{repo}/git/commits/{sha}", get_git_commit, answer=git_answers.GitCommit),
    route("GET", "/repos/{owner}/{repo}/compare/{basehead:path}", compare, answer=git_answers.Comparison, media=DIFF),
    route("GET", "/repos/{owner}/{repo}/commits", list_commits, answer=list[git_answers.Commit], refuses=(409,)),
    route("GET", "/repos/{owner}/{repo}/commits/{ref:path}", get_commit, answer=git_answers.FullCommit),
]
