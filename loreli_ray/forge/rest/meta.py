"""The user, the repository, the server itself: https://docs.github.com/rest/users, /rest/repos, /rest/meta."""

from __future__ import annotations

from loreli_ray.forge.refusal import not_found
from loreli_ray.forge.rest.call import Call, route
from loreli_ray.forge.rest.limits import Window
from loreli_ray.forge.rest.reply import Reply

VERSIONS = ("2026-03-10", "2022-11-28")


def get_user(call: Call) -> Reply:
    return Reply(call.shapes.profile(call.user))


def get_repository(call: Call) -> Reply:
    return Reply(call.shapes.full_repository(call.repository, call.user))


def get_permission(call: Call) -> Reply:
    user = call.forge.user(call.path("login"))
    if not user:
        raise not_found()
    role = call.forge.role(user, call.repository)
    person = call.shapes.user(user) | {"role_name": role}
    return Reply({"permission": role, "role_name": role, "user": person})


def rate_limit(call: Call) -> Reply:
    window = call.limits.window(call.user.id)
    unused = Window(window.limit, window.reset).shape()
    graphql = call.limits.window(call.user.id, "graphql").shape()
    resources = {"core": window.shape(), "search": unused, "graphql": graphql}
    return Reply({"resources": resources, "rate": window.shape()})


def versions(_call: Call) -> Reply:
    return Reply(list(VERSIONS))


def meta(_call: Call) -> Reply:
    return Reply({"verifiable_password_authentication": False})


ROUTES = [
    route("GET", "/user", get_user),
    route("GET", "/rate_limit", rate_limit, free=True),
    route("GET", "/versions", versions),
    route("GET", "/meta", meta),
    route("GET", "/repos/{owner}/{repo}", get_repository),
    route("GET", "/repos/{owner}/{repo}/collaborators/{login}/permission", get_permission),
]
