"""From a global id back to what it stands for. The ids are those of REST's `node_id`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from loreli_ray.forge.graphql.fields import Context, GitObject, Node, PullCommit, Ref, ReviewRequest, problem
from loreli_ray.forge.records import (
    CheckRun,
    Comment,
    CommitStatus,
    Discussion,
    DiscussionCategory,
    DiscussionComment,
    Issue,
    Label,
    Pull,
    Repository,
    Review,
    ReviewComment,
    User,
)
from loreli_ray.forge.refusal import Refusal, not_found
from loreli_ray.forge.repository import GitRepository

_INTEGER_MAX = 2**63 - 1  # SQLite's


def find(context: Context, global_id: str, *kinds: str) -> Any:
    """The source for an id; of one of `kinds`, if any are named. Raises `GraphQLError` (NOT_FOUND)."""
    try:
        kind, _, key = base64.b64decode(global_id, validate=True).decode().partition(":")
        if not kinds or kind in kinds:
            return _LOADERS[kind](context, key)
    except Refusal as refusal:
        if refusal.status != 404:
            raise
    except (binascii.Error, ValueError, KeyError):
        pass  # whichever it is, to the client it is one thing
    raise problem("NOT_FOUND", f"Could not resolve to a node with the global id of '{global_id[:200]}'")


def repository(context: Context, global_id: str) -> Repository:
    """Raises `GraphQLError` (NOT_FOUND)."""
    return find(context, global_id, "Repository")


def repository_of(context: Context, repository_id: int) -> Repository:
    """Raises `Refusal` (404), also where it may not be seen."""
    found = context.forge.repository_by_id(repository_id)
    if not found or not context.sees(found):
        raise not_found()
    context.need_alive(found)
    return found


def issue(context: Context, record: Issue) -> Node[Issue]:
    """An issue, or the pull request that it is."""
    home = repository_of(context, record.repository_id)
    if not record.is_pull:
        return Node(home, record)
    context.refresh(home)
    return Node(home, context.forge.pulls.record(home, record.number))


def pull(context: Context, issue_id: int) -> Node[Pull]:
    """Raises `Refusal` (404)."""
    found = issue(context, context.forge.find(Issue, issue_id))
    if not isinstance(found.record, Pull):
        raise not_found()
    return Node(found.repository, found.record)


def git_object(git: GitRepository, home: Repository, sha: str) -> Node[Any]:
    """The commit, tree, blob or tag. Raises `Refusal` (404)."""
    kind = git.kind(sha)
    if not kind:
        raise not_found()
    return Node(home, git.commit(sha) if kind == "commit" else GitObject(kind, sha))


# Loaders: what a kind goes by → the source. They raise Refusal (404) or ValueError. --------------------------------


def _issue(context: Context, key: str) -> Any:
    found = issue(context, context.forge.find(Issue, _number(key)))
    if isinstance(found.record, Pull):
        raise not_found()
    return found


def _owned(kind: type[Label] | type[CommitStatus] | type[CheckRun]) -> Callable[[Context, str], Any]:
    """Of records that know their repository themselves."""

    def load(context: Context, key: str) -> Any:
        record = context.forge.find(kind, _number(key))
        return Node(repository_of(context, record.repository_id), record)

    return load


def _comment(context: Context, key: str) -> Any:
    record = context.forge.find(Comment, _number(key))
    found = issue(context, context.forge.find(Issue, record.issue_id))
    return Node(found.repository, record)


def _review(context: Context, key: str) -> Any:
    record = context.forge.find(Review, _number(key))
    return Node(pull(context, record.pull_id).repository, record)


def _review_comment(context: Context, key: str) -> Any:
    record = context.forge.find(ReviewComment, _number(key))
    return Node(pull(context, record.pull_id).repository, record)


def _git(context: Context, key: str) -> Any:
    number, _, sha = key.partition(":")
    home = repository_of(context, _number(number))
    return git_object(context.forge.git(home), home, sha)


def _ref(context: Context, key: str) -> Any:
    number, _, name = key.partition(":")
    home = repository_of(context, _number(number))
    sha = context.forge.git(home).ref(name) if name.startswith("refs/") else None
    if not sha:
        raise not_found()
    return Node(home, Ref(name, sha))


def _pull_commit(context: Context, key: str) -> Any:
    number, _, sha = key.partition(":")
    found = pull(context, _number(number))
    commits = context.forge.pulls.commits(found.repository, found.record)
    for commit in commits:
        if commit.sha == sha:
            return Node(found.repository, PullCommit(found.record, commit))
    raise not_found()


def _review_request(context: Context, key: str) -> Any:
    number, _, reviewer = key.partition(":")
    found = pull(context, _number(number))
    for asked in context.forge.reviews.requested(found.record):
        if str(asked.id) == reviewer:
            return Node(found.repository, ReviewRequest(found.record, asked))
    raise not_found()


def _discussion(context: Context, key: str) -> Any:
    record = context.forge.find(Discussion, _number(key))
    return Node(_with_discussions(context, record.repository_id), record)


def _category(context: Context, key: str) -> Any:
    record = context.forge.find(DiscussionCategory, _number(key))
    return Node(_with_discussions(context, record.repository_id), record)


def _discussion_comment(context: Context, key: str) -> Any:
    record = context.forge.find(DiscussionComment, _number(key))
    discussion = context.forge.find(Discussion, record.discussion_id)
    return Node(_with_discussions(context, discussion.repository_id), record)


def _with_discussions(context: Context, repository_id: int) -> Repository:
    found = repository_of(context, repository_id)
    if not found.has_discussions:
        raise not_found()
    return found


def _number(key: str) -> int:
    if not (key.isascii() and key.isdigit() and len(key) < 20) or int(key) > _INTEGER_MAX:
        raise ValueError(key)
    return int(key)


_LOADERS: Mapping[str, Callable[[Context, str], Any]] = {
    "User": lambda context, key: context.forge.find(User, _number(key)),
    "Bot": lambda context, key: context.forge.find(User, _number(key)),
    "Repository": lambda context, key: repository_of(context, _number(key)),
    "Issue": _issue,
    "PullRequest": lambda context, key: pull(context, _number(key)),
    "Label": _owned(Label),
    "IssueComment": _comment,
    "PullRequestReview": _review,
    "PullRequestReviewComment": _review_comment,
    "PullRequestCommit": _pull_commit,
    "ReviewRequest": _review_request,
    "Commit": _git,
    "Tree": _git,
    "Blob": _git,
    "Tag": _git,
    "Ref": _ref,
    "StatusContext": _owned(CommitStatus),
    "CheckRun": _owned(CheckRun),
    "Discussion": _discussion,
    "DiscussionCategory": _category,
    "DiscussionComment": _discussion_comment,
}
