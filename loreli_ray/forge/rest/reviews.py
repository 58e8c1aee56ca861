"""Reviews, review comments and who is asked for a review: https://docs.github.com/rest/pulls/reviews and its like."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from loreli_ray.forge.records import Pull, Review, ReviewComment
from loreli_ray.forge.refusal import forbidden, invalid
from loreli_ray.forge.rest import pull_answers, pull_shapes
from loreli_ray.forge.rest.call import Body, Call, Line, Sha, Text, Words, route
from loreli_ray.forge.rest.issues import CommentBody, CommentQuery
from loreli_ray.forge.rest.reply import Reply
from loreli_ray.forge.rest.shapes import Shape
from loreli_ray.forge.reviews import Remark

LineNumber = Annotated[int, Field(ge=1, le=2**31)]
Side = Literal["LEFT", "RIGHT"]


class NewRemark(Body):
    path: Line
    body: Text
    line: LineNumber
    side: Side = "RIGHT"


class NewReview(Body):
    event: Literal["APPROVE", "REQUEST_CHANGES", "COMMENT"]
    body: Text | None = None
    commit_id: Sha | None = None
    comments: Annotated[list[NewRemark], Field(max_length=300)] = Field(default=[])


class Dismissal(Body):
    message: Words


class NewReviewComment(Body):
    """On a line of a file, or in reply to another."""

    body: Words
    commit_id: Sha | None = None
    path: Line | None = None
    line: LineNumber | None = None
    side: Side = "RIGHT"
    in_reply_to: Annotated[int, Field(ge=1, lt=10**18)] | None = None


class Reviewers(Body):
    reviewers: Annotated[list[Line], Field(max_length=15)] = Field(default=[])


# Reviews -----------------------------------------------------------------------------------------------------------


def list_reviews(call: Call) -> Reply:
    return call.page(call.forge.reviews.list(_pull(call)), lambda review: _review(call, review))


def create_review(call: Call, body: NewReview) -> Reply:
    remarks = [Remark(path=one.path, line=one.line, side=one.side, body=one.body) for one in body.comments]
    review = call.forge.reviews.create(
        call.repository,
        call.number(),
        author=call.user,
        event=body.event,
        body=body.body or "",
        commit_id=body.commit_id,
        remarks=remarks,
    )
    return Reply(_review(call, review))


def get_review(call: Call) -> Reply:
    return Reply(_review(call, call.forge.reviews.get(_pull(call), call.number("id"))))


def edit_review(call: Call, body: CommentBody) -> Reply:
    pull, review_id = _pull(call), call.number("id")
    if call.forge.reviews.get(pull, review_id).author_id != call.user.id:
        raise forbidden("Must be the author of the review.")
    return Reply(_review(call, call.forge.reviews.edit(pull, review_id, body=body.body)))


def dismiss_review(call: Call, body: Dismissal) -> Reply:
    call.need_write()
    review = call.forge.reviews.dismiss(_pull(call), call.number("id"), actor=call.user, message=body.message)
    return Reply(_review(call, review))


def list_comments_of_review(call: Call) -> Reply:
    comments = call.forge.reviews.comments_of(call.forge.reviews.get(_pull(call), call.number("id")))
    return call.page(comments, lambda comment: _comment(call, comment, call.number()))


# Comments ----------------------------------------------------------------------------------------------------------


def list_comments(call: Call, query: CommentQuery) -> Reply:
    return _comments(call, query, _pull(call))


def list_all_comments(call: Call, query: CommentQuery) -> Reply:
    return _comments(call, query, None)


def create_comment(call: Call, body: NewReviewComment) -> Reply:
    if body.in_reply_to is not None:
        return _reply(call, body.in_reply_to, body.body)
    if body.path is None or body.line is None:
        raise invalid("NewReviewComment", field="line" if body.path else "path", code="missing_field")
    remark = Remark(path=body.path, line=body.line, side=body.side, body=body.body)
    review = call.forge.reviews.create(
        call.repository,
        call.number(),
        author=call.user,
        event="COMMENT",
        body="",
        commit_id=body.commit_id,
        remarks=[remark],
    )
    comment = call.forge.reviews.comments_of(review)[0]
    return Reply(_comment(call, comment, call.number()), 201)


def reply_to_comment(call: Call, body: CommentBody) -> Reply:
    return _reply(call, call.number("id"), body.body)


def get_comment(call: Call) -> Reply:
    return Reply(_comment(call, *call.forge.reviews.comment(call.repository, call.number("id"))))


def edit_comment(call: Call, body: CommentBody) -> Reply:
    _own_comment(call)
    comment = call.forge.reviews.edit_comment(call.repository, call.number("id"), body=body.body)
    return Reply(_comment(call, *comment))


def delete_comment(call: Call) -> Reply:
    _own_comment(call)
    call.forge.reviews.delete_comment(call.repository, call.number("id"))
    return Reply(status=204)


# Who is asked ------------------------------------------------------------------------------------------------------


def list_requested(call: Call) -> Reply:
    users = call.forge.reviews.requested(_pull(call))
    return Reply({"users": [call.shapes.user(user) for user in users], "teams": []})


def request(call: Call, body: Reviewers) -> Reply:
    repository, pull = call.need_write(), _pull(call)
    call.forge.reviews.request(repository, pull, body.reviewers, actor=call.user)
    return Reply(pull_shapes.pull(call.shapes, repository, _pull(call)), 201)


def unrequest(call: Call, body: Reviewers) -> Reply:
    repository, pull = call.need_write(), _pull(call)
    call.forge.reviews.unrequest(pull, body.reviewers, actor=call.user)
    return Reply(pull_shapes.pull(call.shapes, repository, _pull(call)))


# Parts -------------------------------------------------------------------------------------------------------------


def _pull(call: Call) -> Pull:
    return call.forge.pulls.get(call.repository, call.number())


def _review(call: Call, review: Review) -> Shape:
    return pull_shapes.review(call.shapes, call.repository, call.number(), review)


def _comment(call: Call, comment: ReviewComment, number: int) -> Shape:
    return pull_shapes.review_comment(call.shapes, call.repository, number, comment)


def _comments(call: Call, query: CommentQuery, pull: Pull | None) -> Reply:
    comments = call.forge.reviews.comments(call.repository, pull=pull, since=query.since)
    comments.sort(
        key=lambda found: (found[0].created_at if query.sort == "created" else found[0].updated_at, found[0].id),
        reverse=query.direction == "desc",
    )
    return call.page(comments, lambda found: _comment(call, *found))


def _reply(call: Call, comment_id: int, body: str) -> Reply:
    made = call.forge.reviews.reply(call.repository, call.number(), comment_id, author=call.user, body=body)
    return Reply(_comment(call, made, call.number()), 201)


def _own_comment(call: Call) -> None:
    comment, _ = call.forge.reviews.comment(call.repository, call.number("id"))
    if comment.author_id != call.user.id and not call.may_write:
        raise forbidden("Must have admin rights to Repository.")


_PULL = "/repos/{owner}/{repo}/pulls/{number:id}"
_COMMENT = "/repos/{owner}/{repo}/pulls/comments/{id:id}"

ROUTES = [
    route("GET", f"{_PULL}/reviews", list_reviews, answer=list[pull_answers.Review]),
    route("POST", f"{_PULL}/reviews", create_review, answer=pull_answers.Review),
    route("GET", f"{_PULL}/reviews/{{id:id}}", get_review, answer=pull_answers.Review),
    route("PUT", f"{_PULL}/reviews/{{id:id}}", edit_review, answer=pull_answers.Review),
    route("PUT", f"{_PULL}/reviews/{{id:id}}/dismissals", dismiss_review, answer=pull_answers.Review),
    route(
        "GET", f"{_PULL}/reviews/{{id:id}}/comments", list_comments_of_review, answer=list[pull_answers.ReviewComment]
    ),
    route("GET", f"{_PULL}/comments", list_comments, answer=list[pull_answers.ReviewComment]),
    route("POST", f"{_PULL}/comments", create_comment, answer=pull_answers.ReviewComment, status=201),
    route(
        "POST", f"{_PULL}/comments/{{id:id}}/replies", reply_to_comment, answer=pull_answers.ReviewComment, status=201
    ),
    route("GET", "/repos/{owner}/{repo}/pulls/comments", list_all_comments, answer=list[pull_answers.ReviewComment]),
    route("GET", _COMMENT, get_comment, answer=pull_answers.ReviewComment),
    route("PATCH", _COMMENT, edit_comment, answer=pull_answers.ReviewComment),
    route("DELETE", _COMMENT, delete_comment),
    route("GET", f"{_PULL}/requested_reviewers", list_requested, answer=pull_answers.Requested),
    route("POST", f"{_PULL}/requested_reviewers", request, answer=pull_answers.Pull, status=201),
    route("DELETE", f"{_PULL}/requested_reviewers", unrequest, answer=pull_answers.Pull),
]
