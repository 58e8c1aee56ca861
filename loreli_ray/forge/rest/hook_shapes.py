"""From a note to the payload that a webhook gets: https://docs.github.com/webhooks/webhook-events-and-payloads.

Comments and check runs are shown as they were; issues, pull requests and discussions as they are when it is told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from loreli_ray.forge.forge import Forge
from loreli_ray.forge.records import (
    CheckRun,
    Comment,
    CommitStatus,
    Discussion,
    DiscussionCategory,
    DiscussionComment,
    Event,
    Hook,
    Issue,
    Note,
    Repository,
    Review,
    ReviewComment,
    User,
)
from loreli_ray.forge.refusal import Refusal
from loreli_ray.forge.repository import ABSENT, Commit
from loreli_ray.forge.rest import pull_shapes
from loreli_ray.forge.rest.shapes import Shape, Shapes, node_id, time

COMMITS_MAX = 20
# An issue event that has a webhook action of another name, or none; what is not here keeps its name.
_ACTIONS = {"renamed": "edited", "base_ref_changed": "edited", "convert_to_draft": "converted_to_draft"}
_SILENT = {"cross-referenced", "mentioned", "subscribed", "referenced", "head_ref_deleted", "head_ref_force_pushed"}


@dataclass(frozen=True, slots=True)
class Message:
    """What a hook is told: the event's name, the action (some have none) and the payload."""

    event: str
    action: str
    payload: Shape


def message(shapes: Shapes, repository: Repository, note: Note, hook: Hook) -> Message | None:
    """None for what is of no interest to webhooks, and for what is gone already."""
    build = _Builder(shapes, repository, json.loads(note.details))
    try:
        found = build.ping(hook) if note.kind == "ping" else _BUILDERS[note.kind](build, note)
        if not found:
            return None
        event, action, payload = found
        common = {"repository": shapes.repository(repository), "sender": shapes.user(_sender(shapes, repository, note))}
    except Refusal as refusal:
        if refusal.status == 404:
            return None
        raise
    return Message(event, action, ({"action": action} if action else {}) | payload | common)


Built = tuple[str, str, Shape]


class _Builder:
    def __init__(self, shapes: Shapes, repository: Repository, details: Mapping[str, Any]) -> None:
        self._shapes = shapes
        self._repository = repository
        self._details = details

    @property
    def _forge(self) -> Forge:
        return self._shapes.forge

    # Issues and pull requests --------------------------------------------------------------------------------------

    def issue(self, note: Note) -> Built:
        """An issue or pull request that was opened or rewritten, or whose head has moved."""
        extra: Shape = {}
        if note.action == "edited":
            extra["changes"] = {"body": {"from": self._details["body"]}}
        if note.action == "synchronize":
            extra |= self._details
        return self._subject(note.subject_id, note.action, extra)

    def event(self, note: Note) -> Built | None:
        event = self._forge.find(Event, note.subject_id)
        details: dict[str, Any] = json.loads(event.details)
        if event.name in _SILENT or event.name == "merged":  # closing it follows, and says it
            return None
        if event.name == "review_dismissed":
            review = self._forge.find(Review, details["dismissed_review"]["review_id"])
            return self._review("dismissed", review)
        extra: Shape = {}
        if "label" in details:
            name = details["label"]["name"]
            extra["label"] = self._shapes.label(self._repository, self._forge.issues.label(self._repository, name))
        if "assignee" in details:
            extra["assignee"] = self._shapes.person(details["assignee"])
        if "reviewer" in details:
            extra["requested_reviewer"] = self._shapes.person(details["reviewer"])
        if event.name == "renamed":
            extra["changes"] = {"title": {"from": details["rename"]["from"]}}
        return self._subject(event.issue_id, _ACTIONS.get(event.name, event.name), extra)

    def _subject(self, issue_id: int, action: str, extra: Shape) -> Built:
        issue = self._forge.find(Issue, issue_id)
        if not issue.is_pull:
            return "issues", action, {"issue": self._shapes.issue(self._repository, issue)} | extra
        pull = self._forge.pulls.get(self._repository, issue.number)
        shape = pull_shapes.full_pull(self._shapes, self._repository, pull)
        return "pull_request", action, {"number": issue.number, "pull_request": shape} | extra

    def comment(self, note: Note) -> Built:
        comment = Comment(**self._details["row"])
        issue = self._forge.find(Issue, comment.issue_id)
        shape = {
            "issue": self._shapes.issue(self._repository, issue),
            "comment": self._shapes.comment(self._repository, comment, issue.number),
        }
        return "issue_comment", note.action, shape | self._changes(note)

    # Reviews -------------------------------------------------------------------------------------------------------

    def review(self, note: Note) -> Built:
        return self._review(note.action, self._forge.find(Review, note.subject_id))

    def _review(self, action: str, review: Review) -> Built:
        pull = self._pull(review.pull_id)
        shape = pull_shapes.review(self._shapes, self._repository, pull["number"], review)
        # Webhooks have the state in lower case, the API in upper case.
        return "pull_request_review", action, {
            "review": shape | {"state": review.state.lower()}, "pull_request": pull,
        }  # fmt: skip

    def remark(self, note: Note) -> Built:
        comment = ReviewComment(**self._details["row"])
        pull = self._pull(comment.pull_id)
        shape = pull_shapes.review_comment(self._shapes, self._repository, pull["number"], comment)
        return "pull_request_review_comment", note.action, {
            "comment": shape, "pull_request": pull, **self._changes(note),
        }  # fmt: skip

    def _pull(self, issue_id: int) -> Shape:
        number = self._forge.find(Issue, issue_id).number
        return pull_shapes.pull(self._shapes, self._repository, self._forge.pulls.get(self._repository, number))

    # Commits -------------------------------------------------------------------------------------------------------

    def status(self, note: Note) -> Built:
        status = self._forge.find(CommitStatus, note.subject_id)
        shape = self._shapes.status(self._repository, status)
        git = self._forge.git(self._repository)
        fields = ("id", "state", "description", "target_url", "context", "created_at", "updated_at", "avatar_url")
        return "status", "", {name: shape[name] for name in fields} | {
            "sha": status.sha,
            "name": self._repository.full_name,
            "commit": pull_shapes.commit(self._shapes, self._repository, git.commit(status.sha)),
            "branches": [],
        }  # fmt: skip

    def check_run(self, note: Note) -> Built:
        run = CheckRun(**self._details["row"])
        return "check_run", note.action, {"check_run": self._shapes.check_run(self._repository, run)}

    def push(self, note: Note) -> Built:
        git = self._forge.git(self._repository)
        before, after = self._details["before"], self._details["after"]
        there = git.kind(after) == "commit"
        known = git.kind(before) == "commit"
        commits = git.log(f"{before}..{after}" if known else after, limit=COMMITS_MAX)[::-1] if there else []
        web = self._shapes.repository_web(self._repository)
        return "push", "", {
            "ref": self._details["ref"],
            "before": before,
            "after": after,
            "created": before == ABSENT,
            "deleted": after == ABSENT,
            "forced": known and there and not git.contains(after, before),
            "base_ref": None,
            "compare": f"{web}/compare/{before[:12]}...{after[:12]}",
            "commits": [self._pushed(commit) for commit in commits],
            "head_commit": self._pushed(git.commit(after)) if there else None,
            "pusher": {"name": _sender(self._shapes, self._repository, note).login, "email": None},
        }  # fmt: skip

    def _pushed(self, commit: Commit) -> Shape:
        return {
            "id": commit.sha,
            "tree_id": commit.tree,
            "distinct": True,
            "message": commit.message,
            "timestamp": time(commit.committer.date),
            "url": f"{self._shapes.repository_web(self._repository)}/commit/{commit.sha}",
            "author": {"name": commit.author.name, "email": commit.author.email},
            "committer": {"name": commit.committer.name, "email": commit.committer.email},
        }

    # Discussions ---------------------------------------------------------------------------------------------------

    def discussion(self, note: Note) -> Built:
        discussion = self._forge.find(Discussion, note.subject_id)
        return "discussion", note.action, {"discussion": self._discussion(discussion)}

    def discussion_comment(self, note: Note) -> Built:
        comment = DiscussionComment(**self._details["row"])
        discussion = self._discussion(self._forge.find(Discussion, comment.discussion_id))
        shape = {
            "id": comment.id,
            "node_id": node_id("DiscussionComment", comment.id),
            "html_url": f"{discussion['html_url']}#discussioncomment-{comment.id}",
            "parent_id": comment.reply_to,
            "child_comment_count": len(self._forge.discussions.replies(comment)),
            "repository_url": self._shapes.repository_api(self._repository),
            "discussion_id": comment.discussion_id,
            "author_association": self._shapes.association(self._repository, comment.author_id),
            "user": self._shapes.person(comment.author_id),
            "created_at": time(comment.created_at),
            "updated_at": time(comment.updated_at),
            "body": comment.body,
        }
        return "discussion_comment", note.action, {
            "discussion": discussion, "comment": shape, **self._changes(note),
        }  # fmt: skip

    def _discussion(self, discussion: Discussion) -> Shape:
        category = self._forge.find(DiscussionCategory, discussion.category_id)
        return {
            "repository_url": self._shapes.repository_api(self._repository),
            "category": {
                "id": category.id,
                "node_id": node_id("DiscussionCategory", category.id),
                "repository_id": category.repository_id,
                "emoji": category.emoji,
                "name": category.name,
                "description": category.description,
                "created_at": time(category.created_at),
                "updated_at": time(category.created_at),
                "slug": category.slug,
                "is_answerable": category.is_answerable,
            },
            "answer_html_url": None,
            "answer_chosen_at": time(discussion.answered_at),
            "answer_chosen_by": self._shapes.person(discussion.answered_by),
            "html_url": f"{self._shapes.repository_web(self._repository)}/discussions/{discussion.number}",
            "id": discussion.id,
            "node_id": node_id("Discussion", discussion.id),
            "number": discussion.number,
            "title": discussion.title,
            "user": self._shapes.person(discussion.author_id),
            "state": discussion.state,
            "state_reason": discussion.state_reason,
            "locked": False,
            "comments": len(self._forge.discussions.comments(discussion)),
            "created_at": time(discussion.created_at),
            "updated_at": time(discussion.updated_at),
            "author_association": self._shapes.association(self._repository, discussion.author_id),
            "active_lock_reason": None,
            "body": discussion.body,
        }

    # Hooks ---------------------------------------------------------------------------------------------------------

    def ping(self, hook: Hook) -> Built:
        shape = hook_shape(self._shapes, self._repository, hook)
        return "ping", "", {"zen": "Look at what is, not at what happened.", "hook_id": hook.id, "hook": shape}

    def _changes(self, note: Note) -> Shape:
        return {"changes": {"body": {"from": self._details["body"]}}} if note.action == "edited" else {}


_BUILDERS: Mapping[str, Callable[[_Builder, Note], Built | None]] = {
    "issues": _Builder.issue,
    "pull_request": _Builder.issue,
    "event": _Builder.event,
    "issue_comment": _Builder.comment,
    "pull_request_review": _Builder.review,
    "pull_request_review_comment": _Builder.remark,
    "status": _Builder.status,
    "check_run": _Builder.check_run,
    "push": _Builder.push,
    "discussion": _Builder.discussion,
    "discussion_comment": _Builder.discussion_comment,
}


def hook_shape(shapes: Shapes, repository: Repository, hook: Hook) -> Shape:
    url = f"{shapes.repository_api(repository)}/hooks/{hook.id}"
    config = {"url": hook.url, "content_type": hook.content_type, "insecure_ssl": str(int(hook.insecure_ssl))}
    return {
        "type": "Repository",
        "id": hook.id,
        "name": "web",
        "active": hook.active,
        "events": json.loads(hook.events),
        "config": config | ({"secret": "********"} if hook.secret else {}),
        "updated_at": time(hook.updated_at),
        "created_at": time(hook.created_at),
        "url": url,
        "test_url": f"{url}/test",
        "ping_url": f"{url}/pings",
        "deliveries_url": f"{url}/deliveries",
        "last_response": {"code": None, "status": "unused", "message": None},
    }


def _sender(shapes: Shapes, repository: Repository, note: Note) -> User:
    """Who did it; the owner where git can't tell."""
    return shapes.user_by_id(note.actor_id or repository.owner_id)
