"""How a field of the schema finds its value: a registered resolver, else the attribute of the same name.

Invariants: a resolver sees only what its user may see; sources are the core's records, those that hang beneath a
repository wrapped in `Node`, so that every field knows its repository.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Generic, TypeVar

from graphql import FieldNode, GraphQLAbstractType, GraphQLError
from pydantic import ConfigDict, ValidationError
from pydantic.alias_generators import to_camel, to_snake

from loreli_ray.forge.diff import FileChange
from loreli_ray.forge.forge import Forge
from loreli_ray.forge.graphql.limits import Cost
from loreli_ray.forge.records import (
    CheckRun,
    Comment,
    CommitStatus,
    Discussion,
    DiscussionCategory,
    DiscussionComment,
    Issue,
    Label,
    Pull,
    Repository,
    Review,
    ReviewComment,
    User,
)
from loreli_ray.forge.refusal import Refusal, forbidden
from loreli_ray.forge.repository import Commit
from loreli_ray.forge.rest.call import Body, Call
from loreli_ray.forge.rest.shapes import Shapes, node_id

Record = TypeVar("Record", covariant=True)
Resolver = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Node(Generic[Record]):
    """A record and the repository that it belongs to."""

    repository: Repository
    record: Record


@dataclass(frozen=True, slots=True)
class Ref:
    name: str
    sha: str


@dataclass(frozen=True, slots=True)
class GitObject:
    """A blob, tree or tag; `kind` is git's word."""

    kind: str
    sha: str


@dataclass(frozen=True, slots=True)
class ReviewRequest:
    pull: Pull
    reviewer: User


@dataclass(frozen=True, slots=True)
class PullCommit:
    """A commit as part of a pull request."""

    pull: Pull
    commit: Commit


KINDS: Mapping[type, str] = {
    User: "User",
    Repository: "Repository",
    Label: "Label",
    Issue: "Issue",
    Pull: "PullRequest",
    Comment: "IssueComment",
    Review: "PullRequestReview",
    ReviewComment: "PullRequestReviewComment",
    PullCommit: "PullRequestCommit",
    ReviewRequest: "ReviewRequest",
    FileChange: "PullRequestChangedFile",
    Commit: "Commit",
    Ref: "Ref",
    CheckRun: "CheckRun",
    CommitStatus: "StatusContext",
    Discussion: "Discussion",
    DiscussionCategory: "DiscussionCategory",
    DiscussionComment: "DiscussionComment",
}


@dataclass(frozen=True)
class Context:
    """One request: who asks, and what was looked up for it already."""

    call: Call
    cost: Cost
    _fresh: set[int] = field(default_factory=set[int])
    _changing: list[str] = field(default_factory=list[str])

    @property
    def forge(self) -> Forge:
        return self.call.forge

    @property
    def viewer(self) -> User:
        return self.call.user

    @property
    def shapes(self) -> Shapes:
        return self.call.shapes

    def refresh(self, repository: Repository) -> None:
        """Brings the pull requests in line with their branches, once for all fields of a query."""
        if repository.id not in self._fresh:
            self.forge.pulls.refresh(repository)
            self._fresh.add(repository.id)

    @contextmanager
    def changing(self, mutation: str) -> Generator[None]:
        """While a mutation runs, what is archived can't be reached; what is read after it is read anew."""
        self._changing.append(mutation)
        try:
            yield
        finally:
            self._changing.clear()
            self._fresh.clear()

    def need_alive(self, repository: Repository) -> None:
        """Raises `Refusal` (403) where a mutation looks for something in an archived repository."""
        if repository.archived and self._changing not in ([], ["updateRepository"]):
            raise forbidden("Repository was archived so is read-only.")

    def sees(self, repository: Repository) -> bool:
        return self.forge.role(self.viewer, repository) != "none"

    def may_write(self, repository: Repository) -> bool:
        return self.forge.role(self.viewer, repository) in ("admin", "write")


# Resolvers ---------------------------------------------------------------------------------------------------------

_RESOLVERS: dict[tuple[str, str], Resolver] = {}


def resolver(field_name: str, *types: str) -> Callable[[Resolver], Resolver]:
    """Registers `function(context, source, **arguments)` for a field of these types; arguments in snake case."""

    def register(function: Resolver) -> Resolver:
        for type_name in types:
            _RESOLVERS[type_name, field_name] = function
        return function

    return register


def constants(*types: str, **values: object) -> None:
    """Registers fields that have one value in this forge."""

    def register(name: str, value: object) -> None:
        resolver(name, *types)(lambda *_arguments, **_named: value)

    for name, value in values.items():
        register(name, value)


class Input(Body):
    """A mutation's input: GraphQL has checked its types, this checks sizes and characters."""

    model_config = ConfigDict(alias_generator=to_camel)

    client_mutation_id: str | None = None


def mutation(name: str, model: type[Input]) -> Callable[[Resolver], Resolver]:
    """Registers `function(context, input)`, which returns the payload's fields, for a mutation."""

    def register(function: Resolver) -> Resolver:
        def change(context: Context, _source: None, *, input: Mapping[str, Any]) -> dict[str, Any]:
            body = _parse(model, input)
            with context.changing(name):
                payload: dict[str, Any] = function(context, body)
            return {"clientMutationId": body.client_mutation_id, **payload}

        resolver(name, "Mutation")(change)
        return function

    return register


def _parse(model: type[Input], value: Mapping[str, Any]) -> Input:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)[:20]
        said = "; ".join(f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in details)
        raise problem("UNPROCESSABLE", said) from error


def resolve(source: Any, info: Any, **arguments: Any) -> Any:
    """graphql-core's `field_resolver`; `info` is its `GraphQLResolveInfo`, whose type depends on Python's version."""
    found = _RESOLVERS.get((info.parent_type.name, info.field_name))
    if found and arguments.get("first") is None and arguments.get("last") is None and _only_counts(info):
        arguments["first"] = 0
    if found:
        return found(info.context, source, **{_snake(name): value for name, value in arguments.items()})
    if isinstance(source, dict):
        return source.get(info.field_name)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return getattr(record_of(source), _snake(info.field_name))


_SIZES = ("totalCount", "issueCount", "__typename")


def _only_counts(info: Any) -> bool:
    """Whether a connection is asked for nothing but its size: then GitHub wants no `first` or `last`."""
    if not str(info.return_type).rstrip("!").endswith("Connection"):
        return False
    asked: list[object] = [one for node in info.field_nodes for one in node.selection_set.selections]
    return all(isinstance(one, FieldNode) and one.name.value in _SIZES for one in asked)


def resolve_type(value: Any, _info: object, _abstract: GraphQLAbstractType) -> str:
    """graphql-core's `type_resolver`."""
    return kind_of(value)


def record_of(source: Any) -> Any:
    if isinstance(source, Node):
        return source.record  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return source


def kind_of(source: Any) -> str:
    """The name of a source's type in the schema."""
    record = record_of(source)
    if isinstance(record, GitObject):
        return record.kind.capitalize()
    return record.kind if isinstance(record, User) else KINDS[type(record)]


@resolver("id", "GitObject", *KINDS.values(), "Bot", "Tree", "Blob", "Tag")
def global_id(_context: Context, source: Any) -> str:
    """The same id as in REST's `node_id`."""
    return node_id(kind_of(source), _key(source))


def _key(source: Any) -> object:
    record = record_of(source)
    if isinstance(record, PullCommit):
        return f"{record.pull.id}:{record.commit.sha}"
    if isinstance(record, ReviewRequest):
        return f"{record.pull.id}:{record.reviewer.id}"
    if isinstance(record, FileChange):
        return f"{source.repository.id}:{record.path}"
    if isinstance(record, (Commit, GitObject)):
        return f"{source.repository.id}:{record.sha}"
    return f"{source.repository.id}:{record.name}" if isinstance(record, Ref) else record.id


_snake = cache(to_snake)


# Errors ------------------------------------------------------------------------------------------------------------

_TYPES = {403: "FORBIDDEN", 404: "NOT_FOUND", 409: "STALE_DATA"}


def problem(kind: str, message: str) -> GraphQLError:
    """An error in GitHub's form: `kind` becomes its `type`."""
    return GraphQLError(message, extensions={"type": kind})


def unknown(what: str, how: str) -> GraphQLError:
    """`what` with its article, as "an Issue"; `how` it was named."""
    return problem("NOT_FOUND", f"Could not resolve to {what} with {how}.")


def refused(refusal: Refusal) -> GraphQLError:
    """The core's refusal; its details, which REST lists, belong to the sentence here."""
    details = [error.get("message") or f"{error.get('field')} is {error.get('code')}" for error in refusal.errors]
    return problem(_TYPES.get(refusal.status, "UNPROCESSABLE"), "; ".join(details) or refusal.message)
