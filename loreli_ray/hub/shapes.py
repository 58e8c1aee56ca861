"""The few fields that we read of GitHub's answers (https://docs.github.com/en/rest). Unknown fields are ignored."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

State = Literal["error", "failure", "pending", "success"]
"""Of a commit's status."""


class Shape(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class User(Shape):
    """`type` is User, Bot or Organization; GraphQL does not tell it."""

    login: str
    type: str = ""


class App(Shape):
    slug: str


class Installation(Shape):
    id: int


class InstallationToken(Shape):
    token: str = Field(repr=False)
    expires_at: datetime
    permissions: dict[str, str] = {}


class Repository(Shape):
    """What is None is only told to some: https://docs.github.com/en/rest/repos/repos#get-a-repository."""

    full_name: str
    default_branch: str
    clone_url: str
    private: bool = True
    archived: bool = False
    disabled: bool = False
    has_issues: bool = True
    permissions: dict[str, bool] | None = None
    allow_squash_merge: bool | None = None
    allow_merge_commit: bool | None = None
    allow_rebase_merge: bool | None = None


class Label(Shape):
    name: str


class PullLink(Shape):
    merged_at: datetime | None = None


class Issue(Shape):
    """An issue, or a pull request as the issues API shows it."""

    number: int
    title: str
    body: str | None = None
    user: User | None = None
    state: str = "open"
    author_association: str = "NONE"
    labels: tuple[Label | str, ...] = ()
    assignees: tuple[User, ...] = ()
    comments: int = 0
    updated_at: datetime | None = None
    pull_request: PullLink | None = None

    @property
    def label_names(self) -> tuple[str, ...]:
        return tuple(label if isinstance(label, str) else label.name for label in self.labels)


class Comment(Shape):
    """A comment on an issue, or on a line of a change (`path`)."""

    id: int
    body: str | None = None
    user: User | None = None
    author_association: str = "NONE"
    updated_at: datetime | None = None
    path: str = ""
    line: int | None = None
    pull_request_review_id: int | None = None


class IssueEvent(Shape):
    event: str
    actor: User | None = None
    label: Label | None = None
    created_at: datetime | None = None


class Editing(Shape):
    """Of an issue's body: the last one."""

    last_edited_at: datetime | None = Field(alias="lastEditedAt")
    editor: User | None


class EditedIssue(Shape):
    issue: Editing | None


class EditedRepository(Shape):
    repository: EditedIssue | None


class QueryError(Shape):
    """https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api."""

    message: str
    type: str = ""


class Edited(Shape):
    data: EditedRepository | None = None
    errors: tuple[QueryError, ...] = ()


class Permission(Shape):
    permission: str
    role_name: str | None = None


class Ref(Shape):
    ref: str
    sha: str


class Pull(Shape):
    number: int
    title: str
    body: str | None = None
    user: User | None = None
    state: str = "open"
    draft: bool | None = False
    merged: bool | None = False
    mergeable: bool | None = None
    merge_commit_sha: str | None = None
    labels: tuple[Label, ...] = ()
    updated_at: datetime | None = None
    head: Ref
    base: Ref


class Review(Shape):
    id: int
    state: str
    body: str | None = None
    commit_id: str | None = None
    user: User | None = None
    author_association: str = "NONE"
    submitted_at: datetime | None = None


class Output(Shape):
    title: str | None = None
    summary: str | None = None


class CheckRun(Shape):
    id: int
    name: str
    status: str
    conclusion: str | None = None
    started_at: datetime | None = None
    html_url: str | None = None
    output: Output = Output()


class CheckRuns(Shape):
    total_count: int
    check_runs: tuple[CheckRun, ...] = ()


class CommitStatus(Shape):
    context: str
    state: State
    description: str | None = None
    target_url: str | None = None
    updated_at: datetime | None = None


class CombinedStatus(Shape):
    statuses: tuple[CommitStatus, ...] = ()


class Comparison(Shape):
    behind_by: int


class Merged(Shape):
    sha: str
    merged: bool


class Status(Shape):
    context: str
    state: State
    description: str | None = None


class File(Shape):
    """A file of a pull request. Without `patch` it is binary or too large."""

    filename: str
    patch: str | None = None


class Contexts(Shape):
    contexts: tuple[str, ...] = ()


class Approvals(Shape):
    required_approving_review_count: int = 0


class Protection(Shape):
    """Of a branch: https://docs.github.com/en/rest/branches/branch-protection."""

    required_status_checks: Contexts | None = None
    required_pull_request_reviews: Approvals | None = None


class Branch(Shape):
    """What everybody may know of a branch."""

    name: str
    protected: bool = False
    protection: Protection | None = None


class RequiredCheck(Shape):
    context: str


class Parameters(Approvals):
    required_status_checks: tuple[RequiredCheck, ...] = ()


class Rule(Shape):
    """A rule that holds for a branch: https://docs.github.com/en/rest/repos/rules."""

    type: str
    parameters: Parameters | None = None
