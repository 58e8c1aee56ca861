"""Discussions: https://docs.github.com/graphql/guides/using-the-graphql-api-for-discussions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import StringConstraints

from loreli_ray.forge.discussions import ANNOUNCEMENTS
from loreli_ray.forge.graphql import nodes
from loreli_ray.forge.graphql.connections import Shape, connection
from loreli_ray.forge.graphql.fields import Context, Input, Node, mutation, problem, resolver, unknown
from loreli_ray.forge.records import Discussion, DiscussionCategory, DiscussionComment, Repository, User
from loreli_ray.forge.refusal import Refusal, forbidden
from loreli_ray.forge.rest.call import Line, Text

Said = Annotated[Text, StringConstraints(pattern=r"\S")]


# Reading -----------------------------------------------------------------------------------------------------------


@resolver("discussion", "Repository")
def discussion(context: Context, repository: Repository, *, number: int) -> Node[Discussion]:
    try:
        return Node(repository, context.forge.discussions.get(repository, number))
    except Refusal:
        raise unknown("a Discussion", f"the number of {number}") from None


@resolver("discussions", "Repository")
def discussions(
    context: Context,
    repository: Repository,
    *,
    category_id: str | None = None,
    states: list[str] | None = None,
    answered: bool | None = None,
    order_by: dict[str, str] | None = None,
    **page: Any,
) -> Shape:
    order = order_by or {"field": "UPDATED_AT", "direction": "DESC"}
    category = nodes.find(context, category_id, "DiscussionCategory").record.id if category_id else None
    found = [
        one
        for one in context.forge.discussions.list(repository)
        if category in (None, one.category_id)
        and (not states or one.state.upper() in states)
        and (answered is None or answered == (one.answer_id is not None))
    ]
    found.sort(key=lambda one: getattr(one, order["field"].lower()), reverse=order["direction"] == "DESC")
    return connection(context, "discussions", [Node(repository, one) for one in found], **page)


@resolver("discussionCategories", "Repository")
def categories(context: Context, repository: Repository, *, filter_by_assignable: bool = False, **page: Any) -> Shape:
    found = [
        Node(repository, one)
        for one in context.forge.discussions.categories(repository)
        if not filter_by_assignable or _may_begin(context, repository, one)
    ]
    return connection(context, "discussionCategories", found, **page)


@resolver("discussionCategory", "Repository")
def category_by_slug(context: Context, repository: Repository, *, slug: str) -> Node[DiscussionCategory] | None:
    found = context.forge.discussions.categories(repository)
    return next((Node(repository, one) for one in found if one.slug == slug), None)


@resolver("updatedAt", "DiscussionCategory")
def category_updated(_context: Context, category: Node[DiscussionCategory]) -> int:
    return category.record.created_at


@resolver("category", "Discussion")
def category(context: Context, discussion: Node[Discussion]) -> Node[DiscussionCategory]:
    return Node(discussion.repository, context.forge.find(DiscussionCategory, discussion.record.category_id))


@resolver("stateReason", "Discussion")
def state_reason(_context: Context, discussion: Node[Discussion]) -> str | None:
    return discussion.record.state_reason.upper() if discussion.record.state_reason else None


@resolver("isAnswered", "Discussion")
def is_answered(context: Context, discussion: Node[Discussion]) -> bool | None:
    """None where the category takes no answers."""
    answerable = category(context, discussion).record.is_answerable
    return discussion.record.answer_id is not None if answerable else None


@resolver("answer", "Discussion")
def answer(context: Context, discussion: Node[Discussion]) -> Node[DiscussionComment] | None:
    chosen = discussion.record.answer_id
    return Node(discussion.repository, context.forge.find(DiscussionComment, chosen)) if chosen else None


@resolver("answerChosenAt", "Discussion")
def answered_at(_context: Context, discussion: Node[Discussion]) -> int | None:
    return discussion.record.answered_at


@resolver("answerChosenBy", "Discussion")
def answered_by(context: Context, discussion: Node[Discussion]) -> User | None:
    by = discussion.record.answered_by
    return None if by is None else context.shapes.user_by_id(by)


@resolver("comments", "Discussion")
def comments(context: Context, discussion: Node[Discussion], **page: Any) -> Shape:
    found = context.forge.discussions.comments(discussion.record)
    return connection(context, "comments", [Node(discussion.repository, one) for one in found], **page)


@resolver("replies", "DiscussionComment")
def replies(context: Context, comment: Node[DiscussionComment], **page: Any) -> Shape:
    found = context.forge.discussions.replies(comment.record)
    return connection(context, "replies", [Node(comment.repository, one) for one in found], **page)


@resolver("replyTo", "DiscussionComment")
def reply_to(context: Context, comment: Node[DiscussionComment]) -> Node[DiscussionComment] | None:
    key = comment.record.reply_to
    return None if key is None else Node(comment.repository, context.forge.find(DiscussionComment, key))


@resolver("discussion", "DiscussionComment")
def discussion_of(context: Context, comment: Node[DiscussionComment]) -> Node[Discussion]:
    return Node(comment.repository, context.forge.find(Discussion, comment.record.discussion_id))


@resolver("isAnswer", "DiscussionComment")
def is_answer(context: Context, comment: Node[DiscussionComment]) -> bool:
    return discussion_of(context, comment).record.answer_id == comment.record.id


# Changing ----------------------------------------------------------------------------------------------------------


class CreateDiscussion(Input):
    repository_id: str
    category_id: str
    title: Line
    body: Said


class UpdateDiscussion(Input):
    discussion_id: str
    title: Line | None = None
    body: Said | None = None
    category_id: str | None = None


class CloseDiscussion(Input):
    discussion_id: str
    reason: Literal["RESOLVED", "OUTDATED", "DUPLICATE"] = "RESOLVED"


class DiscussionId(Input):
    discussion_id: str


class NodeId(Input):
    id: str


class AddDiscussionComment(Input):
    discussion_id: str
    body: Said
    reply_to_id: str | None = None


class UpdateDiscussionComment(Input):
    comment_id: str
    body: Said


@mutation("createDiscussion", CreateDiscussion)
def create(context: Context, body: CreateDiscussion) -> Shape:
    repository = nodes.repository(context, body.repository_id)
    if not repository.has_discussions:
        raise problem("UNPROCESSABLE", "Discussions are disabled for this repository.")
    category: DiscussionCategory = nodes.find(context, body.category_id, "DiscussionCategory").record
    if not _may_begin(context, repository, category):
        raise forbidden(f"{context.viewer.login} may not begin a discussion in {category.name}.")
    made = context.forge.discussions.create(
        repository, author=context.viewer, category=category, title=body.title, body=body.body
    )
    return {"discussion": Node(repository, made)}


@mutation("updateDiscussion", UpdateDiscussion)
def update(context: Context, body: UpdateDiscussion) -> Shape:
    found = _own(context, body.discussion_id)
    category = nodes.find(context, body.category_id, "DiscussionCategory").record if body.category_id else None
    changed = context.forge.discussions.edit(found.record, title=body.title, body=body.body, category=category)
    return {"discussion": Node(found.repository, changed)}


@mutation("closeDiscussion", CloseDiscussion)
def close(context: Context, body: CloseDiscussion) -> Shape:
    found = _own(context, body.discussion_id)
    closed = context.forge.discussions.close(found.record, reason=body.reason.lower())
    return {"discussion": Node(found.repository, closed)}


@mutation("reopenDiscussion", DiscussionId)
def reopen(context: Context, body: DiscussionId) -> Shape:
    found = _own(context, body.discussion_id)
    return {"discussion": Node(found.repository, context.forge.discussions.reopen(found.record))}


@mutation("deleteDiscussion", NodeId)
def delete(context: Context, body: NodeId) -> Shape:
    """The payload holds no discussion: it is gone, and so is what hung beneath it."""
    found = _own(context, body.id)
    context.forge.discussions.delete(found.record)
    return {"discussion": None}


@mutation("addDiscussionComment", AddDiscussionComment)
def add_comment(context: Context, body: AddDiscussionComment) -> Shape:
    found = nodes.find(context, body.discussion_id, "Discussion")
    parent = nodes.find(context, body.reply_to_id, "DiscussionComment").record if body.reply_to_id else None
    made = context.forge.discussions.add_comment(found.record, author=context.viewer, body=body.body, reply_to=parent)
    return {"comment": Node(found.repository, made)}


@mutation("updateDiscussionComment", UpdateDiscussionComment)
def update_comment(context: Context, body: UpdateDiscussionComment) -> Shape:
    found = _own(context, body.comment_id, "DiscussionComment")
    return {"comment": Node(found.repository, context.forge.discussions.edit_comment(found.record, body=body.body))}


@mutation("deleteDiscussionComment", NodeId)
def delete_comment(context: Context, body: NodeId) -> Shape:
    found = _own(context, body.id, "DiscussionComment")
    context.forge.discussions.delete_comment(found.record)
    return {"comment": None}


@mutation("markDiscussionCommentAsAnswer", NodeId)
def mark_answer(context: Context, body: NodeId) -> Shape:
    return _answer(context, body.id, chosen=True)


@mutation("unmarkDiscussionCommentAsAnswer", NodeId)
def unmark_answer(context: Context, body: NodeId) -> Shape:
    return _answer(context, body.id, chosen=False)


def _answer(context: Context, comment_id: str, *, chosen: bool) -> Shape:
    """Who asked, or may write, says what the answer is."""
    comment = nodes.find(context, comment_id, "DiscussionComment")
    discussion = discussion_of(context, comment)
    if discussion.record.author_id != context.viewer.id and not context.may_write(comment.repository):
        raise forbidden(f"{context.viewer.login} may not choose the answer.")
    changed = context.forge.discussions.answer(comment.record, chosen=chosen, actor=context.viewer)
    return {"discussion": Node(comment.repository, changed)}


def _own(context: Context, global_id: str, kind: str = "Discussion") -> Node[Any]:
    """What its author, or who may write, may change."""
    found = nodes.find(context, global_id, kind)
    if found.record.author_id != context.viewer.id and not context.may_write(found.repository):
        raise forbidden(f"{context.viewer.login} may not change this {kind}.")
    return found


def _may_begin(context: Context, repository: Repository, category: DiscussionCategory) -> bool:
    return category.slug != ANNOUNCEMENTS or context.may_write(repository)
