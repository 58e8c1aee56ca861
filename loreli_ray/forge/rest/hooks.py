"""Webhooks of a repository: https://docs.github.com/rest/repos/webhooks. They are the business of its admins."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from loreli_ray.forge.hooks import EVENTS, may_lead_to
from loreli_ray.forge.records import Delivery, Hook, Repository
from loreli_ray.forge.refusal import invalid, not_found
from loreli_ray.forge.rest import hook_answers
from loreli_ray.forge.rest.call import Body, Call, route
from loreli_ray.forge.rest.hook_shapes import hook_shape
from loreli_ray.forge.rest.reply import Reply
from loreli_ray.forge.rest.shapes import Shape, time

Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\x00-\x20]+$", max_length=2048)]
Events = Annotated[list[str], Field(min_length=1, max_length=50)]


class Config(Body):
    url: Url
    content_type: Literal["json", "form"] = "form"
    secret: Annotated[str, StringConstraints(max_length=255)] | None = None
    insecure_ssl: Literal["0", "1", 0, 1] = "0"


class ConfigChange(Body):
    url: Url | None = None
    content_type: Literal["json", "form"] | None = None
    secret: Annotated[str, StringConstraints(max_length=255)] | None = None
    insecure_ssl: Literal["0", "1", 0, 1] | None = None


class NewHook(Body):
    config: Config
    name: Literal["web"] = "web"
    events: Events = Field(default=["push"])
    active: bool = True


class HookChange(Body):
    config: ConfigChange | None = None
    events: Events | None = None
    add_events: Events | None = None
    remove_events: Events | None = None
    active: bool | None = None


def list_hooks(call: Call) -> Reply:
    repository = _admins(call)
    return call.page(call.forge.hooks.list(repository), lambda hook: hook_shape(call.shapes, repository, hook))


def create_hook(call: Call, body: NewHook) -> Reply:
    repository = _admins(call)
    columns = _config(call, body.config) | {"events": _events(body.events), "active": body.active}
    hook = call.forge.hooks.create(
        repository, git=call.forge.git(repository), actor=call.user, columns={"secret": None, **columns}
    )
    return Reply(hook_shape(call.shapes, repository, hook), 201)


def get_hook(call: Call) -> Reply:
    repository = _admins(call)
    return Reply(hook_shape(call.shapes, repository, _hook(call)))


def edit_hook(call: Call, body: HookChange) -> Reply:
    repository, hook = _admins(call), _hook(call)
    columns = _config(call, body.config) if body.config else {}
    events: list[str] = body.events or json.loads(hook.events)
    events += [event for event in body.add_events or [] if event not in events]
    kept = [event for event in events if event not in (body.remove_events or [])]
    if body.active is not None:
        columns["active"] = body.active
    edited = call.forge.hooks.edit(repository, hook.id, columns=columns | {"events": _events(kept)})
    return Reply(hook_shape(call.shapes, repository, edited))


def delete_hook(call: Call) -> Reply:
    call.forge.hooks.delete(_admins(call), call.number("id"))
    return Reply(status=204)


def get_config(call: Call) -> Reply:
    return Reply(hook_shape(call.shapes, _admins(call), _hook(call))["config"])


def edit_config(call: Call, body: ConfigChange) -> Reply:
    repository = _admins(call)
    edited = call.forge.hooks.edit(repository, _hook(call).id, columns=_config(call, body))
    return Reply(hook_shape(call.shapes, repository, edited)["config"])


def ping_hook(call: Call) -> Reply:
    call.forge.hooks.ping(_admins(call), call.number("id"), actor=call.user)
    return Reply(status=204)


def test_hook(call: Call) -> Reply:
    repository = _admins(call)
    call.forge.hooks.test(repository, call.number("id"), git=call.forge.git(repository), actor=call.user)
    return Reply(status=204)


def list_deliveries(call: Call) -> Reply:
    _admins(call)
    return call.page(call.forge.hooks.deliveries(_hook(call)), lambda one: _delivery(call.repository, one))


def get_delivery(call: Call) -> Reply:
    _admins(call)
    delivery = call.forge.hooks.delivery(_hook(call), call.number("delivery"))
    return Reply(_full_delivery(call.repository, delivery))


def redeliver(call: Call) -> Reply:
    repository, hook = _admins(call), _hook(call)
    delivery = call.forge.hooks.delivery(hook, call.number("delivery"))
    call.forge.hooks.redeliver(repository, hook, delivery, actor=call.user)
    return Reply({}, 202)


def _admins(call: Call) -> Repository:
    """The repository, for its admins; to others there are no hooks (GitHub: 404)."""
    if call.forge.role(call.user, call.repository) != "admin":
        raise not_found()
    return call.repository


def _hook(call: Call) -> Hook:
    return call.forge.hooks.get(call.repository, call.number("id"))


def _config(call: Call, config: Config | ConfigChange) -> dict[str, Any]:
    columns = config.model_dump(exclude_unset=isinstance(config, ConfigChange), exclude_none=True)
    if "url" in columns and not may_lead_to(columns["url"], trusted=call.request.app.state.hook_hosts):
        message = "url must lead to this machine, or to a host that the forge was told to trust"
        raise invalid("Hook", field="url", code="custom", message=message)
    if "insecure_ssl" in columns:
        columns["insecure_ssl"] = str(columns["insecure_ssl"]) == "1"
    return columns


def _events(names: list[str]) -> str:
    """As the table has them. Raises `Refusal` (422)."""
    unknown = [name for name in names if name not in EVENTS and name != "*"]
    if unknown or not names:
        raise invalid("Hook", field="events", code="custom", message=f"not known: {', '.join(unknown)[:200]}")
    return json.dumps(sorted(set(names)))


def _delivery(repository: Repository, delivery: Delivery) -> Shape:
    return {
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": time(delivery.delivered_at),
        "redelivery": delivery.redelivery,
        "duration": delivery.duration,
        "status": delivery.status,
        "status_code": delivery.status_code,
        "event": delivery.event,
        "action": delivery.action or None,
        "installation_id": None,
        "repository_id": repository.id,
        "throttled_at": None,
    }


def _full_delivery(repository: Repository, delivery: Delivery) -> Shape:
    return _delivery(repository, delivery) | {
        "url": delivery.url,
        "request": {"headers": json.loads(delivery.headers), "payload": json.loads(delivery.payload)},
        "response": {"headers": None, "payload": delivery.answer},
    }


_HOOK = "/repos/{owner}/{repo}/hooks/{id:id}"
ROUTES = [
    route("GET", "/repos/{owner}/{repo}/hooks", list_hooks, answer=list[hook_answers.Hook]),
    route("POST", "/repos/{owner}/{repo}/hooks", create_hook, answer=hook_answers.Hook, status=201),
    route("GET", _HOOK, get_hook, answer=hook_answers.Hook),
    route("PATCH", _HOOK, edit_hook, answer=hook_answers.Hook),
    route("DELETE", _HOOK, delete_hook),
    route("GET", f"{_HOOK}/config", get_config, answer=hook_answers.HookConfig),
    route("PATCH", f"{_HOOK}/config", edit_config, answer=hook_answers.HookConfig),
    route("POST", f"{_HOOK}/pings", ping_hook),
    route("POST", f"{_HOOK}/tests", test_hook),
    route("GET", f"{_HOOK}/deliveries", list_deliveries, answer=list[hook_answers.Delivery]),
    route("GET", f"{_HOOK}/deliveries/{{delivery:id}}", get_delivery, answer=hook_answers.FullDelivery),
    route("POST", f"{_HOOK}/deliveries/{{delivery:id}}/attempts", redeliver, answer=hook_answers.Accepted, status=202),
]
