"""Changes to refs, repositories, issues and pull requests."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from loreli_ray.forge.graphql import nodes
from loreli_ray.forge.graphql.connections import Shape, edge
from loreli_ray.forge.graphql.fields import Context, Input, Node, mutation
from loreli_ray.forge.graphql.repositories import find_ref
from loreli_ray.forge.records import Issue, Pull, Repository
from loreli_ray.forge.refs import RefUpdate, update
from loreli_ray.forge.refusal import forbidden, unprocessable
from loreli_ray.forge.repository import ABSENT
from loreli_ray.forge.rest.call import Body, Line, Text

Ids = Annotated[list[str], Field(max_length=100)]
Said = Annotated[Text, StringConstraints(pattern=r"\S")]


# Refs --------------------------------------------------------------------------------------------------------------


class OneUpdate(Body):
    name: str
    after_oid: Annotated[str, Field(alias="afterOid")]
    before_oid: Annotated[str | None, Field(alias="beforeOid")] = None
    force: bool | None = None


class UpdateRefs(Input):
    repository_id: str
    ref_updates: Annotated[list[OneUpdate], Field(min_length=1, max_length=100)]


class CreateRef(Input):
    repository_id: str
    name: str
    oid: str


class UpdateRef(Input):
    ref_id: str
    oid: str
    force: bool | None = None


class DeleteRef(Input):
    ref_id: str


@mutation("updateRefs", UpdateRefs)
def update_refs(context: Context, body: UpdateRefs) -> Shape:
    """All of them or none; `beforeOid` is compared under git's own lock, so of many racers one wins."""
    repository = nodes.repository(context, body.repository_id)
    updates = [
        RefUpdate(name=one.name, after=one.after_oid, before=one.before_oid, force=bool(one.force))
        for one in body.ref_updates
    ]
    _move(context, repository, updates, "UpdateRefs")
    return {}


@mutation("createRef", CreateRef)
def create_ref(context: Context, body: CreateRef) -> Shape:
    repository = nodes.repository(context, body.repository_id)
    _move(context, repository, [RefUpdate(name=body.name, after=body.oid, before=ABSENT)], "CreateRef")
    return {"ref": find_ref(context, repository, body.name)}


@mutation("updateRef", UpdateRef)
def update_ref(context: Context, body: UpdateRef) -> Shape:
    found = nodes.find(context, body.ref_id, "Ref")
    _move(
        context,
        found.repository,
        [RefUpdate(name=found.record.name, after=body.oid, force=bool(body.force))],
        "UpdateRef",
    )
    return {"ref": find_ref(context, found.repository, found.record.name)}


@mutation("deleteRef", DeleteRef)
def delete_ref(context: Context, body: DeleteRef) -> Shape:
    found = nodes.find(context, body.ref_id, "Ref")
    _move(context, found.repository, [RefUpdate(name=found.record.name, after=ABSENT)], "DeleteRef")
    return {}


def _move(context: Context, repository: Repository, updates: list[RefUpdate], what: str) -> None:
    _need_write(context, repository, what)
    update(context.forge.git(repository), updates, default_branch=repository.default_branch)
    context.forge.pushed(repository, actor=context.viewer)


# Repositories ------------------------------------------------------------------------------------------------------


class UpdateRepository(Input):
    repository_id: str
    has_discussions_enabled: bool | None = None


@mutation("updateRepository", UpdateRepository)
def update_repository(context: Context, body: UpdateRepository) -> Shape:
    repository = nodes.repository(context, body.repository_id)
    if context.forge.role(context.viewer, repository) != "admin":
        raise _not_allowed(context, "UpdateRepository")
    if body.has_discussions_enabled is not None:
        context.forge.discussions.switch(repository, on=body.has_discussions_enabled)
    return {"repository": context.forge.repository_by_id(repository.id)}


# Issues ------------------------------------------------------------------------------------------------------------


class CreateIssue(Input):
    repository_id: str
    title: Line
    body: Text | None = None
    label_ids: Ids | None = None
    assignee_ids: Ids | None = None


class UpdateIssue(Input):
    id: str
    title: Line | None = None
    body: Text | None = None
    state: Literal["OPEN", "CLOSED"] | None = None
    label_ids: Ids | None = None
    assignee_ids: Ids | None = None


class CloseIssue(Input):
    issue_id: str
    state_reason: Literal["COMPLETED", "NOT_PLANNED", "DUPLICATE"] | None = None


class ReopenIssue(Input):
    issue_id: str


class Labelling(Input):
    labelable_id: str
    label_ids: Ids


@mutation("createIssue", CreateIssue)
def create_issue(context: Context, body: CreateIssue) -> Shape:
    repository = nodes.repository(context, body.repository_id)
    writes = context.may_write(repository)
    made = context.forge.issues.create(
        repository,
        author=context.viewer,
        title=body.title,
        body=body.body,
        labels=_labels(context, repository, body.label_ids or []) if writes else (),
        assignees=_logins(context, body.assignee_ids or []) if writes else (),
    )
    return {"issue": Node(repository, made)}


@mutation("updateIssue", UpdateIssue)
def update_issue(context: Context, body: UpdateIssue) -> Shape:
    found = _own_issue(context, body.id, "UpdateIssue")
    if not context.may_write(found.repository) and (body.label_ids is not None or body.assignee_ids is not None):
        raise _not_allowed(context, "UpdateIssue")
    changes = {"title": body.title, "body": body.body, "state": body.state.lower() if body.state else None}
    edited = context.forge.issues.edit(
        found.repository,
        found.record.number,
        actor=context.viewer,
        changes={name: value for name, value in changes.items() if value is not None},
        labels=None if body.label_ids is None else _labels(context, found.repository, body.label_ids),
        assignees=None if body.assignee_ids is None else _logins(context, body.assignee_ids),
    )
    return {"issue": Node(found.repository, edited), "actor": context.viewer}


@mutation("closeIssue", CloseIssue)
def close_issue(context: Context, body: CloseIssue) -> Shape:
    reason = body.state_reason.lower() if body.state_reason else None
    return _turn(context, body.issue_id, "CloseIssue", state="closed", state_reason=reason)


@mutation("reopenIssue", ReopenIssue)
def reopen_issue(context: Context, body: ReopenIssue) -> Shape:
    return _turn(context, body.issue_id, "ReopenIssue", state="open")


def _turn(context: Context, issue_id: str, what: str, **changes: str | None) -> Shape:
    found = _own_issue(context, issue_id, what)
    edited = context.forge.issues.edit(found.repository, found.record.number, actor=context.viewer, changes=changes)
    return {"issue": Node(found.repository, edited)}


@mutation("addLabelsToLabelable", Labelling)
def add_labels(context: Context, body: Labelling) -> Shape:
    found = _labelable(context, body.labelable_id, "AddLabelsToLabelable")
    names = _labels(context, found.repository, body.label_ids)
    context.forge.issues.add_labels(found.repository, found.record.number, names, actor=context.viewer)
    return {"labelable": nodes.find(context, body.labelable_id)}


@mutation("removeLabelsFromLabelable", Labelling)
def remove_labels(context: Context, body: Labelling) -> Shape:
    """What it has not got is no error, as on GitHub."""
    found = _labelable(context, body.labelable_id, "RemoveLabelsFromLabelable")
    carried = {label.name for label in context.forge.issues.labels_of(found.record.id)}
    for name in _labels(context, found.repository, body.label_ids):
        if name in carried:
            context.forge.issues.remove_label(found.repository, found.record.number, name, actor=context.viewer)
    return {"labelable": nodes.find(context, body.labelable_id)}


# Comments ----------------------------------------------------------------------------------------------------------


class AddComment(Input):
    subject_id: str
    body: Said


class UpdateComment(Input):
    id: str
    body: Said


class DeleteComment(Input):
    id: str


@mutation("addComment", AddComment)
def add_comment(context: Context, body: AddComment) -> Shape:
    found = nodes.find(context, body.subject_id, "Issue", "PullRequest")
    number = found.record.number
    made = context.forge.issues.add_comment(found.repository, number, author=context.viewer, body=body.body)
    count = context.forge.issues.comment_count(found.record.id)
    subject = nodes.find(context, body.subject_id)
    return {"commentEdge": edge(context, Node(found.repository, made), count - 1), "subject": subject}


@mutation("updateIssueComment", UpdateComment)
def update_comment(context: Context, body: UpdateComment) -> Shape:
    found = _own_comment(context, body.id, "UpdateIssueComment")
    edited, _ = context.forge.issues.edit_comment(found.repository, found.record.id, body=body.body)
    return {"issueComment": Node(found.repository, edited)}


@mutation("deleteIssueComment", DeleteComment)
def delete_comment(context: Context, body: DeleteComment) -> Shape:
    found = _own_comment(context, body.id, "DeleteIssueComment")
    context.forge.issues.delete_comment(found.repository, found.record.id)
    return {}


# Pull requests -----------------------------------------------------------------------------------------------------


class CreatePull(Input):
    repository_id: str
    base_ref_name: Line
    head_ref_name: Line
    title: Line
    body: Text | None = None
    draft: bool | None = None


class MergePull(Input):
    pull_request_id: str
    commit_headline: Text | None = None
    commit_body: Text | None = None
    expected_head_oid: str | None = None
    merge_method: Literal["MERGE", "SQUASH", "REBASE"] | None = None


class AddReview(Input):
    pull_request_id: str
    event: Literal["APPROVE", "COMMENT", "REQUEST_CHANGES"]
    body: Text | None = None
    commit_oid: Annotated[str | None, Field(alias="commitOID")] = None


class ClosePull(Input):
    pull_request_id: str


@mutation("createPullRequest", CreatePull)
def create_pull(context: Context, body: CreatePull) -> Shape:
    repository = nodes.repository(context, body.repository_id)
    made = context.forge.pulls.create(
        repository,
        author=context.viewer,
        title=body.title,
        body=body.body,
        head=body.head_ref_name,
        base=body.base_ref_name,
        draft=bool(body.draft),
    )
    return {"pullRequest": Node(repository, made)}


@mutation("mergePullRequest", MergePull)
def merge_pull(context: Context, body: MergePull) -> Shape:
    found = nodes.find(context, body.pull_request_id, "PullRequest")
    _need_write(context, found.repository, "MergePullRequest")
    context.forge.pulls.merge(
        found.repository,
        found.record.number,
        actor=context.viewer,
        method=(body.merge_method or "MERGE").lower(),
        sha=body.expected_head_oid,
        title=body.commit_headline,
        message=body.commit_body,
    )
    return {"pullRequest": nodes.find(context, body.pull_request_id), "actor": context.viewer}


@mutation("addPullRequestReview", AddReview)
def add_review(context: Context, body: AddReview) -> Shape:
    found = nodes.find(context, body.pull_request_id, "PullRequest")
    made = context.forge.reviews.create(
        found.repository,
        found.record.number,
        author=context.viewer,
        event=body.event,
        body=body.body or "",
        commit_id=body.commit_oid,
    )
    return {"pullRequestReview": Node(found.repository, made)}


@mutation("closePullRequest", ClosePull)
def close_pull(context: Context, body: ClosePull) -> Shape:
    found: Node[Pull] = nodes.find(context, body.pull_request_id, "PullRequest")
    if found.record.author_id != context.viewer.id:
        _need_write(context, found.repository, "ClosePullRequest")
    closed = context.forge.pulls.edit(
        found.repository, found.record.number, actor=context.viewer, changes={"state": "closed"}
    )
    return {"pullRequest": Node(found.repository, closed)}


# Who may, and what is meant ----------------------------------------------------------------------------------------


def _need_write(context: Context, repository: Repository, what: str) -> None:
    if not context.may_write(repository):
        raise _not_allowed(context, what)


def _not_allowed(context: Context, what: str) -> Exception:
    return forbidden(f"{context.viewer.login} does not have the correct permissions to execute `{what}`")


def _own_issue(context: Context, global_id: str, what: str) -> Node[Issue]:
    """An issue that the viewer opened, or may write to."""
    found = nodes.find(context, global_id, "Issue")
    if found.record.author_id != context.viewer.id:
        _need_write(context, found.repository, what)
    return found


def _own_comment(context: Context, global_id: str, what: str) -> Node[Any]:
    found = nodes.find(context, global_id, "IssueComment")
    if found.record.author_id != context.viewer.id:
        _need_write(context, found.repository, what)
    return found


def _labelable(context: Context, global_id: str, what: str) -> Node[Issue]:
    found = nodes.find(context, global_id, "Issue", "PullRequest")
    _need_write(context, found.repository, what)
    return found


def _labels(context: Context, repository: Repository, ids: list[str]) -> list[str]:
    """The names of labels of this repository."""
    found = [nodes.find(context, one, "Label") for one in ids]
    if any(label.repository.id != repository.id for label in found):
        raise unprocessable("The labels must belong to the repository.")
    return [label.record.name for label in found]


def _logins(context: Context, ids: list[str]) -> list[str]:
    return [nodes.find(context, one, "User").login for one in ids]
