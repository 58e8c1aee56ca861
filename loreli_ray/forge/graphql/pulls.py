"""Pull requests and their reviews."""

from __future__ import annotations

from typing import Any

from loreli_ray.forge import diff
from loreli_ray.forge.diff import FileChange
from loreli_ray.forge.graphql import nodes
from loreli_ray.forge.graphql.commits import commit_node, rollup
from loreli_ray.forge.graphql.connections import Shape, connection
from loreli_ray.forge.graphql.fields import Context, Node, PullCommit, Ref, ReviewRequest, constants, resolver, unknown
from loreli_ray.forge.graphql.issues import carries
from loreli_ray.forge.graphql.repositories import find_ref, state_of
from loreli_ray.forge.records import Pull, Repository, Review, ReviewComment, User
from loreli_ray.forge.refusal import Refusal
from loreli_ray.forge.repository import Commit
from loreli_ray.forge.rest import pull_shapes

_SORTS = {"CREATED_AT": "created", "UPDATED_AT": "updated"}
_CHANGES = {"removed": "DELETED"}

constants("PullRequest", isCrossRepository=False)
constants("ReviewRequest", asCodeOwner=False)
constants("PullRequestReview", reactionGroups=None)


@resolver("pullRequest", "Repository")
def pull(context: Context, repository: Repository, *, number: int) -> Node[Pull]:
    context.refresh(repository)
    try:
        return Node(repository, context.forge.pulls.record(repository, number))
    except Refusal:
        raise unknown("a PullRequest", f"the number of {number}") from None


@resolver("pullRequests", "Repository")
def pulls(
    context: Context,
    repository: Repository,
    *,
    states: list[str] | None = None,
    labels: list[str] | None = None,
    head_ref_name: str | None = None,
    base_ref_name: str | None = None,
    order_by: dict[str, str] | None = None,
    **page: Any,
) -> Shape:
    field = (order_by or {}).get("field", "CREATED_AT")
    direction = (order_by or {}).get("direction", "ASC")
    found = context.forge.pulls.list(
        repository,
        state="all",
        head=head_ref_name or "",
        base=base_ref_name or "",
        sort=_SORTS.get(field, "created"),
        direction=direction.lower(),
    )
    if field == "COMMENTS":
        found.sort(key=lambda one: context.forge.issues.comment_count(one.id), reverse=direction == "DESC")
    kept = [
        Node(repository, one)
        for one in found
        if (not states or state_of(one) in states) and (not labels or carries(context, one, labels))
    ]
    return connection(context, "pullRequests", kept, **page)


# What it is --------------------------------------------------------------------------------------------------------


@resolver("state", "PullRequest")
def state(_context: Context, pull: Node[Pull]) -> str:
    return state_of(pull.record)


@resolver("merged", "PullRequest")
def merged(_context: Context, pull: Node[Pull]) -> bool:
    return pull.record.merged_at is not None


@resolver("mergedBy", "PullRequest")
def merged_by(context: Context, pull: Node[Pull]) -> User | None:
    return None if pull.record.merged_by is None else context.shapes.user_by_id(pull.record.merged_by)


@resolver("mergeCommit", "PullRequest")
def merge_commit(context: Context, pull: Node[Pull]) -> Node[Commit] | None:
    sha = pull.record.merge_commit_sha
    return commit_node(context, pull.repository, sha) if sha else None


@resolver("isDraft", "PullRequest")
def is_draft(_context: Context, pull: Node[Pull]) -> bool:
    return pull.record.draft


@resolver("headRefName", "PullRequest")
def head_name(_context: Context, pull: Node[Pull]) -> str:
    return pull.record.head_ref


@resolver("headRefOid", "PullRequest")
def head_oid(_context: Context, pull: Node[Pull]) -> str:
    return pull.record.head_sha


@resolver("headRef", "PullRequest")
def head(context: Context, pull: Node[Pull]) -> Node[Ref] | None:
    return find_ref(context, pull.repository, f"refs/heads/{pull.record.head_ref}")


@resolver("baseRefName", "PullRequest")
def base_name(_context: Context, pull: Node[Pull]) -> str:
    return pull.record.base_ref


@resolver("baseRefOid", "PullRequest")
def base_oid(_context: Context, pull: Node[Pull]) -> str:
    return pull.record.base_sha


@resolver("baseRef", "PullRequest")
def base(context: Context, pull: Node[Pull]) -> Node[Ref] | None:
    return find_ref(context, pull.repository, f"refs/heads/{pull.record.base_ref}")


@resolver("headRepository", "PullRequest")
@resolver("baseRepository", "PullRequest")
def its_repository(_context: Context, pull: Node[Pull]) -> Repository:
    return pull.repository


@resolver("headRepositoryOwner", "PullRequest")
def its_owner(context: Context, pull: Node[Pull]) -> User:
    return context.shapes.user_by_id(pull.repository.owner_id)


@resolver("mergeable", "PullRequest")
def mergeable(context: Context, pull: Node[Pull]) -> str:
    found = context.forge.pulls.mergeable(pull.repository, pull.record)
    return {True: "MERGEABLE", False: "CONFLICTING", None: "UNKNOWN"}[found]


@resolver("mergeStateStatus", "PullRequest")
def merge_state(context: Context, pull: Node[Pull]) -> str:
    found = context.forge.pulls.mergeable(pull.repository, pull.record)
    return pull_shapes.mergeable_state(context.shapes, pull.repository, pull.record, found).upper()


# What it holds -----------------------------------------------------------------------------------------------------


@resolver("additions", "PullRequest")
def additions(context: Context, pull: Node[Pull]) -> int:
    return sum(one.additions for one in _changes(context, pull))


@resolver("deletions", "PullRequest")
def deletions(context: Context, pull: Node[Pull]) -> int:
    return sum(one.deletions for one in _changes(context, pull))


@resolver("changedFiles", "PullRequest")
def changed_files(context: Context, pull: Node[Pull]) -> int:
    return len(_changes(context, pull))


@resolver("files", "PullRequest")
def files(context: Context, pull: Node[Pull], **page: Any) -> Shape:
    return connection(context, "files", [Node(pull.repository, one) for one in _changes(context, pull)], **page)


@resolver("changeType", "PullRequestChangedFile")
def change_type(_context: Context, file: Node[FileChange]) -> str:
    return _CHANGES.get(file.record.status, file.record.status.upper())


@resolver("commits", "PullRequest")
def commits(context: Context, pull: Node[Pull], **page: Any) -> Shape:
    found = context.forge.pulls.commits(pull.repository, pull.record)
    return connection(
        context, "commits", [Node(pull.repository, PullCommit(pull.record, one)) for one in found], **page
    )


@resolver("commit", "PullRequestCommit")
def commit(_context: Context, source: Node[PullCommit]) -> Node[Commit]:
    return Node(source.repository, source.record.commit)


@resolver("pullRequest", "PullRequestCommit")
def pull_of_commit(_context: Context, source: Node[PullCommit]) -> Node[Pull]:
    return Node(source.repository, source.record.pull)


@resolver("resourcePath", "PullRequestCommit")
def commit_path(_context: Context, source: Node[PullCommit]) -> str:
    pull, commit = source.record.pull, source.record.commit
    return f"/{source.repository.full_name}/pull/{pull.number}/commits/{commit.sha}"


@resolver("url", "PullRequestCommit")
def commit_url(context: Context, source: Node[PullCommit]) -> str:
    return context.shapes.web + commit_path(context, source)


@resolver("statusCheckRollup", "PullRequest")
def checks(context: Context, pull: Node[Pull]) -> Shape | None:
    return rollup(context, pull.repository, pull.record.head_sha)


def _changes(context: Context, pull: Node[Pull]) -> tuple[FileChange, ...]:
    fork = context.forge.pulls.fork_point(pull.repository, pull.record)
    return diff.changes(context.forge.git(pull.repository), base=fork, head=pull.record.head_sha)


# Reviews -----------------------------------------------------------------------------------------------------------


@resolver("reviews", "PullRequest")
def reviews(
    context: Context, pull: Node[Pull], *, author: str | None = None, states: list[str] | None = None, **page: Any
) -> Shape:
    found = [
        Node(pull.repository, review)
        for review in context.forge.reviews.list(pull.record)
        if (not states or review.state in states)
        and (not author or context.shapes.user_by_id(review.author_id).login.lower() == author.lower())
    ]
    return connection(context, "reviews", found, **page)


@resolver("reviewRequests", "PullRequest")
def review_requests(context: Context, pull: Node[Pull], **page: Any) -> Shape:
    asked = [ReviewRequest(pull.record, one) for one in context.forge.reviews.requested(pull.record)]
    return connection(context, "reviewRequests", [Node(pull.repository, one) for one in asked], **page)


@resolver("requestedReviewer", "ReviewRequest")
def requested_reviewer(_context: Context, request: Node[ReviewRequest]) -> User:
    return request.record.reviewer


@resolver("pullRequest", "ReviewRequest")
def pull_of_request(_context: Context, request: Node[ReviewRequest]) -> Node[Pull]:
    return Node(request.repository, request.record.pull)


@resolver("latestReviews", "PullRequest")
def latest_reviews(context: Context, pull: Node[Pull], **page: Any) -> Shape:
    """The last one of every reviewer."""
    last = {review.author_id: Node(pull.repository, review) for review in context.forge.reviews.list(pull.record)}
    return connection(context, "latestReviews", list(last.values()), **page)


@resolver("reviewDecision", "PullRequest")
def decision(context: Context, pull: Node[Pull]) -> str | None:
    """What the last verdicts come to; nothing is required here, so without one there is none."""
    verdicts = {
        review.author_id: review.state
        for review in context.forge.reviews.list(pull.record)
        if review.state in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")
    }
    for verdict in ("CHANGES_REQUESTED", "APPROVED"):
        if verdict in verdicts.values():
            return verdict
    return None


@resolver("createdAt", "PullRequestReview")
@resolver("updatedAt", "PullRequestReview")
def reviewed_at(_context: Context, review: Node[Review]) -> int:
    return review.record.submitted_at


@resolver("commit", "PullRequestReview", "PullRequestReviewComment")
def reviewed_commit(context: Context, source: Node[Any]) -> Node[Commit] | None:
    return commit_node(context, source.repository, source.record.commit_id)


@resolver("pullRequest", "PullRequestReview", "PullRequestReviewComment")
def reviewed_pull(context: Context, source: Node[Any]) -> Node[Pull]:
    return nodes.pull(context, source.record.pull_id)


@resolver("comments", "PullRequestReview")
def remarks(context: Context, review: Node[Review], **page: Any) -> Shape:
    found = context.forge.reviews.comments_of(review.record)
    return connection(context, "comments", [Node(review.repository, one) for one in found], **page)


@resolver("pullRequestReview", "PullRequestReviewComment")
def review_of_remark(context: Context, remark: Node[ReviewComment]) -> Node[Review]:
    return Node(remark.repository, context.forge.find(Review, remark.record.review_id))
