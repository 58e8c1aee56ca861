"""Issues, comments, labels, assignees: https://docs.github.com/rest/issues."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, RootModel, StringConstraints

from loreli_ray.forge.issues import Filter
from loreli_ray.forge.labels import NEW_LABEL_COLOR
from loreli_ray.forge.records import Comment, Issue, Label
from loreli_ray.forge.refusal import Refusal, forbidden
from loreli_ray.forge.rest import answers
from loreli_ray.forge.rest.call import Body, Call, Direction, Line, Query, Since, Text, Words, route
from loreli_ray.forge.rest.reply import Reply
from loreli_ray.forge.rest.shapes import Shape

LabelName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]*[^\x00-\x20][^\x00-\x1f]*$", max_length=50)]
Color = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{6}$")]
LabelDescription = Annotated[Text, StringConstraints(max_length=100)]
Logins = Annotated[list[Line], Field(max_length=10)]


class IssueQuery(Query):
    state: Literal["open", "closed", "all"] = "open"
    labels: str = ""
    creator: str = ""
    assignee: str = ""
    since: Since = 0
    sort: Literal["created", "updated", "comments"] = "created"
    direction: Direction = "desc"


class SinceQuery(Query):
    since: Since = 0


class CommentQuery(SinceQuery):
    sort: Literal["created", "updated"] = "created"
    direction: Direction = "asc"


class NamedLabel(Body):
    name: LabelName


Labels = Annotated[list[LabelName | NamedLabel], Field(max_length=100)]


class NewIssue(Body):
    title: Line
    body: Text | None = None
    labels: Labels = Field(default=[])
    assignees: Logins = Field(default=[])
    assignee: Line | None = None


class IssueChange(Body):
    title: Line | None = None
    body: Text | None = None
    state: Literal["open", "closed"] | None = None
    state_reason: Literal["completed", "not_planned", "duplicate", "reopened"] | None = None
    labels: Labels | None = None
    assignees: Logins | None = None


class CommentBody(Body):
    body: Words


class LabelList(Body):
    labels: Labels


class GivenLabels(RootModel[LabelList | Labels]):
    """An object with a list of labels, or the bare list."""

    model_config = ConfigDict(strict=True, frozen=True)

    def names(self) -> list[str]:
        return _names(self.root.labels if isinstance(self.root, LabelList) else self.root)


class NewLabel(Body):
    name: LabelName
    color: Color = NEW_LABEL_COLOR
    description: LabelDescription | None = None


class LabelChange(Body):
    new_name: LabelName | None = None
    color: Color | None = None
    description: LabelDescription | None = None


class Lock(Body):
    lock_reason: Literal["off-topic", "too heated", "resolved", "spam"] | None = None


class Assignees(Body):
    assignees: Logins = Field(default=[])


def list_issues(call: Call, query: IssueQuery) -> Reply:
    _need_issues(call)
    chosen = Filter(
        state=query.state,
        labels=tuple(name.strip() for name in query.labels.split(",") if name.strip()),
        creator=query.creator,
        assignee=query.assignee,
        since=query.since,
        sort=query.sort,
        direction=query.direction,
    )
    call.forge.pulls.refresh(call.repository)
    return call.page(call.forge.issues.list(call.repository, chosen), lambda issue: _issue(call, issue))


def create_issue(call: Call, body: NewIssue) -> Reply:
    _need_issues(call)
    names = [*body.assignees, *([body.assignee] if body.assignee else [])]
    issue = call.forge.issues.create(
        call.repository,
        author=call.user,
        title=body.title,
        body=body.body,
        # Who may not label is not refused, GitHub only drops what they ask for.
        labels=_names(body.labels) if call.may_write else (),
        assignees=names if call.may_write else (),
    )
    return Reply(_issue(call, issue), 201)


def lock(call: Call, body: Lock) -> Reply:
    repository = call.need_write()
    call.forge.issues.lock(repository, call.number(), locked=True, reason=body.lock_reason, actor=call.user)
    return Reply(status=204)


def unlock(call: Call) -> Reply:
    call.forge.issues.lock(call.need_write(), call.number(), locked=False, reason=None, actor=call.user)
    return Reply(status=204)


def get_issue(call: Call) -> Reply:
    call.forge.pulls.refresh(call.repository)
    return Reply(_issue(call, call.forge.issues.get(call.repository, call.number())))


def edit_issue(call: Call, body: IssueChange) -> Reply:
    issue = call.forge.issues.get(call.repository, call.number())
    if not call.may_write and (
        issue.author_id != call.user.id or body.labels is not None or body.assignees is not None
    ):
        raise forbidden()
    changes: dict[str, Any] = {
        name: value
        for name, value in body.model_dump(exclude_unset=True).items()
        if name in ("title", "body", "state", "state_reason") and (value is not None or name == "body")
    }
    state = changes.get("state")
    if issue.is_pull and state:
        call.forge.pulls.edit(call.repository, issue.number, actor=call.user, changes={"state": state})
    issue = call.forge.issues.edit(
        call.repository,
        issue.number,
        actor=call.user,
        changes=changes,
        labels=None if body.labels is None else _names(body.labels),
        assignees=body.assignees,
    )
    return Reply(_issue(call, issue))


def list_comments(call: Call, query: SinceQuery) -> Reply:
    comments = call.forge.issues.comments(call.repository, number=call.number(), since=query.since)
    return call.page(comments, lambda found: _comment(call, *found))


def list_all_comments(call: Call, query: CommentQuery) -> Reply:
    comments = call.forge.issues.comments(
        call.repository, since=query.since, sort=query.sort, direction=query.direction
    )
    return call.page(comments, lambda found: _comment(call, *found))


def create_comment(call: Call, body: CommentBody) -> Reply:
    number = call.number()
    if call.forge.issues.get(call.repository, number).locked and not call.may_write:
        raise forbidden("Unable to create comment because issue is locked.")
    comment = call.forge.issues.add_comment(call.repository, number, author=call.user, body=body.body)
    return Reply(_comment(call, comment, number), 201)


def get_comment(call: Call) -> Reply:
    return Reply(_comment(call, *call.forge.issues.comment(call.repository, call.number("id"))))


def edit_comment(call: Call, body: CommentBody) -> Reply:
    _own_comment(call)
    comment = call.forge.issues.edit_comment(call.repository, call.number("id"), body=body.body)
    return Reply(_comment(call, *comment))


def delete_comment(call: Call) -> Reply:
    _own_comment(call)
    call.forge.issues.delete_comment(call.repository, call.number("id"))
    return Reply(status=204)


def list_labels(call: Call) -> Reply:
    return call.page(call.forge.issues.labels(call.repository), lambda label: _label(call, label))


def create_label(call: Call, body: NewLabel) -> Reply:
    repository = call.need_write()
    label = call.forge.issues.create_label(
        repository, name=body.name, color=body.color.lower(), description=body.description
    )
    return Reply(_label(call, label), 201)


def get_label(call: Call) -> Reply:
    return Reply(_label(call, call.forge.issues.label(call.repository, call.path("name"))))


def edit_label(call: Call, body: LabelChange) -> Reply:
    repository = call.need_write()
    changes = {
        "name" if name == "new_name" else name: value.lower() if name == "color" else value
        for name, value in body.model_dump(exclude_none=True).items()
    }
    return Reply(_label(call, call.forge.issues.edit_label(repository, call.path("name"), changes=changes)))


def delete_label(call: Call) -> Reply:
    call.forge.issues.delete_label(call.need_write(), call.path("name"))
    return Reply(status=204)


def list_issue_labels(call: Call) -> Reply:
    issue = call.forge.issues.get(call.repository, call.number())
    return call.page(call.forge.issues.labels_of(issue.id), lambda label: _label(call, label))


def add_issue_labels(call: Call, body: GivenLabels) -> Reply:
    names = body.names()
    return _labels(call, call.forge.issues.add_labels(call.need_write(), call.number(), names, actor=call.user))


def set_issue_labels(call: Call, body: GivenLabels) -> Reply:
    names = body.names()
    return _labels(call, call.forge.issues.set_labels(call.need_write(), call.number(), names, actor=call.user))


def clear_issue_labels(call: Call) -> Reply:
    call.forge.issues.set_labels(call.need_write(), call.number(), (), actor=call.user)
    return Reply(status=204)


def remove_issue_label(call: Call) -> Reply:
    return _labels(
        call, call.forge.issues.remove_label(call.need_write(), call.number(), call.path("name"), actor=call.user)
    )


def add_assignees(call: Call, body: Assignees) -> Reply:
    issue = call.forge.issues.assign(call.need_write(), call.number(), body.assignees, actor=call.user)
    return Reply(_issue(call, issue), 201)


def remove_assignees(call: Call, body: Assignees) -> Reply:
    return Reply(
        _issue(call, call.forge.issues.unassign(call.need_write(), call.number(), body.assignees, actor=call.user))
    )


def _need_issues(call: Call) -> None:
    if not call.repository.has_issues:
        raise Refusal(410, "Issues are disabled for this repo")


def _own_comment(call: Call) -> None:
    comment, _ = call.forge.issues.comment(call.repository, call.number("id"))
    if comment.author_id != call.user.id and not call.may_write:
        raise forbidden("Must have admin rights to Repository.")


def _issue(call: Call, issue: Issue) -> Shape:
    return call.shapes.issue(call.repository, issue)


def _comment(call: Call, comment: Comment, number: int) -> Shape:
    return call.shapes.comment(call.repository, comment, number)


def _label(call: Call, label: Label) -> Shape:
    return call.shapes.label(call.repository, label)


def _labels(call: Call, labels: list[Label]) -> Reply:
    return Reply([_label(call, label) for label in labels])


def _names(labels: list[str | NamedLabel]) -> list[str]:
    return [label if isinstance(label, str) else label.name for label in labels]


ROUTES = [
    route("GET", "/repos/{owner}/{repo}/issues", list_issues, answer=list[answers.Issue], refuses=(410,)),
    route("POST", "/repos/{owner}/{repo}/issues", create_issue, answer=answers.Issue, status=201, refuses=(410,)),
    route("GET", "/repos/{owner}/{repo}/issues/comments", list_all_comments, answer=list[answers.Comment]),
    route("GET", "/repos/{owner}/{repo}/issues/comments/{id:id}", get_comment, answer=answers.Comment),
    route("PATCH", "/repos/{owner}/{repo}/issues/comments/{id:id}", edit_comment, answer=answers.Comment),
    route("DELETE", "/repos/{owner}/{repo}/issues/comments/{id:id}", delete_comment),
    route("GET", "/repos/{owner}/{repo}/issues/{number:id}", get_issue, answer=answers.Issue),
    route("PATCH", "/repos/{owner}/{repo}/issues/{number:id}", edit_issue, answer=answers.Issue),
    route("GET", "/repos/{owner}/{repo}/issues/{number:id}/comments", list_comments, answer=list[answers.Comment]),
    route(
        "POST", "/repos/{owner}/{repo}/issues/{number:id}/comments", create_comment, answer=answers.Comment, status=201
    ),
    route("GET", "/repos/{owner}/{repo}/issues/{number:id}/labels", list_issue_labels, answer=list[answers.Label]),
    route("POST", "/repos/{owner}/{repo}/issues/{number:id}/labels", add_issue_labels, answer=list[answers.Label]),
    route("PUT", "/repos/{owner}/{repo}/issues/{number:id}/labels", set_issue_labels, answer=list[answers.Label]),
    route("DELETE", "/repos/{owner}/{repo}/issues/{number:id}/labels", clear_issue_labels),
    route(
        "DELETE",
        "/repos/{owner}/{repo}/issues/{number:id}/labels/{name:path}",
        remove_issue_label,
        answer=list[answers.Label],
    ),
    route(
        "POST", "/repos/{owner}/{repo}/issues/{number:id}/assignees", add_assignees, answer=answers.Issue, status=201
    ),
    route("DELETE", "/repos/{owner}/{repo}/issues/{number:id}/assignees", remove_assignees, answer=answers.Issue),
    route("GET", "/repos/{owner}/{repo}/labels", list_labels, answer=list[answers.Label]),
    route("POST", "/repos/{owner}/{repo}/labels", create_label, answer=answers.Label, status=201),
    route("GET", "/repos/{owner}/{repo}/labels/{name:path}", get_label, answer=answers.Label),
    route("PATCH", "/repos/{owner}/{repo}/labels/{name:path}", edit_label, answer=answers.Label),
    route("DELETE", "/repos/{owner}/{repo}/labels/{name:path}", delete_label),
    route("PUT", "/repos/{owner}/{repo}/issues/{number:id}/lock", lock),
    route("DELETE", "/repos/{owner}/{repo}/issues/{number:id}/lock", unlock),
]
