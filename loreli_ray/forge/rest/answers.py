"""The types of what is answered: people, repositories, issues; what all others share. shapes.py makes the values.

Nothing is checked against these while the forge runs: openapi.py describes the API by them, and the tests hold every
answer to that description, which knows no field beside those named here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from loreli_ray.forge.rest.shapes import REPOSITORY_URLS, USER_URLS

Time = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
ObjectId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Count = Annotated[int, Field(ge=0)]
Color = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{6}$")]
Association = Literal["OWNER", "COLLABORATOR", "NONE"]
Permission = Literal["admin", "write", "read", "none"]
Permissions = dict[str, str]

# Of a field that may be missing; nothing is ever made of this default.
MAYBE: Any = Field(default_factory=dict[str, Any])


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _urls(names: Iterable[str]) -> Callable[[dict[str, Any]], None]:
    """Adds fields that are URLs: too many, and too much alike, to be written down twice."""

    def add(schema: dict[str, Any]) -> None:
        schema["properties"] |= {name: {"type": "string"} for name in names}
        schema["required"] = [*schema.get("required", []), *names]

    return add


class Detail(Answer):
    """One of the reasons beneath a 422."""

    model_config = ConfigDict(extra="allow")
    resource: str
    code: str
    field: str = MAYBE
    message: str = MAYBE


class Refused(Answer):
    message: str
    documentation_url: str
    status: str
    errors: list[Detail] = MAYBE


# People and repositories -------------------------------------------------------------------------------------------


class User(Answer):
    model_config = ConfigDict(json_schema_extra=_urls(USER_URLS))
    login: str
    id: int
    node_id: str
    avatar_url: str
    gravatar_id: str
    url: str
    html_url: str
    type: Literal["User", "Bot"]
    site_admin: bool


class Profile(User):
    name: str | None
    company: str | None
    blog: str
    location: str | None
    email: str | None
    hireable: bool | None
    bio: str | None
    twitter_username: str | None
    public_repos: Count
    public_gists: Count
    followers: Count
    following: Count
    created_at: Time
    updated_at: Time


class Allowed(Answer):
    admin: bool
    maintain: bool
    push: bool
    triage: bool
    pull: bool


class Member(User):
    role_name: Permission
    permissions: Allowed


class MemberPermission(Answer):
    permission: Permission
    role_name: Permission
    user: Member


class MinimalRepository(Answer):
    model_config = ConfigDict(json_schema_extra=_urls(REPOSITORY_URLS))
    id: int
    node_id: str
    name: str
    full_name: str
    owner: User
    private: bool
    visibility: Literal["public", "private"]
    html_url: str
    description: str | None
    fork: bool
    url: str


class Repository(MinimalRepository):
    git_url: str
    ssh_url: str
    clone_url: str
    svn_url: str
    mirror_url: str | None
    homepage: str | None
    language: str | None
    license: None
    topics: list[str]
    default_branch: str
    open_issues: Count
    open_issues_count: Count
    forks: Count
    forks_count: Count
    stargazers_count: Count
    watchers: Count
    watchers_count: Count
    size: Count
    is_template: bool
    has_issues: bool
    has_projects: bool
    has_wiki: bool
    has_pages: bool
    has_downloads: bool
    has_discussions: bool
    archived: bool
    disabled: bool
    allow_forking: bool
    web_commit_signoff_required: bool
    pushed_at: Time
    created_at: Time
    updated_at: Time


class FullRepository(Repository):
    permissions: Allowed
    allow_merge_commit: bool
    allow_squash_merge: bool
    allow_rebase_merge: bool
    allow_auto_merge: bool
    allow_update_branch: bool
    delete_branch_on_merge: bool
    subscribers_count: Count
    network_count: Count


# Issues ------------------------------------------------------------------------------------------------------------


class Label(Answer):
    id: int
    node_id: str
    url: str
    name: str
    description: str | None
    color: Color
    default: bool
    archived_at: None
    archived_by: None


class ReactionCounts(Answer):
    url: str
    total_count: Count
    up: Count = Field(alias="+1")
    down: Count = Field(alias="-1")
    laugh: Count
    hooray: Count
    confused: Count
    heart: Count
    rocket: Count
    eyes: Count


class PullLinks(Answer):
    url: str
    html_url: str
    diff_url: str
    patch_url: str
    merged_at: Time | None


class Issue(Answer):
    id: int
    node_id: str
    url: str
    repository_url: str
    labels_url: str
    comments_url: str
    events_url: str
    timeline_url: str
    html_url: str
    number: Annotated[int, Field(ge=1)]
    state: Literal["open", "closed"]
    state_reason: Literal["completed", "not_planned", "duplicate", "reopened"] | None
    title: str
    body: str | None
    user: User
    labels: list[Label]
    assignee: User | None
    assignees: list[User]
    milestone: None
    locked: bool
    active_lock_reason: str | None
    comments: Count
    created_at: Time
    updated_at: Time
    closed_at: Time | None
    closed_by: User | None
    author_association: Association
    reactions: ReactionCounts
    performed_via_github_app: None
    draft: bool = MAYBE
    pull_request: PullLinks = MAYBE


class FoundIssue(Issue):
    score: float


class FoundIssues(Answer):
    total_count: Count
    incomplete_results: bool
    search_type: Literal["lexical"]
    items: list[FoundIssue]


class Comment(Answer):
    id: int
    node_id: str
    url: str
    html_url: str
    issue_url: str
    body: str
    user: User
    created_at: Time
    updated_at: Time
    author_association: Association
    reactions: ReactionCounts
    performed_via_github_app: None
