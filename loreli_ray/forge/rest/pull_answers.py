"""The types of what is answered about pull requests and reviews: see answers.py."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from loreli_ray.forge.rest.answers import (
    MAYBE,
    Answer,
    Association,
    Count,
    Label,
    ObjectId,
    ReactionCounts,
    Repository,
    Time,
    User,
)


class Tip(Answer):
    label: str
    ref: str
    sha: ObjectId
    user: User
    repo: Repository


class Link(Answer):
    href: str


class PullRelations(Answer):
    itself: Link = Field(alias="self")
    html: Link
    issue: Link
    comments: Link
    review_comments: Link
    review_comment: Link
    commits: Link
    statuses: Link


class Pull(Answer):
    """As lists show it."""

    url: str
    html_url: str
    diff_url: str
    patch_url: str
    issue_url: str
    commits_url: str
    review_comments_url: str
    review_comment_url: str
    comments_url: str
    statuses_url: str
    id: int
    node_id: str
    number: Annotated[int, Field(ge=1)]
    state: Literal["open", "closed"]
    locked: bool
    active_lock_reason: str | None
    title: str
    body: str | None
    user: User
    labels: list[Label]
    assignee: User | None
    assignees: list[User]
    requested_reviewers: list[User]
    requested_teams: list[None]
    milestone: None
    draft: bool
    created_at: Time
    updated_at: Time
    closed_at: Time | None
    merged_at: Time | None
    merge_commit_sha: ObjectId | None
    head: Tip
    base: Tip
    author_association: Association
    auto_merge: None
    links: PullRelations = Field(alias="_links")


class FullPull(Pull):
    merged: bool
    merged_by: User | None
    mergeable: bool | None
    mergeable_state: Literal["unknown", "dirty", "draft", "blocked", "behind", "unstable", "clean"]
    rebaseable: bool | None
    maintainer_can_modify: bool
    comments: Count
    review_comments: Count
    commits: Count
    additions: Count
    deletions: Count
    changed_files: Count


class Merged(Answer):
    sha: ObjectId
    merged: Literal[True]
    message: str


class Updating(Answer):
    message: str
    url: str


class ReviewLinks(Answer):
    html: Link
    pull_request: Link


class Review(Answer):
    id: int
    node_id: str
    user: User
    body: str
    state: Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED"]
    html_url: str
    pull_request_url: str
    author_association: Association
    links: ReviewLinks = Field(alias="_links")
    submitted_at: Time
    commit_id: ObjectId


class Reviewed(Review):
    event: Literal["reviewed"]


class ReviewCommentLinks(ReviewLinks):
    itself: Link = Field(alias="self")


class ReviewComment(Answer):
    id: int
    node_id: str
    url: str
    html_url: str
    pull_request_url: str
    pull_request_review_id: int
    diff_hunk: str
    path: str
    position: Count
    original_position: Count
    line: Count
    original_line: Count
    start_line: None
    original_start_line: None
    start_side: None
    side: Literal["LEFT", "RIGHT"]
    subject_type: Literal["line"]
    commit_id: ObjectId
    original_commit_id: ObjectId
    user: User
    body: str
    created_at: Time
    updated_at: Time
    author_association: Association
    reactions: ReactionCounts
    in_reply_to_id: int = MAYBE
    links: ReviewCommentLinks = Field(alias="_links")


class Requested(Answer):
    users: list[User]
    teams: list[None]
