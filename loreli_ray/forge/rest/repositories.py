"""Repositories, their settings and their people: https://docs.github.com/rest/repos and /rest/collaborators."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import StringConstraints

from loreli_ray.forge.records import User
from loreli_ray.forge.refusal import not_found
from loreli_ray.forge.rest import answers
from loreli_ray.forge.rest.call import Body, Call, Line, Text, route
from loreli_ray.forge.rest.reply import Reply
from loreli_ray.forge.rest.shapes import Shape


class Settings(Body):
    description: Annotated[Text, StringConstraints(max_length=350)] | None = None
    private: bool | None = None
    default_branch: Line | None = None
    allow_merge_commit: bool | None = None
    allow_squash_merge: bool | None = None
    allow_rebase_merge: bool | None = None
    delete_branch_on_merge: bool | None = None
    has_issues: bool | None = None
    has_discussions: bool | None = None
    archived: bool | None = None


def get_repository(call: Call) -> Reply:
    return Reply(call.shapes.full_repository(call.repository, call.user))


def edit_repository(call: Call, body: Settings) -> Reply:
    repository = call.need_admin()
    changes: dict[str, Any] = {
        name: value
        for name, value in body.model_dump(exclude_unset=True).items()
        if value is not None or name == "description"
    }
    return Reply(call.shapes.full_repository(call.forge.edit_repository(repository, changes), call.user))


def list_mine(call: Call) -> Reply:
    repositories = call.forge.repositories_of(call.user.id)
    return call.page(repositories, lambda one: call.shapes.full_repository(one, call.user))


def get_permission(call: Call) -> Reply:
    user = _named(call)
    role = call.forge.role(user, call.repository)
    return Reply({"permission": role, "role_name": role, "user": _member(call, user)})


def is_collaborator(call: Call) -> Reply:
    if call.forge.role(_named(call), call.repository) not in ("admin", "write"):
        raise not_found()
    return Reply(status=204)


def list_collaborators(call: Call) -> Reply:
    members = call.forge.members(call.need_write())
    return call.page(members, lambda user: _member(call, user))


def list_assignees(call: Call) -> Reply:
    return call.page(call.forge.members(call.repository), call.shapes.user)


def _named(call: Call) -> User:
    user = call.forge.user(call.path("login"))
    if not user:
        raise not_found()
    return user


def _member(call: Call, user: User) -> Shape:
    role = call.forge.role(user, call.repository)
    return call.shapes.user(user) | {"role_name": role, "permissions": call.shapes.permissions(role)}


def get_user(call: Call) -> Reply:
    return Reply(call.shapes.profile(_named(call)))


ROUTES = [
    route("GET", "/user/repos", list_mine, answer=list[answers.FullRepository]),
    route("GET", "/users/{login}", get_user, answer=answers.Profile),
    route("GET", "/repos/{owner}/{repo}", get_repository, answer=answers.FullRepository),
    route("PATCH", "/repos/{owner}/{repo}", edit_repository, answer=answers.FullRepository),
    route("GET", "/repos/{owner}/{repo}/assignees", list_assignees, answer=list[answers.User]),
    route("GET", "/repos/{owner}/{repo}/collaborators", list_collaborators, answer=list[answers.Member]),
    route("GET", "/repos/{owner}/{repo}/collaborators/{login}", is_collaborator),
    route(
        "GET", "/repos/{owner}/{repo}/collaborators/{login}/permission", get_permission, answer=answers.MemberPermission
    ),
]
