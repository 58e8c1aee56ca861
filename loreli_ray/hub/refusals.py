"""What an answer of the git host means: an error of ours, a rate limit, or nothing bad. No I/O."""

from __future__ import annotations

from typing import NamedTuple

import httpx
from pydantic import BaseModel, ValidationError

from loreli_ray.errors import Conflict, HubError, NotFound, Refused, Unavailable

_KINDS: dict[int, type[HubError]] = {
    **dict.fromkeys((401, 403, 405, 410, 422), Refused),
    404: NotFound,
    409: Conflict,
}


_DIGITS = 12


class Limit(NamedTuple):
    """A rate limit that was met. `wait` is in seconds, None when the host does not say how long."""

    wait: float | None
    primary: bool


class _Complaint(BaseModel):
    """GitHub's error body: https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api."""

    message: str = ""
    errors: object = None


def number(response: httpx.Response, header: str) -> int | None:
    """The whole number in a header; None without one, or beyond all measure."""
    text = response.headers.get(header, "")
    return int(text) if text.isdecimal() and len(text) <= _DIGITS else None


def core(response: httpx.Response) -> bool:
    """Whether its rate limit is that of most requests; searches and GraphQL have their own."""
    return response.headers.get("x-ratelimit-resource", "core") == "core"


def refusal(response: httpx.Response, *, subject: str) -> HubError | None:
    """The error that the status stands for; None when the host did as it was asked, or nothing has changed (304)."""
    status = response.status_code
    if status == 304 or response.is_success:
        return None
    said = _complaint(response)
    message = f"{status} {said.message or response.reason_phrase}" + (f" {said.errors}" if said.errors else "")
    kind = Unavailable if status >= 500 else _KINDS.get(status, HubError)
    return kind(message, subject=subject, status=status)


def limit(response: httpx.Response, *, now: float) -> Limit | None:
    """The rate limit that was met, if one was; `now` is by the host's clock.

    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
    """
    if response.status_code not in (403, 429):
        return None
    after, reset = number(response, "retry-after"), number(response, "x-ratelimit-reset")
    said = _complaint(response).message.lower()
    if after is not None:
        return Limit(float(after), primary=False)
    if number(response, "x-ratelimit-remaining") == 0 and reset is not None and "secondary" not in said:
        return Limit(max(0.0, reset - now), primary=True)
    limited = response.status_code == 429 or "rate limit" in said or "abuse" in said
    return Limit(None, primary=False) if limited else None


def _complaint(response: httpx.Response) -> _Complaint:
    try:
        return _Complaint.model_validate_json(response.content)
    except ValidationError:
        return _Complaint()
