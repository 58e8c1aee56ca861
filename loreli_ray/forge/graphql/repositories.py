"""The entrances, people, repositories and refs."""

from __future__ import annotations

from typing import Any

from loreli_ray.forge.graphql import nodes
from loreli_ray.forge.graphql.connections import Shape, connection
from loreli_ray.forge.graphql.fields import KINDS, Context, Node, Ref, constants, record_of, resolver, unknown
from loreli_ray.forge.records import Label, Pull, Repository, User
from loreli_ray.forge.refusal import Refusal

PEOPLE = ("User", "Bot")
_HEADS = "refs/heads/"


@resolver("viewer", "Query")
def viewer(context: Context, _: None) -> User:
    return context.viewer


@resolver("user", "Query")
@resolver("repositoryOwner", "Query")
def user(context: Context, _: None, *, login: str) -> User:
    found = context.forge.user(login)
    if not found:
        raise unknown("a User", f"the login of '{login}'")
    return found


@resolver("repository", "Query")
def repository(context: Context, _: None, *, owner: str, name: str, follow_renames: bool = True) -> Repository:
    del follow_renames  # nothing is ever renamed here
    found = context.forge.repository(f"{owner}/{name}")
    if not found or not context.sees(found):
        raise unknown("a Repository", f"the name '{owner}/{name}'")
    return found


@resolver("node", "Query")
def node(context: Context, _: None, *, id: str) -> Any:
    return nodes.find(context, id)


@resolver("nodes", "Query")
def all_nodes(context: Context, _: None, *, ids: list[str]) -> list[Any]:
    if len(ids) > 100:
        raise Refusal(422, f"You may not provide more than 100 node ids; you provided {len(ids)}.")
    return [nodes.find(context, one) for one in ids]


@resolver("rateLimit", "Query")
def rate_limit(context: Context, _: None, *, dry_run: bool = False) -> Shape:
    del dry_run
    window = context.call.limits.window(context.viewer.id, "graphql")
    return {
        "limit": window.limit,
        "cost": context.cost.points,
        "used": window.used,
        "remaining": window.remaining,
        "resetAt": window.reset,
        "nodeCount": context.cost.nodes,
    }


# What all have ----------------------------------------------------------------------------------------------------


@resolver("databaseId", *KINDS.values(), "Bot")
@resolver("fullDatabaseId", *KINDS.values())
def database_id(_context: Context, source: Any) -> int:
    return record_of(source).id


@resolver("repository", *KINDS.values(), "Tree", "Blob", "Tag")
def home(_context: Context, source: Node[Any]) -> Repository:
    return source.repository


# People ------------------------------------------------------------------------------------------------------------


constants("User", name=None, email="")


@resolver("avatarUrl", *PEOPLE)
def avatar(context: Context, user: User, *, size: int | None = None) -> str:
    del size
    return context.shapes.user(user)["avatar_url"]


@resolver("url", *PEOPLE)
def user_url(context: Context, user: User) -> str:
    return context.shapes.user(user)["html_url"]


@resolver("resourcePath", *PEOPLE)
def user_path(_context: Context, user: User) -> str:
    return f"/{user.login}"


@resolver("isViewer", "User")
def is_viewer(context: Context, user: User) -> bool:
    return user.id == context.viewer.id


@resolver("updatedAt", *PEOPLE)
def user_updated(_context: Context, user: User) -> int:
    return user.created_at


# Repositories ------------------------------------------------------------------------------------------------------


constants(
    "Repository",
    parent=None,
    isFork=False,
    isDisabled=False,
    isLocked=False,
    isTemplate=False,
    hasWikiEnabled=False,
    autoMergeAllowed=False,
)


@resolver("nameWithOwner", "Repository")
def full_name(_context: Context, repository: Repository) -> str:
    return repository.full_name


@resolver("owner", "Repository")
def owner(context: Context, repository: Repository) -> User:
    return context.shapes.user_by_id(repository.owner_id)


@resolver("url", "Repository")
def repository_url(context: Context, repository: Repository) -> str:
    return context.shapes.repository_web(repository)


@resolver("sshUrl", "Repository")
def ssh_url(context: Context, repository: Repository) -> str:
    return context.shapes.repository(repository)["ssh_url"]


@resolver("resourcePath", "Repository")
def repository_path(_context: Context, repository: Repository) -> str:
    return f"/{repository.full_name}"


@resolver("isPrivate", "Repository")
def is_private(_context: Context, repository: Repository) -> bool:
    return repository.private


@resolver("visibility", "Repository")
def visibility(_context: Context, repository: Repository) -> str:
    return "PRIVATE" if repository.private else "PUBLIC"


@resolver("updatedAt", "Repository")
def repository_updated(_context: Context, repository: Repository) -> int:
    return repository.pushed_at


@resolver("isArchived", "Repository")
def is_archived(_context: Context, repository: Repository) -> bool:
    return repository.archived


@resolver("hasIssuesEnabled", "Repository")
def has_issues(_context: Context, repository: Repository) -> bool:
    return repository.has_issues


@resolver("hasDiscussionsEnabled", "Repository")
def has_discussions(_context: Context, repository: Repository) -> bool:
    return repository.has_discussions


@resolver("mergeCommitAllowed", "Repository")
def merge_allowed(_context: Context, repository: Repository) -> bool:
    return repository.allow_merge_commit


@resolver("squashMergeAllowed", "Repository")
def squash_allowed(_context: Context, repository: Repository) -> bool:
    return repository.allow_squash_merge


@resolver("rebaseMergeAllowed", "Repository")
def rebase_allowed(_context: Context, repository: Repository) -> bool:
    return repository.allow_rebase_merge


@resolver("viewerPermission", "Repository")
def permission(context: Context, repository: Repository) -> str:
    return context.forge.role(context.viewer, repository).upper()


@resolver("viewerCanAdminister", "Repository")
def can_administer(context: Context, repository: Repository) -> bool:
    return context.forge.role(context.viewer, repository) == "admin"


@resolver("assignableUsers", "Repository")
def assignable(context: Context, repository: Repository, *, query: str | None = None, **page: Any) -> Shape:
    people = [one for one in context.forge.members(repository) if not query or query.lower() in one.login.lower()]
    return connection(context, "assignableUsers", people, **page)


@resolver("label", "Repository")
def label(context: Context, repository: Repository, *, name: str) -> Node[Label] | None:
    try:
        return Node(repository, context.forge.issues.label(repository, name))
    except Refusal:
        return None  # GitHub sends no error here


@resolver("labels", "Repository")
def labels(
    context: Context,
    repository: Repository,
    *,
    order_by: dict[str, str] | None = None,
    query: str | None = None,
    **page: Any,
) -> Shape:
    order = order_by or {"field": "CREATED_AT", "direction": "ASC"}
    found = context.forge.issues.labels(repository)
    found.sort(
        key=lambda one: (one.name if order["field"] == "NAME" else "", one.id), reverse=order["direction"] == "DESC"
    )
    chosen = [Node(repository, one) for one in found if not query or query.lower() in one.name.lower()]
    return connection(context, "labels", chosen, **page)


@resolver("url", "Label")
def label_url(context: Context, label: Node[Label]) -> str:
    return context.shapes.repository_web(label.repository) + "/labels/" + label.record.name


@resolver("resourcePath", "Label")
def label_path(_context: Context, label: Node[Label]) -> str:
    return f"/{label.repository.full_name}/labels/{label.record.name}"


# Refs --------------------------------------------------------------------------------------------------------------


@resolver("isEmpty", "Repository")
def is_empty(context: Context, repository: Repository) -> bool:
    return not context.forge.git(repository).heads()


@resolver("defaultBranchRef", "Repository")
def default_branch(context: Context, repository: Repository) -> Node[Ref] | None:
    return find_ref(context, repository, _HEADS + repository.default_branch)


@resolver("ref", "Repository")
def ref(context: Context, repository: Repository, *, qualified_name: str) -> Node[Ref] | None:
    """A full name, or one that git would find among branches and tags."""
    prefixes = ("",) if qualified_name.startswith("refs/") else (_HEADS, "refs/tags/", "refs/")
    found = (find_ref(context, repository, prefix + qualified_name) for prefix in prefixes)
    return next(filter(None, found), None)


@resolver("refs", "Repository")
def refs(
    context: Context,
    repository: Repository,
    *,
    ref_prefix: str,
    query: str | None = None,
    direction: str | None = None,
    **page: Any,
) -> Shape:
    prefix = ref_prefix if ref_prefix.endswith("/") else ref_prefix + "/"
    found = context.forge.git(repository).refs(prefix) if prefix.startswith("refs/") else {}
    chosen = [Node(repository, Ref(name, sha)) for name, sha in found.items() if not query or query in name]
    return connection(context, "refs", chosen[::-1] if direction == "DESC" else chosen, **page)


def find_ref(context: Context, repository: Repository, name: str) -> Node[Ref] | None:
    sha = context.forge.git(repository).ref(name)
    return Node(repository, Ref(name, sha)) if sha else None


@resolver("prefix", "Ref")
def ref_prefix(_context: Context, ref: Node[Ref]) -> str:
    return next((one for one in (_HEADS, "refs/tags/") if ref.record.name.startswith(one)), "refs/")


@resolver("name", "Ref")
def ref_name(context: Context, ref: Node[Ref]) -> str:
    return ref.record.name.removeprefix(ref_prefix(context, ref))


@resolver("target", "Ref")
def ref_target(context: Context, ref: Node[Ref]) -> Node[Any]:
    return nodes.git_object(context.forge.git(ref.repository), ref.repository, ref.record.sha)


@resolver("associatedPullRequests", "Ref")
def pulls_of_ref(context: Context, ref: Node[Ref], *, states: list[str] | None = None, **page: Any) -> Shape:
    found = context.forge.pulls.list(ref.repository, state="all", direction="asc")
    chosen = [
        Node(ref.repository, pull)
        for pull in found
        if _HEADS + pull.head_ref == ref.record.name and (not states or state_of(pull) in states)
    ]
    return connection(context, "associatedPullRequests", chosen, **page)


def state_of(pull: Pull) -> str:
    """A pull request's state in GraphQL's words: OPEN, CLOSED or MERGED."""
    return "MERGED" if pull.merged_at is not None else pull.state.upper()
