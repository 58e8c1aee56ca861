"""Reactions: https://docs.github.com/rest/reactions. The same four routes for issues and both kinds of comments."""

from __future__ import annotations

from collections.abc import Callable

from loreli_ray.forge.reactions import Content, Subject
from loreli_ray.forge.rest import event_answers, event_shapes
from loreli_ray.forge.rest.call import Body, Call, Operation, Query, route
from loreli_ray.forge.rest.reply import Reply


class ReactionQuery(Query):
    content: Content | None = None


class NewReaction(Body):
    content: Content


def _routes(path: str, subject: Subject, find: Callable[[Call], int]) -> list[Operation]:
    """`find` tells the id of the thing reacted to; it raises `Refusal` (404) where there is none."""

    def list_reactions(call: Call, query: ReactionQuery) -> Reply:
        found = call.forge.reactions.list(subject, find(call))
        chosen = [one for one in found if query.content in (None, one.content)]
        return call.page(chosen, lambda one: event_shapes.reaction(call.shapes, one))

    def react(call: Call, body: NewReaction) -> Reply:
        made, new = call.forge.reactions.add(subject, find(call), user=call.user, content=body.content)
        return Reply(event_shapes.reaction(call.shapes, made), 201 if new else 200)

    def take_back(call: Call) -> Reply:
        call.forge.reactions.remove(subject, find(call), call.number("reaction"), user=call.user)
        return Reply(status=204)

    return [
        route("GET", f"{path}/reactions", list_reactions, answer=list[event_answers.Reaction]),
        route("POST", f"{path}/reactions", react, answer=event_answers.Reaction, also=201),
        route("DELETE", f"{path}/reactions/{{reaction:id}}", take_back),
    ]


ROUTES = [
    *_routes(
        "/repos/{owner}/{repo}/issues/{number:id}",
        "issue",
        lambda call: call.forge.issues.get(call.repository, call.number()).id,
    ),
    *_routes(
        "/repos/{owner}/{repo}/issues/comments/{id:id}",
        "comment",
        lambda call: call.forge.issues.comment(call.repository, call.number("id"))[0].id,
    ),
    *_routes(
        "/repos/{owner}/{repo}/pulls/comments/{id:id}",
        "review_comment",
        lambda call: call.forge.reviews.comment(call.repository, call.number("id"))[0].id,
    ),
]
