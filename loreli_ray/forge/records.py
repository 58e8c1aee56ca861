"""The rows of the store as values. Field names are column names; times are whole seconds since the epoch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class User:
    id: int
    login: str
    token: str
    created_at: int
    kind: str

    @property
    def is_bot(self) -> bool:
        """Whether an app acts by this name."""
        return self.kind == "Bot"

    @property
    def email(self) -> str:
        """The address in the commits that the forge makes on the user's behalf."""
        return f"{self.id}+{self.login}@users.noreply.localhost"


@dataclass(frozen=True, slots=True)
class Repository:
    id: int
    owner_id: int
    owner: str
    name: str
    private: bool
    default_branch: str
    created_at: int
    pushed_at: int
    description: str | None
    allow_merge_commit: bool
    allow_squash_merge: bool
    allow_rebase_merge: bool
    delete_branch_on_merge: bool
    has_issues: bool
    has_discussions: bool
    archived: bool

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    def path(self, root: Path) -> Path:
        """The bare repository beneath `root`."""
        return root / self.owner / f"{self.name}.git"


@dataclass(frozen=True, slots=True)
class Label:
    id: int
    repository_id: int
    name: str
    color: str
    description: str | None
    is_default: bool


@dataclass(frozen=True, slots=True)
class Issue:
    """A row that is also a pull request has `is_pull` set; both draw their number from one sequence.

    `editor_id` is who last gave it another body, `last_edited_at` when.
    """

    id: int
    repository_id: int
    number: int
    author_id: int
    title: str
    body: str | None
    state: str
    state_reason: str | None
    created_at: int
    updated_at: int
    closed_at: int | None
    closed_by: int | None
    is_pull: bool
    locked: bool
    lock_reason: str | None
    last_edited_at: int | None
    editor_id: int | None


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to an issue or pull request. `details` is a JSON object, by the event's name: see events.py."""

    id: int
    issue_id: int
    actor_id: int | None
    name: str
    details: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Pull(Issue):
    """`landing_sha` is the commit of a merge under way: see pulls.py."""

    head_ref: str
    head_sha: str
    base_ref: str
    base_sha: str
    draft: bool
    merged_at: int | None
    merged_by: int | None
    merge_commit_sha: str | None
    landing_sha: str | None
    landing_by: int | None


@dataclass(frozen=True, slots=True)
class Comment:
    id: int
    issue_id: int
    author_id: int
    body: str
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Review:
    id: int
    pull_id: int
    author_id: int
    state: str
    body: str
    commit_id: str
    submitted_at: int


@dataclass(frozen=True, slots=True)
class ReviewComment:
    id: int
    review_id: int
    pull_id: int
    author_id: int
    body: str
    commit_id: str
    path: str
    line: int
    side: str
    position: int
    diff_hunk: str
    created_at: int
    updated_at: int
    in_reply_to: int | None


@dataclass(frozen=True, slots=True)
class Reaction:
    id: int
    user_id: int
    content: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Protection:
    """What a branch asks of a merge. `contexts` is a JSON list, None where no check is asked for; `strict`: the head
    must hold the tip of the branch; `approvals`: how many reviews, None where none is asked for."""

    repository_id: int
    branch: str
    strict: bool
    contexts: str | None
    approvals: int | None
    enforce_admins: bool


@dataclass(frozen=True, slots=True)
class App:
    """`public_key` is in PEM; `bot_id` is the user as whom the app acts."""

    id: int
    slug: str
    public_key: str
    owner_id: int
    bot_id: int
    created_at: int


@dataclass(frozen=True, slots=True)
class Installation:
    """An app on all repositories of one account."""

    id: int
    app_id: int
    account_id: int
    created_at: int


@dataclass(frozen=True, slots=True)
class CommitStatus:
    id: int
    repository_id: int
    sha: str
    state: str
    context: str
    description: str | None
    target_url: str | None
    creator_id: int
    created_at: int


@dataclass(frozen=True, slots=True)
class CheckRun:
    id: int
    repository_id: int
    head_sha: str
    name: str
    status: str
    conclusion: str | None
    started_at: int | None
    completed_at: int | None
    external_id: str | None
    details_url: str | None
    title: str | None
    summary: str | None
    text: str | None
    app_id: int | None


@dataclass(frozen=True, slots=True)
class DiscussionCategory:
    id: int
    repository_id: int
    name: str
    slug: str
    emoji: str
    description: str | None
    is_answerable: bool
    created_at: int


@dataclass(frozen=True, slots=True)
class Discussion:
    """`number` is drawn from the sequence of the issues."""

    id: int
    repository_id: int
    number: int
    category_id: int
    author_id: int
    title: str
    body: str
    state: str
    state_reason: str | None
    created_at: int
    updated_at: int
    closed_at: int | None
    answer_id: int | None
    answered_at: int | None
    answered_by: int | None


@dataclass(frozen=True, slots=True)
class DiscussionComment:
    """`reply_to` is the comment that this one answers."""

    id: int
    discussion_id: int
    author_id: int
    reply_to: int | None
    body: str
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Hook:
    """`events` is a JSON list; `told` is the last note that it has heard."""

    id: int
    repository_id: int
    url: str
    content_type: str
    secret: str | None
    insecure_ssl: bool
    events: str
    active: bool
    created_at: int
    updated_at: int
    told: int


@dataclass(frozen=True, slots=True)
class Note:
    """Something a hook may want to hear of: see triggers.py. `details` is a JSON object."""

    id: int
    repository_id: int
    kind: str
    action: str
    subject_id: int
    actor_id: int | None
    details: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """`status` is in words, `status_code` the receiver's or 0; `duration` in seconds; `headers` is a JSON object."""

    id: int
    hook_id: int
    guid: str
    event: str
    action: str
    redelivery: bool
    delivered_at: int
    duration: float
    status: str
    status_code: int
    url: str
    headers: str
    payload: str
    answer: str
