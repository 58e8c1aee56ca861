"""One request to the REST API: who asks, for which repository, with which body; and how a handler is wrapped.

Invariants: nothing is answered without a valid token; a body reaches a handler only as a pydantic model; what a caller
did wrong is a 4xx in GitHub's form, what broke on our side is logged and a 503.
"""

from __future__ import annotations

import base64
import binascii
import logging
import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Any, Literal, TypeVar, get_origin, get_type_hints

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import from_json
from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from loreli_ray.errors import GitError
from loreli_ray.forge.forge import Forge
from loreli_ray.forge.records import App, Repository, User
from loreli_ray.forge.refusal import Refusal, forbidden, not_found
from loreli_ray.forge.rest.limits import CORE, RateLimits
from loreli_ray.forge.rest.reply import Item, Page, Reply, refused, respond, web
from loreli_ray.forge.rest.shapes import Shapes
from loreli_ray.forge.rest.throttle import Throttle
from loreli_ray.forge.store import ACTING

BODY_MAX = 8 * 1024 * 1024

_log = logging.getLogger(__name__)

# GitHub's own limits: 65,536 characters a body, 256 a title.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=65_536)]
Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]*[^\x00-\x20][^\x00-\x1f]*$", max_length=256)]
Sha = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Direction = Literal["asc", "desc"]


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


Words = Annotated[Text, AfterValidator(_said)]


def _seconds(text: object) -> int:
    """ISO 8601 as seconds since the epoch; a time without a zone is UTC."""
    try:
        since = datetime.fromisoformat(str(text))
        return int((since if since.tzinfo else since.replace(tzinfo=UTC)).timestamp())
    except OverflowError as error:
        raise ValueError("is out of range") from error


Since = Annotated[
    int, BeforeValidator(_seconds), WithJsonSchema({"type": "string", "format": "date-time"}, mode="validation")
]


class Body(BaseModel):
    """A request's body: unknown fields are ignored, as GitHub does."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class Query(BaseModel):
    """A request's query parameters; an empty one counts as not given."""

    model_config = ConfigDict(extra="ignore", frozen=True)


Model = TypeVar("Model", bound=BaseModel)
Asked = TypeVar("Asked", bound=Query)


@dataclass(frozen=True)
class Call:
    forge: Forge
    limits: RateLimits
    request: Request
    user: User
    body: bytes

    @property
    def throttle(self) -> Throttle:
        return self.request.app.state.throttle

    # What was asked for --------------------------------------------------------------------------------------------

    def path(self, name: str) -> str:
        return self.request.path_params[name]

    def number(self, name: str = "number") -> int:
        return self.request.path_params[name]

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
        if not isinstance(data, dict) and issubclass(model, Body):
            raise Refusal(422, "Invalid request.\n\nBody should be a JSON object")
        try:
            return model.model_validate_json(self.body or b"{}")
        except ValidationError as error:
            raise _unfit(model, error) from error

    def asked(self, model: type[Asked]) -> Asked:
        """The query parameters as `model`. Raises `Refusal` (422)."""
        try:
            return model.model_validate({name: value for name, value in self.request.query_params.items() if value})
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

    @property
    def app(self) -> App:
        """The app that asks, by its own key or as an installation. Raises `Refusal` (404) if it is none."""
        return self.forge.apps.of_bot(self.user)

    def need_admin(self) -> Repository:
        """The repository, for its owner. Raises `Refusal` (403)."""
        if self.forge.role(self.user, self.repository) != "admin":
            raise forbidden("Must have admin rights to Repository.")
        return self.repository

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

    def page(self, items: Sequence[Item], shape: Callable[[Item], object]) -> Reply:
        """The asked part of a list."""
        page = Page.of(self.request)
        return Reply([shape(item) for item in page.cut(items)], headers=page.headers(len(items)))

    def counted_page(
        self, name: str, items: Sequence[Item], shape: Callable[[Item], object], **beside: object
    ) -> Reply:
        """The same in an object that says how many there are, and what stands `beside`."""
        page = self.page(items, shape)
        return Reply({"total_count": len(items), name: page.data, **beside}, headers=page.headers)


Handler = Callable[..., Reply]


class _Id(Convertor[int]):
    """A number in a path that a row can have: what is longer leads nowhere, instead of to Python's own limits."""

    regex = "[0-9]{1,18}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("id", _Id())


class Operation(Route):
    """A route of the API, with all that can be said of it: openapi.py makes the description from this.

    `handler` takes a `Call`, and where it has such a parameter the request's `body` and `query` as the models that
    its annotations name. `answer` is the type of what it answers (None: nothing, 204), with `status` or `also`; `media`
    what it can answer instead; `refuses` the statuses beyond what every route may refuse with. `free` ones cost nothing
    of the rate limit; `by_app` ones are for apps, who sign with their own key. `resource` is the limit they draw on: of
    any but `core` the handler itself takes what its request costs.
    """

    def __init__(
        self,
        method: str,
        path: str,
        handler: Handler,
        *,
        answer: Any = None,
        status: int | None = None,
        also: int | None = None,
        media: str | None = None,
        refuses: Collection[int] = (),
        free: bool = False,
        by_app: bool = False,
        resource: str = CORE,
    ) -> None:
        super().__init__(path, self._answer, methods=[method])
        hints = get_type_hints(handler)
        self.method = method
        self.handler = handler
        self.body: type[BaseModel] | None = hints.get("body")
        self.query: type[Query] | None = hints.get("query")
        self.answer = answer
        self.statuses = [status or (204 if answer is None else 200), *([also] if also else [])]
        self.media = media
        self.refuses = frozenset(refuses)
        self.free = free or resource != CORE
        self.by_app = by_app
        self.resource = resource

    @property
    def paged(self) -> bool:
        """Whether the answer is a list, by itself or beside its `total_count`."""
        if self.method != "GET":
            return False
        return get_origin(self.answer) is list or "total_count" in getattr(self.answer, "__annotations__", {})

    def call(self, call: Call) -> Reply:
        """Raises `Refusal`."""
        if self.method != "GET" and self.path.startswith("/repos/{owner}/{repo}/") and call.repository.archived:
            raise forbidden("Repository was archived so is read-only.")
        arguments: dict[str, BaseModel] = {}
        if self.query:
            arguments["query"] = call.asked(self.query)
        if self.body:
            arguments["body"] = call.parse(self.body)
        return self.handler(call, **arguments)

    async def _answer(self, request: Request) -> Response:
        throttle: Throttle = request.app.state.throttle
        try:
            with throttle.under_way(request.headers.get("authorization", "")):
                body = await _read(request)
                return await run_in_threadpool(_serve, self, request, body)
        except Refusal as refusal:
            return respond(refused(refusal), request)
        except ClientDisconnect:
            return Response(status_code=400)


route = Operation  # as the tables of routes call it


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


def _serve(operation: Operation, request: Request, body: bytes) -> Response:
    forge: Forge = request.app.state.forge
    limits: RateLimits = request.app.state.limits
    user: User | None = None
    try:
        user = _authenticate(forge, request, by_app=operation.by_app)
        if request.method != "GET":
            ACTING.set(user.id)  # this thread works in a context of its own
        if not operation.free and not limits.take(user.id):
            raise Refusal(403, f"API rate limit exceeded for user ID {user.id}.")
        call = Call(forge, limits, request, user, body)
        if operation.resource == CORE:
            call.throttle.spend(user.id, writes=operation.method != "GET")
        reply = operation.call(call)
    except Refusal as refusal:
        reply = refused(refusal)
    except (GitError, sqlite3.Error) as error:
        _log.exception("%s %s failed", request.method, request.scope["path"])
        reply = refused(Refusal(503, f"The forge can't answer now: {error}"))
    response = respond(reply, request)
    if user:
        if response.status_code == 304 and not operation.free:
            limits.give_back(user.id)
        response.headers.update(limits.window(user.id, operation.resource).headers())
        if not user.is_bot:
            response.headers["X-OAuth-Scopes"] = "repo"
    version = "v4" if operation.resource == "graphql" else "v3"
    response.headers["X-GitHub-Media-Type"] = f"github.{version}; format=json"
    return response


def _authenticate(forge: Forge, request: Request, *, by_app: bool) -> User:
    header = request.headers.get("authorization", "")
    if not header:
        raise Refusal(401, "Requires authentication")
    token = token_of(header)
    if token and by_app:
        return forge.user_by_id(forge.apps.asserted(token).bot_id)
    user = forge.authenticate(token) if token else None
    if not user:
        raise Refusal(401, "Bad credentials")
    return user


def _unfit(model: type[BaseModel], error: ValidationError) -> Refusal:
    errors: list[dict[str, str]] = []
    for detail in error.errors(include_url=False, include_input=False, include_context=False):
        code = "missing_field" if detail["type"] == "missing" else "invalid"
        where = ".".join(str(part) for part in detail["loc"])
        errors.append({"resource": model.__name__, "field": where, "code": code, "message": detail["msg"]})
    return Refusal(422, "Validation Failed", errors=errors[:20])
