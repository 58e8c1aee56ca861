"""The types of what is answered about events and reactions: see answers.py."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from loreli_ray.forge.rest.answers import MAYBE, Answer, Color, Comment, Issue, ObjectId, Time, User


class Reaction(Answer):
    id: int
    node_id: str
    user: User
    content: Literal["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"]
    created_at: Time


class EventLabel(Answer):
    name: str
    color: Color


class Rename(Answer):
    before: str = Field(alias="from")
    to: str


class DismissedReview(Answer):
    state: Literal["approved", "changes_requested"]
    review_id: int
    dismissal_message: str


class Event(Answer):
    """Which of the fields that may be missing are there depends on `event`."""

    id: int
    node_id: str
    url: str
    actor: User | None
    event: str
    commit_id: ObjectId | None
    commit_url: str | None
    created_at: Time
    performed_via_github_app: None
    label: EventLabel = MAYBE
    assignee: User = MAYBE
    assigner: User = MAYBE
    rename: Rename = MAYBE
    state_reason: str | None = MAYBE
    lock_reason: str = MAYBE
    requested_reviewer: User = MAYBE
    review_requester: User = MAYBE
    dismissed_review: DismissedReview = MAYBE


class IssueEvent(Event):
    issue: Issue


class Source(Answer):
    type: Literal["issue"]
    issue: Issue


class CrossReference(Answer):
    event: Literal["cross-referenced"]
    actor: User
    created_at: Time
    updated_at: Time
    source: Source


class Commented(Comment):
    event: Literal["commented"]
    actor: User
