"""What events and reactions look like in JSON: see shapes.py."""

from __future__ import annotations

import json
from typing import Any

from loreli_ray.forge.records import Event, Issue, Reaction, Repository, Review
from loreli_ray.forge.repository import Commit
from loreli_ray.forge.rest import pull_shapes
from loreli_ray.forge.rest.shapes import Shape, Shapes, node_id, time


def event(shapes: Shapes, repository: Repository, event: Event) -> Shape:
    """As `/issues/{number}/events` and the timeline show it; the fields beyond the common ones are the event's own."""
    details: dict[str, Any] = json.loads(event.details)
    commit: str | None = details.get("commit_id")
    api = shapes.repository_api(repository)
    return {
        "id": event.id,
        "node_id": node_id("Event", event.id),
        "url": f"{api}/issues/events/{event.id}",
        "actor": shapes.person(event.actor_id),
        "event": event.name,
        "commit_id": commit,
        "commit_url": f"{api}/commits/{commit}" if commit else None,
        "created_at": time(event.created_at),
        "performed_via_github_app": None,
        **_details(shapes, event, details),
    }


def cross_reference(shapes: Shapes, repository: Repository, event: Event, source: Issue) -> Shape:
    when = time(event.created_at)
    return {
        "event": event.name,
        "actor": shapes.person(event.actor_id),
        "created_at": when,
        "updated_at": when,
        "source": {"type": "issue", "issue": shapes.issue(repository, source)},
    }


def commented(comment: Shape) -> Shape:
    return comment | {"event": "commented", "actor": comment["user"]}


def reviewed(shapes: Shapes, repository: Repository, number: int, review: Review) -> Shape:
    return pull_shapes.review(shapes, repository, number, review) | {"event": "reviewed"}


def committed(shapes: Shapes, repository: Repository, commit: Commit) -> Shape:
    return pull_shapes.git_commit(shapes, repository, commit) | {"event": "committed"}


def reaction(shapes: Shapes, reaction: Reaction) -> Shape:
    return {
        "id": reaction.id,
        "node_id": node_id("Reaction", reaction.id),
        "user": shapes.person(reaction.user_id),
        "content": reaction.content,
        "created_at": time(reaction.created_at),
    }


def _details(shapes: Shapes, event: Event, details: dict[str, Any]) -> Shape:
    if event.name in ("assigned", "unassigned"):
        return {"assignee": shapes.person(details["assignee"]), "assigner": shapes.person(event.actor_id)}
    if event.name in ("review_requested", "review_request_removed"):
        asked = {"requested_reviewer": shapes.person(details["reviewer"])}
        return asked | {"review_requester": shapes.person(event.actor_id)}
    return {name: value for name, value in details.items() if name != "commit_id"}
