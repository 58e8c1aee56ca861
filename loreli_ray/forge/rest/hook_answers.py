"""The types of what is answered about webhooks: see answers.py."""

from __future__ import annotations

from typing import Any, Literal

from loreli_ray.forge.rest.answers import MAYBE, Answer, Count, Time


class HookConfig(Answer):
    url: str
    content_type: Literal["json", "form"]
    insecure_ssl: Literal["0", "1"]
    secret: str = MAYBE


class LastResponse(Answer):
    code: int | None
    status: str
    message: str | None


class Hook(Answer):
    type: Literal["Repository"]
    id: int
    name: Literal["web"]
    active: bool
    events: list[str]
    config: HookConfig
    updated_at: Time
    created_at: Time
    url: str
    test_url: str
    ping_url: str
    deliveries_url: str
    last_response: LastResponse


class Delivery(Answer):
    id: int
    guid: str
    delivered_at: Time
    redelivery: bool
    duration: float
    status: str
    status_code: Count
    event: str
    action: str | None
    installation_id: None
    repository_id: int
    throttled_at: None


class Sent(Answer):
    headers: dict[str, str]
    payload: dict[str, Any]


class Taken(Answer):
    headers: None
    payload: str


class FullDelivery(Delivery):
    url: str
    request: Sent
    response: Taken


class Accepted(Answer):
    """An empty object."""
