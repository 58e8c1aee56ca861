"""Issues, their comments, and what pull requests have in common with them."""

from __future__ import annotations

from typing import Any

from loreli_ray.forge.graphql import nodes
from loreli_ray.forge.graphql.connections import Shape, connection
from loreli_ray.forge.graphql.fields import Context, Node, constants, record_of, resolver, unknown
from loreli_ray.forge.issues import Filter
from loreli_ray.forge.reactions import Subject
from loreli_ray.forge.records import Comment, Discussion, DiscussionComment, Issue, Pull, Repository, Review, User
from loreli_ray.forge.refusal import Refusal
from loreli_ray.forge.rest import pull_shapes

NUMBERED = ("Issue", "PullRequest")
SAID = (*NUMBERED, "IssueComment", "PullRequestReview", "PullRequestReviewComment", "Discussion", "DiscussionComment")

constants("Discussion", locked=False)
constants("IssueComment", isMinimized=False, minimizedReason=None)
constants("IssueComment", "PullRequestReview", includesCreatedEdit=False)


# Finding them ------------------------------------------------------------------------------------------------------


@resolver("issue", "Repository")
def issue(context: Context, repository: Repository, *, number: int) -> Node[Issue]:
    found = _numbered(context, repository, number)
    if not found or isinstance(found.record, Pull):
        raise unknown("an Issue", f"the number of {number}")
    return found


@resolver("issueOrPullRequest", "Repository")
def issue_or_pull(context: Context, repository: Repository, *, number: int) -> Node[Issue]:
    found = _numbered(context, repository, number)
    if not found:
        raise unknown("an issue or pull request", f"the number of {number}")
    return found


@resolver("issues", "Repository")
def issues(
    context: Context,
    repository: Repository,
    *,
    states: list[str] | None = None,
    labels: list[str] | None = None,
    filter_by: dict[str, Any] | None = None,
    order_by: dict[str, str] | None = None,
    **page: Any,
) -> Shape:
    wanted = filter_by or {}
    asked: set[str] = set(wanted.get("states") or states or ())
    chosen = Filter(
        state=asked.pop().lower() if len(asked) == 1 else "all",
        creator=wanted.get("createdBy") or "",
        assignee=wanted.get("assignee") or "",
        since=wanted.get("since") or 0,
        sort=_SORTS[(order_by or {}).get("field", "CREATED_AT")],
        direction=(order_by or {}).get("direction", "ASC").lower(),
    )
    found = [one for one in context.forge.issues.list(repository, chosen) if not one.is_pull]
    named, mentioned = wanted.get("labels") or labels, wanted.get("mentioned")
    kept = [
        Node(repository, one)
        for one in found
        if (not named or carries(context, one, named)) and (not mentioned or f"@{mentioned}" in (one.body or ""))
    ]
    return connection(context, "issues", kept, **page)


@resolver("search", "Query")
def search(context: Context, _source: None, *, query: str, type: str, **page: Any) -> Shape:
    """Issues and pull requests, newest first; one may say `sort:updated-asc` and the like among the words."""
    del type
    words = [word for word in query.split() if not word.startswith("sort:")]
    asked = next((word for word in query.split() if word.startswith("sort:")), "").removeprefix("sort:")
    sort, _, order = asked.partition("-")
    visible = [one for one in context.forge.all_repositories() if context.sees(one)]
    for repository in visible:
        context.refresh(repository)
    found = context.forge.search.issues(
        " ".join(words),
        visible=visible,
        sort=sort if sort in ("updated", "comments") else "created",
        order="asc" if order == "asc" else "desc",
    )
    kept = [nodes.issue(context, issue) for issue, _ in found]
    return connection(context, "search", kept, issueCount=len(kept), **page)


def carries(context: Context, issue: Issue, names: list[str]) -> bool:
    """Whether it has one of these labels."""
    wanted = {name.lower() for name in names}
    return any(label.name.lower() in wanted for label in context.forge.issues.labels_of(issue.id))


def _numbered(context: Context, repository: Repository, number: int) -> Node[Issue] | None:
    try:
        return nodes.issue(context, context.forge.issues.get(repository, number))
    except Refusal:
        return None


_SORTS = {"CREATED_AT": "created", "UPDATED_AT": "updated", "COMMENTS": "comments"}


# What people say ---------------------------------------------------------------------------------------------------


@resolver("author", *SAID)
def author(context: Context, source: Node[Any]) -> User:
    return context.shapes.user_by_id(record_of(source).author_id)


@resolver("editor", *NUMBERED)
def editor(context: Context, source: Node[Issue]) -> User | None:
    """Who last gave it another body; a new title is an event instead."""
    found = source.record.editor_id
    return context.shapes.user_by_id(found) if found is not None else None


@resolver("authorAssociation", *SAID)
def association(context: Context, source: Node[Any]) -> str:
    return context.shapes.association(source.repository, source.record.author_id)


@resolver("viewerDidAuthor", *SAID)
def did_author(context: Context, source: Node[Any]) -> bool:
    return source.record.author_id == context.viewer.id


@resolver("viewerCanUpdate", *NUMBERED, "Discussion", "DiscussionComment")
@resolver("viewerCanDelete", "Discussion", "DiscussionComment")
def can_update(context: Context, source: Node[Any]) -> bool:
    return source.record.author_id == context.viewer.id or context.may_write(source.repository)


@resolver("body", *SAID)
@resolver("bodyText", *SAID)
def body(_context: Context, source: Node[Any]) -> str:
    return source.record.body or ""


@resolver("url", *SAID)
def url(context: Context, source: Node[Any]) -> str:
    return context.shapes.web + path(context, source)


@resolver("resourcePath", *SAID)
def path(context: Context, source: Node[Any]) -> str:
    home, record = f"/{source.repository.full_name}", source.record
    if isinstance(record, Issue):
        return f"{home}/{'pull' if record.is_pull else 'issues'}/{record.number}"
    if isinstance(record, Comment):
        below = path(context, nodes.issue(context, context.forge.find(Issue, record.issue_id)))
        return f"{below}#issuecomment-{record.id}"
    if isinstance(record, Discussion):
        return f"{home}/discussions/{record.number}"
    if isinstance(record, DiscussionComment):
        below = context.forge.find(Discussion, record.discussion_id)
        return f"{home}/discussions/{below.number}#discussioncomment-{record.id}"
    pull = nodes.pull(context, record.pull_id).record
    review = isinstance(record, Review)
    shape = pull_shapes.review if review else pull_shapes.review_comment
    return shape(context.shapes, source.repository, pull.number, record)["html_url"].removeprefix(context.shapes.web)


# Issues and pull requests ------------------------------------------------------------------------------------------


@resolver("state", "Issue")
def state(_context: Context, issue: Node[Issue]) -> str:
    return issue.record.state.upper()


@resolver("stateReason", "Issue")
def state_reason(_context: Context, issue: Node[Issue], *, enable_duplicate: bool = False) -> str | None:
    """Who does not ask for DUPLICATE, which came later, gets NOT_PLANNED in its stead."""
    reason = (issue.record.state_reason or "").upper()
    return "NOT_PLANNED" if reason == "DUPLICATE" and not enable_duplicate else reason or None


@resolver("closed", *NUMBERED, "Discussion")
def closed(_context: Context, source: Node[Any]) -> bool:
    return source.record.state == "closed"


@resolver("labels", *NUMBERED)
def labels(context: Context, source: Node[Issue], **page: Any) -> Shape:
    found = context.forge.issues.labels_of(source.record.id)
    return connection(context, "labels", [Node(source.repository, one) for one in found], **page)


@resolver("assignees", *NUMBERED)
def assignees(context: Context, source: Node[Issue], **page: Any) -> Shape:
    found = context.forge.issues.assignees_of(source.record.id)
    return connection(context, "assignees", [context.shapes.user_by_id(one) for one in found], **page)


@resolver("comments", *NUMBERED)
def comments(context: Context, source: Node[Issue], *, order_by: dict[str, str] | None = None, **page: Any) -> Shape:
    sort = "updated" if order_by else "created"
    direction = (order_by or {}).get("direction", "ASC").lower()
    number = source.record.number
    found = context.forge.issues.comments(source.repository, number=number, sort=sort, direction=direction)
    return connection(context, "comments", [Node(source.repository, one) for one, _ in found], **page)


@resolver("reactionGroups", *NUMBERED, "IssueComment")
def reaction_groups(context: Context, source: Node[Any]) -> list[Shape]:
    subject: Subject = "comment" if isinstance(source.record, Comment) else "issue"
    found = context.forge.reactions.list(subject, source.record.id)
    by_content = {name: [one.user_id for one in found if one.content == word] for word, name in _REACTIONS.items()}
    return [
        {"content": name, "who": people, "viewerHasReacted": context.viewer.id in people}
        for name, people in by_content.items()
    ]


@resolver("users", "ReactionGroup")
def reactors(context: Context, group: Shape, **page: Any) -> Shape:
    return connection(context, "users", [context.shapes.user_by_id(one) for one in group["who"]], **page)


_REACTIONS = {
    "+1": "THUMBS_UP",
    "-1": "THUMBS_DOWN",
    "laugh": "LAUGH",
    "hooray": "HOORAY",
    "confused": "CONFUSED",
    "heart": "HEART",
    "rocket": "ROCKET",
    "eyes": "EYES",
}


# Comments ----------------------------------------------------------------------------------------------------------


@resolver("issue", "IssueComment")
def issue_of_comment(context: Context, comment: Node[Comment]) -> Node[Issue]:
    """Also of a pull request's comment, seen as an issue: GitHub promises that there is one."""
    return Node(comment.repository, context.forge.find(Issue, comment.record.issue_id))


@resolver("pullRequest", "IssueComment")
def pull_of_comment(context: Context, comment: Node[Comment]) -> Node[Pull] | None:
    found = context.forge.find(Issue, comment.record.issue_id)
    return nodes.pull(context, found.id) if found.is_pull else None
