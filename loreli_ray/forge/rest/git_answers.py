"""The types of what is answered about commits, refs, branches and files: see answers.py."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from loreli_ray.forge.rest.answers import MAYBE, Answer, Count, ObjectId, Time, User

Kind = Literal["commit", "tree", "blob", "tag"]


# Commits -----------------------------------------------------------------------------------------------------------


class Signed(Answer):
    name: str
    email: str
    date: Time


class Pointer(Answer):
    sha: ObjectId
    url: str


class Parent(Pointer):
    html_url: str


class Verification(Answer):
    verified: bool
    reason: str
    signature: None
    payload: None
    verified_at: None


class GitCommit(Answer):
    """As git knows it."""

    sha: ObjectId
    node_id: str
    url: str
    html_url: str
    author: Signed
    committer: Signed
    message: str
    tree: Pointer
    parents: list[Parent]
    verification: Verification


class Committed(GitCommit):
    event: Literal["committed"]


class CommitText(Answer):
    author: Signed
    committer: Signed
    message: str
    tree: Pointer
    url: str
    comment_count: Count
    verification: Verification


class Commit(Answer):
    sha: ObjectId
    node_id: str
    url: str
    html_url: str
    comments_url: str
    commit: CommitText
    author: User | None
    committer: User | None
    parents: list[Parent]


class Stats(Answer):
    additions: Count
    deletions: Count
    total: Count


class File(Answer):
    """A file that changed; no patch where there is none to show."""

    sha: ObjectId
    filename: str
    status: Literal["added", "removed", "modified", "renamed", "copied", "changed"]
    additions: Count
    deletions: Count
    changes: Count
    blob_url: str
    raw_url: str
    contents_url: str
    patch: str = MAYBE
    previous_filename: str = MAYBE


class FullCommit(Commit):
    stats: Stats
    files: list[File]


class Comparison(Answer):
    url: str
    html_url: str
    permalink_url: str
    diff_url: str
    patch_url: str
    base_commit: Commit
    merge_base_commit: Commit
    status: Literal["ahead", "behind", "diverged", "identical"]
    ahead_by: Count
    behind_by: Count
    total_commits: Count
    commits: list[Commit]
    files: list[File]


# Refs, branches, files ---------------------------------------------------------------------------------------------


class RefObject(Answer):
    type: Kind
    sha: ObjectId
    url: str


class Ref(Answer):
    ref: str
    node_id: str
    url: str
    object: RefObject


class Branch(Answer):
    """As lists show it."""

    name: str
    commit: Pointer
    protected: bool


class Check(Answer):
    context: str
    app_id: None


class CheckSummary(Answer):
    enforcement_level: Literal["off", "non_admins", "everyone"]
    contexts: list[str]
    checks: list[Check]


class ProtectionSummary(Answer):
    enabled: bool
    required_status_checks: CheckSummary


class BranchLinks(Answer):
    itself: str = Field(alias="self")
    html: str


class FullBranch(Answer):
    name: str
    commit: Commit
    links: BranchLinks = Field(alias="_links")
    protected: bool
    protection: ProtectionSummary
    protection_url: str


class Switch(Answer):
    enabled: bool


class AdminSwitch(Switch):
    url: str


class ProtectedChecks(Answer):
    url: str
    strict: bool
    contexts: list[str]
    contexts_url: str
    checks: list[Check]


class ProtectedReviews(Answer):
    url: str
    dismiss_stale_reviews: bool
    require_code_owner_reviews: bool
    require_last_push_approval: bool
    required_approving_review_count: Count


class Rule(Answer):
    type: str


class Protection(Answer):
    url: str
    enforce_admins: AdminSwitch
    required_status_checks: ProtectedChecks = MAYBE
    required_pull_request_reviews: ProtectedReviews = MAYBE
    required_linear_history: Switch
    allow_force_pushes: Switch
    allow_deletions: Switch
    block_creations: Switch
    lock_branch: Switch
    required_conversation_resolution: Switch
    allow_fork_syncing: Switch


class EntryLinks(Answer):
    itself: str = Field(alias="self")
    git: str
    html: str


class Entry(Answer):
    type: Literal["file", "dir", "symlink", "submodule"]
    size: Count
    name: str
    path: str
    sha: ObjectId
    url: str
    git_url: str
    html_url: str
    download_url: None = MAYBE
    links: EntryLinks = Field(alias="_links")


class FileEntry(Entry):
    encoding: Literal["base64"]
    content: str


class SubmoduleEntry(Entry):
    submodule_git_url: None


Contents = FileEntry | SubmoduleEntry | list[Entry]


class FileCommit(Answer):
    content: Entry | None
    commit: GitCommit


class Leaf(Answer):
    path: str
    mode: Annotated[str, Field(pattern=r"^[0-7]{6}$")]
    type: Kind
    sha: ObjectId
    url: str
    size: Count = MAYBE


class Tree(Answer):
    sha: ObjectId
    url: str
    tree: list[Leaf]
    truncated: bool


class Blob(Answer):
    sha: ObjectId
    node_id: str
    url: str
    encoding: Literal["base64"]
    content: str
    size: Count
