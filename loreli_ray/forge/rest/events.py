"""What happened: https://docs.github.com/rest/issues/events and /rest/issues/timeline."""

from __future__ import annotations

import json

from loreli_ray.forge.records import Issue
from loreli_ray.forge.rest import event_answers, event_shapes, git_answers, pull_answers
from loreli_ray.forge.rest.call import Call, route
from loreli_ray.forge.rest.reply import Reply
from loreli_ray.forge.rest.shapes import Shape


def list_events(call: Call) -> Reply:
    """Without what the timeline alone shows."""
    found = [event for event in call.forge.events.of(_issue(call)) if event.name != "cross-referenced"]
    return call.page(found, lambda event: event_shapes.event(call.shapes, call.repository, event))


def list_all_events(call: Call) -> Reply:
    call.forge.pulls.refresh(call.repository)
    found = [
        (event, issue) for event, issue in call.forge.events.all(call.repository) if event.name != "cross-referenced"
    ]
    return call.page(
        found,
        lambda one: (
            event_shapes.event(call.shapes, call.repository, one[0])
            | {"issue": call.shapes.issue(call.repository, one[1])}
        ),
    )


def get_event(call: Call) -> Reply:
    event, issue = call.forge.events.get(call.repository, call.number("id"))
    shape = event_shapes.event(call.shapes, call.repository, event)
    return Reply(shape | {"issue": call.shapes.issue(call.repository, issue)})


def timeline(call: Call) -> Reply:
    """Commits, comments, reviews and events, oldest first."""
    issue = _issue(call)
    found = [*_commits(call, issue), *_events(call, issue), *_comments(call, issue), *_reviews(call, issue)]
    found.sort(key=lambda one: one[0])
    return call.page(found, lambda one: one[1])


Dated = list[tuple[int, Shape]]


def _issue(call: Call) -> Issue:
    call.forge.pulls.refresh(call.repository)
    return call.forge.issues.get(call.repository, call.number())


def _events(call: Call, issue: Issue) -> Dated:
    found: Dated = []
    for event in call.forge.events.of(issue):
        if event.name == "cross-referenced":
            source = call.forge.events.issue(json.loads(event.details)["source"])
            shape = event_shapes.cross_reference(call.shapes, call.repository, event, source)
        else:
            shape = event_shapes.event(call.shapes, call.repository, event)
        found.append((event.created_at, shape))
    return found


def _comments(call: Call, issue: Issue) -> Dated:
    comments = call.forge.issues.comments(call.repository, number=issue.number)
    shape = call.shapes.comment
    return [
        (comment.created_at, event_shapes.commented(shape(call.repository, comment, issue.number)))
        for comment, _ in comments
    ]


def _reviews(call: Call, issue: Issue) -> Dated:
    if not issue.is_pull:
        return []
    reviews = call.forge.reviews.list(call.forge.pulls.record(call.repository, issue.number))
    return [
        (review.submitted_at, event_shapes.reviewed(call.shapes, call.repository, issue.number, review))
        for review in reviews
    ]


def _commits(call: Call, issue: Issue) -> Dated:
    if not issue.is_pull:
        return []
    commits = call.forge.pulls.commits(call.repository, call.forge.pulls.record(call.repository, issue.number))
    return [(commit.committer.date, event_shapes.committed(call.shapes, call.repository, commit)) for commit in commits]


# One of these, told apart by `event`.
Told = (
    git_answers.Committed
    | pull_answers.Reviewed
    | event_answers.Commented
    | event_answers.CrossReference
    | event_answers.Event
)

ROUTES = [
    route("GET", "/repos/{owner}/{repo}/issues/events", list_all_events, answer=list[event_answers.IssueEvent]),
    route("GET", "/repos/{owner}/{repo}/issues/events/{id:id}", get_event, answer=event_answers.IssueEvent),
    route("GET", "/repos/{owner}/{repo}/issues/{number:id}/events", list_events, answer=list[event_answers.Event]),
    route("GET", "/repos/{owner}/{repo}/issues/{number:id}/timeline", timeline, answer=list[Told]),
]
