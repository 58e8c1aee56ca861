"""Apps and their installations: https://docs.github.com/rest/apps."""

from __future__ import annotations

from loreli_ray.forge.records import Installation
from loreli_ray.forge.refusal import forbidden, not_found
from loreli_ray.forge.rest import app_answers
from loreli_ray.forge.rest.call import Call, route
from loreli_ray.forge.rest.reply import Reply
from loreli_ray.forge.rest.shapes import PERMISSIONS, Shape, time


def get_app(call: Call) -> Reply:
    return Reply(call.shapes.app(call.app) | {"installations_count": 1})


def list_installations(call: Call) -> Reply:
    found = [call.forge.apps.installation(call.app)]
    return call.page(found, lambda installation: _installation(call, installation))


def get_installation(call: Call) -> Reply:
    return Reply(_installation(call, _named(call)))


def create_token(call: Call) -> Reply:
    """A narrower token can't be had: the answer lists what it may do."""
    token, expires = call.forge.apps.new_token(_named(call))
    shape: Shape = {
        "token": token,
        "expires_at": time(expires),
        "permissions": PERMISSIONS,
        "repository_selection": "all",
    }
    return Reply(shape, 201)


def installation_of_repository(call: Call) -> Reply:
    installation = call.forge.apps.installation(call.app)
    if installation.account_id != call.repository.owner_id:
        raise not_found()
    return Reply(_installation(call, installation))


def list_repositories(call: Call) -> Reply:
    if not call.user.is_bot:
        raise forbidden("You must authenticate with an installation access token in order to list its repositories.")
    installation = call.forge.apps.installation(call.app)
    repositories = call.forge.repositories_of(installation.account_id)
    return call.counted_page("repositories", repositories, lambda repository: call.shapes.repository(repository))


def _named(call: Call) -> Installation:
    installation = call.forge.apps.installation(call.app)
    if installation.id != call.number("id"):
        raise not_found()
    return installation


def _installation(call: Call, installation: Installation) -> Shape:
    url = f"{call.shapes.api}/app/installations/{installation.id}"
    return {
        "id": installation.id,
        "account": call.shapes.person(installation.account_id),
        "repository_selection": "all",
        "access_tokens_url": f"{url}/access_tokens",
        "repositories_url": f"{call.shapes.api}/installation/repositories",
        "html_url": f"{call.shapes.web}/settings/installations/{installation.id}",
        "app_id": installation.app_id,
        "app_slug": call.app.slug,
        "target_id": installation.account_id,
        "target_type": "User",
        "permissions": PERMISSIONS,
        "events": [],
        "created_at": time(installation.created_at),
        "updated_at": time(installation.created_at),
        "single_file_name": None,
        "suspended_by": None,
        "suspended_at": None,
    }


ROUTES = [
    route("GET", "/app", get_app, answer=app_answers.OwnApp, by_app=True),
    route("GET", "/app/installations", list_installations, answer=list[app_answers.Installation], by_app=True),
    route("GET", "/app/installations/{id:id}", get_installation, answer=app_answers.Installation, by_app=True),
    route(
        "POST",
        "/app/installations/{id:id}/access_tokens",
        create_token,
        answer=app_answers.InstallationToken,
        status=201,
        by_app=True,
    ),
    route(
        "GET",
        "/repos/{owner}/{repo}/installation",
        installation_of_repository,
        answer=app_answers.Installation,
        by_app=True,
    ),
    route("GET", "/installation/repositories", list_repositories, answer=app_answers.InstallationRepositories),
]
