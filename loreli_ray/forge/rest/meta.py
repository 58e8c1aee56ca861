"""Who asks, and the server itself: https://docs.github.com/rest/users and /rest/meta."""

from __future__ import annotations

from loreli_ray.forge.refusal import forbidden
from loreli_ray.forge.rest import answers, app_answers
from loreli_ray.forge.rest.call import Call, route
from loreli_ray.forge.rest.limits import Window
from loreli_ray.forge.rest.reply import Reply

VERSIONS = ("2026-03-10", "2022-11-28")


def get_user(call: Call) -> Reply:
    if call.user.is_bot:
        raise forbidden("Resource not accessible by integration")
    return Reply(call.shapes.profile(call.user))


def rate_limit(call: Call) -> Reply:
    window = call.limits.window(call.user.id)
    unused = Window(window.limit, window.reset).shape()
    graphql = call.limits.window(call.user.id, "graphql").shape()
    resources = {"core": window.shape(), "search": unused, "graphql": graphql}
    return Reply({"resources": resources, "rate": window.shape()})


def versions(call: Call) -> Reply:
    return call.page(VERSIONS, str)


def meta(_call: Call) -> Reply:
    return Reply({"verifiable_password_authentication": False})


ROUTES = [
    route("GET", "/user", get_user, answer=answers.Profile),
    route("GET", "/rate_limit", rate_limit, answer=app_answers.RateLimit, free=True),
    route("GET", "/versions", versions, answer=list[str]),
    route("GET", "/meta", meta, answer=app_answers.Meta),
]
