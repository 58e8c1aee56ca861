"""The types of what is answered about checks, apps and the server itself: see answers.py."""

from __future__ import annotations

from typing import Literal

from loreli_ray.forge.rest.answers import (
    Answer,
    Count,
    MinimalRepository,
    ObjectId,
    Permissions,
    Repository,
    Time,
    User,
)

# Checks ------------------------------------------------------------------------------------------------------------


class App(Answer):
    id: int
    slug: str
    node_id: str
    client_id: str
    owner: User
    name: str
    description: str | None
    external_url: str
    html_url: str
    created_at: Time
    updated_at: Time
    permissions: Permissions
    events: list[str]


class Status(Answer):
    id: int
    node_id: str
    url: str
    avatar_url: str
    state: Literal["error", "failure", "pending", "success"]
    context: str
    description: str | None
    target_url: str | None
    created_at: Time
    updated_at: Time
    creator: User


class CombinedStatus(Answer):
    state: Literal["failure", "pending", "success"]
    statuses: list[Status]
    sha: ObjectId
    total_count: Count
    repository: MinimalRepository
    commit_url: str
    url: str


class CheckOutput(Answer):
    title: str | None
    summary: str | None
    text: str | None
    annotations_count: Count
    annotations_url: str


class Suite(Answer):
    id: int


class CheckRun(Answer):
    id: int
    node_id: str
    head_sha: ObjectId
    name: str
    external_id: str
    url: str
    html_url: str
    details_url: str | None
    status: Literal["queued", "in_progress", "completed", "waiting", "requested", "pending"]
    conclusion: Literal["action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out"] | None
    started_at: Time | None
    completed_at: Time | None
    output: CheckOutput
    check_suite: Suite
    app: App | None
    pull_requests: list[None]


class CheckRuns(Answer):
    total_count: Count
    check_runs: list[CheckRun]


# Apps and the server -----------------------------------------------------------------------------------------------


class OwnApp(App):
    installations_count: Count


class Installation(Answer):
    id: int
    account: User
    repository_selection: Literal["all"]
    access_tokens_url: str
    repositories_url: str
    html_url: str
    app_id: int
    app_slug: str
    target_id: int
    target_type: Literal["User"]
    permissions: Permissions
    events: list[str]
    created_at: Time
    updated_at: Time
    single_file_name: None
    suspended_by: None
    suspended_at: None


class InstallationToken(Answer):
    token: str
    expires_at: Time
    permissions: Permissions
    repository_selection: Literal["all"]


class InstallationRepositories(Answer):
    total_count: Count
    repositories: list[Repository]


class Meta(Answer):
    verifiable_password_authentication: bool


class Rate(Answer):
    limit: Count
    remaining: Count
    reset: Count
    used: Count


class Resources(Answer):
    core: Rate
    search: Rate
    graphql: Rate


class RateLimit(Answer):
    resources: Resources
    rate: Rate
