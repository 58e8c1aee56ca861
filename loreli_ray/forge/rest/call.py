"""One request to the REST API: who asks, for which repository, with which body; and how a handler is wrapped.

Invariants: nothing is answered without a valid token; a body reaches a handler only as a pydantic model; what a caller
did wrong is a 4xx in GitHub's form, what broke on our side is logged and a 503.
"""

from __future__ import annotations

import base64
import binascii
import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic_core import from_json
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from loreli_ray.errors import GitError
from loreli_ray.forge.forge import Forge
from loreli_ray.forge.records import Repository, User
from loreli_ray.forge.refusal import Refusal, forbidden, invalid, not_found
from loreli_ray.forge.rest.limits import CORE, RateLimits
from loreli_ray.forge.rest.reply import Item, Page, Reply, refused, respond, web
from loreli_ray.forge.rest.shapes import Shape, Shapes

BODY_MAX = 8 * 1024 * 1024

_log = logging.getLogger(__name__)
_INTEGER_MAX = 2**63 - 1  # SQLite's

# GitHub's own limits: 65,536 characters a body, 256 a title.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=65_536)]
Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]*[^\x00-\x20][^\x00-\x1f]*$", max_length=256)]
Sha = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]


class Body(BaseModel):
    """A request's body: unknown fields are ignored, as GitHub does."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


Model = TypeVar("Model", bound=Body)


@dataclass(frozen=True)
class Call:
    forge: Forge
    limits: RateLimits
    request: Request
    user: User
    body: bytes

    # What was asked for --------------------------------------------------------------------------------------------

    def path(self, name: str) -> str:
        return self.request.path_params[name]

    def number(self, name: str = "number") -> int:
        """A number in the path; one that no row can have is not found."""
        number: int = self.request.path_params[name]
        if number > _INTEGER_MAX:
            raise not_found()
        return number

    def query(self, name: str, default: str = "") -> str:
        return self.request.query_params.get(name, default)

    def choice(self, name: str, *choices: str) -> str:
        """A query parameter that is one of `choices`, the first if it is not given. Raises `Refusal` (422)."""
        value = self.query(name) or choices[0]
        if value not in choices:
            raise invalid("Query", field=name)
        return value

    def since(self) -> int:
        """The query parameter `since` (ISO 8601) in seconds since the epoch, 0 if it is not given."""
        text = self.query("since")
        try:
            since = datetime.fromisoformat(text or "1970-01-01")
            return int((since if since.tzinfo else since.replace(tzinfo=UTC)).timestamp())
        except (ValueError, OverflowError) as error:
            raise invalid("Query", field="since") from error

    def wants(self, media: str) -> bool:
        """Whether the Accept header asks for a media type like `application/vnd.github.diff`."""
        return any(
            part.strip().startswith(("application/vnd.github.", "application/vnd.github.v3."))
            and part.split(";")[0].strip().removesuffix("+json").split(".")[-1] == media
            for part in self.request.headers.get("accept", "").split(",")
        )

    def parse(self, model: type[Model]) -> Model:
        """The body as `model`. Raises `Refusal`: 400 for what is no JSON, 422 for what is not the model."""
        try:
            data = from_json(self.body or b"{}")
        except ValueError as error:
            raise Refusal(400, "Problems parsing JSON") from error
        if not isinstance(data, dict):
            raise Refusal(422, "Invalid request.\n\nBody should be a JSON object")
        try:
            return model.model_validate_json(self.body or b"{}")
        except ValidationError as error:
            raise _unfit(model, error) from error

    # Whose it is ---------------------------------------------------------------------------------------------------

    @cached_property
    def repository(self) -> Repository:
        """The repository of the path, if the user may see it. Raises `Refusal` (404)."""
        repository = self.forge.repository(f"{self.path('owner')}/{self.path('repo')}")
        if not repository or self.forge.role(self.user, repository) == "none":
            raise not_found()
        return repository

    @property
    def may_write(self) -> bool:
        return self.forge.role(self.user, self.repository) in ("admin", "write")

    def need_write(self) -> Repository:
        """The repository, for those who may push to it. Raises `Refusal` (403)."""
        if not self.may_write:
            raise forbidden()
        return self.repository

    # Answers -------------------------------------------------------------------------------------------------------

    @cached_property
    def shapes(self) -> Shapes:
        here = web(self.request)
        return Shapes(self.forge, web=here, api=here + self.request.scope.get("root_path", ""))

    def page(self, items: Sequence[Item], shape: Callable[[Item], Shape]) -> Reply:
        """The asked part of a list."""
        page = Page.of(self.request)
        return Reply([shape(item) for item in page.cut(items)], headers=page.headers(len(items)))

    def counted_page(self, name: str, items: Sequence[Item], shape: Callable[[Item], Shape]) -> Reply:
        """The same in an object that says how many there are."""
        page = self.page(items, shape)
        return Reply({"total_count": len(items), name: page.data}, headers=page.headers)


Handler = Callable[[Call], Reply]


def route(method: str, path: str, handler: Handler, *, free: bool = False, resource: str = CORE) -> Route:
    """A route of the API; `free` ones cost nothing of the rate limit. `resource` is the limit they draw on: of any but
    `core` the handler itself takes what its request costs."""

    async def endpoint(request: Request) -> Response:
        try:
            body = await _read(request)
        except Refusal as refusal:
            return respond(refused(refusal), request)
        except ClientDisconnect:
            return Response(status_code=400)
        return await run_in_threadpool(_serve, handler, request, body, free or resource != CORE, resource)

    return Route(path, endpoint, methods=[method])


def token_of(authorization: str) -> str | None:
    """The token in an Authorization header: `Bearer`, `token`, or the password (or name) of `Basic`."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() in ("bearer", "token"):
        return value.strip() or None
    if scheme.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name if password in ("", "x-oauth-basic") else password) or None


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MAX:
            raise Refusal(413, "Request body is too large")
    return bytes(body)


def _serve(handler: Handler, request: Request, body: bytes, free: bool, resource: str) -> Response:
    forge: Forge = request.app.state.forge
    limits: RateLimits = request.app.state.limits
    user: User | None = None
    try:
        user = _authenticate(forge, request)
        if not free and not limits.take(user.id):
            raise Refusal(403, f"API rate limit exceeded for user ID {user.id}.")
        reply = handler(Call(forge, limits, request, user, body))
    except Refusal as refusal:
        reply = refused(refusal)
    except (GitError, sqlite3.Error) as error:
        _log.exception("%s %s failed", request.method, request.scope["path"])
        reply = refused(Refusal(503, f"The forge can't answer now: {error}"))
    response = respond(reply, request)
    if user:
        if response.status_code == 304 and not free:
            limits.give_back(user.id)
        response.headers.update(limits.window(user.id, resource).headers())
    response.headers["X-GitHub-Media-Type"] = f"github.{'v4' if resource == 'graphql' else 'v3'}; format=json"
    return response


def _authenticate(forge: Forge, request: Request) -> User:
    header = request.headers.get("authorization", "")
    if not header:
        raise Refusal(401, "Requires authentication")
    token = token_of(header)
    user = forge.authenticate(token) if token else None
    if not user:
        raise Refusal(401, "Bad credentials")
    return user


def _unfit(model: type[Body], error: ValidationError) -> Refusal:
    errors: list[dict[str, str]] = []
    for detail in error.errors(include_url=False, include_input=False, include_context=False):
        code = "missing_field" if detail["type"] == "missing" else "invalid"
        where = ".".join(str(part) for part in detail["loc"])
        errors.append({"resource": model.__name__, "field": where, "code": code, "message": detail["msg"]})
    return Refusal(422, "Validation Failed", errors=errors[:20])
