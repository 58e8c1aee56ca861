"""git's objects, and what checks and statuses say about a commit."""

from __future__ import annotations

from typing import Any

from loreli_ray.forge.graphql import nodes
from loreli_ray.forge.graphql.connections import Shape, connection
from loreli_ray.forge.graphql.fields import Context, GitObject, Node, constants, resolver
from loreli_ray.forge.records import CheckRun, CommitStatus, Repository, User
from loreli_ray.forge.repository import Commit, Signature

OBJECTS = ("Commit", "Tree", "Blob", "Tag")
TEXT_MAX = 512 * 1024
_BAD = {"failure", "timed_out", "cancelled", "action_required", "startup_failure", "stale"}

constants("Blob", isTruncated=False)
constants("CheckRun", checkSuite=None)


def commit_node(context: Context, repository: Repository, sha: str) -> Node[Commit] | None:
    """The commit, None if it is not there any more."""
    git = context.forge.git(repository)
    return Node(repository, git.commit(sha)) if git.kind(sha) == "commit" else None


@resolver("object", "Repository")
def find_object(
    context: Context, repository: Repository, *, expression: str | None = None, oid: str | None = None
) -> Node[Any] | None:
    """By object id, or by `revision` or `revision:path`."""
    git = context.forge.git(repository)
    if oid:
        return nodes.git_object(git, repository, oid) if git.kind(oid) else None
    revision, colon, path = (expression or "").partition(":")
    sha = git.resolve(revision)
    if not sha:
        return None
    if not colon:
        return Node(repository, git.commit(sha))
    entry = git.entry(sha, path.strip("/"))
    return Node(repository, GitObject(entry.kind, entry.sha)) if entry and entry.kind != "commit" else None


# Objects -----------------------------------------------------------------------------------------------------------


@resolver("oid", *OBJECTS)
def oid(_context: Context, source: Node[Any]) -> str:
    return source.record.sha


@resolver("abbreviatedOid", *OBJECTS)
def short_oid(_context: Context, source: Node[Any]) -> str:
    return source.record.sha[:7]


@resolver("commitResourcePath", *OBJECTS)
@resolver("resourcePath", "Commit")
def commit_path(_context: Context, source: Node[Any]) -> str:
    return f"/{source.repository.full_name}/commit/{source.record.sha}"


@resolver("commitUrl", *OBJECTS)
@resolver("url", "Commit")
def commit_url(context: Context, source: Node[Any]) -> str:
    return context.shapes.web + commit_path(context, source)


@resolver("byteSize", "Blob")
def byte_size(context: Context, blob: Node[GitObject]) -> int:
    return len(_content(context, blob))


@resolver("isBinary", "Blob")
def is_binary(context: Context, blob: Node[GitObject]) -> bool:
    return b"\0" in _content(context, blob)


@resolver("text", "Blob")
def text(context: Context, blob: Node[GitObject]) -> str | None:
    """None for what is binary, and for what is larger than 512 KiB."""
    content = _content(context, blob)
    return None if b"\0" in content or len(content) > TEXT_MAX else content.decode(errors="replace")


def _content(context: Context, blob: Node[GitObject]) -> bytes:
    return context.forge.git(blob.repository).blob(blob.record.sha)


# Commits -----------------------------------------------------------------------------------------------------------


@resolver("messageHeadline", "Commit")
def headline(_context: Context, commit: Node[Commit]) -> str:
    return commit.record.title


@resolver("messageBody", "Commit")
def message_body(_context: Context, commit: Node[Commit]) -> str:
    return commit.record.message.partition("\n")[2].strip("\n")


@resolver("author", "Commit")
def author(_context: Context, commit: Node[Commit]) -> Signature:
    return commit.record.author


@resolver("committer", "Commit")
def committer(_context: Context, commit: Node[Commit]) -> Signature:
    return commit.record.committer


@resolver("authoredDate", "Commit")
def authored(_context: Context, commit: Node[Commit]) -> int:
    return commit.record.author.date


@resolver("committedDate", "Commit")
def committed(_context: Context, commit: Node[Commit]) -> int:
    return commit.record.committer.date


@resolver("user", "GitActor")
def person(context: Context, who: Signature) -> User | None:
    user = context.forge.user(who.name)
    return user if user and user.email == who.email else None


@resolver("tree", "Commit")
def tree(_context: Context, commit: Node[Commit]) -> Node[GitObject]:
    return Node(commit.repository, GitObject("tree", commit.record.tree))


@resolver("parents", "Commit")
def parents(context: Context, commit: Node[Commit], **page: Any) -> Shape:
    git = context.forge.git(commit.repository)
    found = [Node(commit.repository, git.commit(sha)) for sha in commit.record.parents]
    return connection(context, "parents", found, **page)


@resolver("history", "Commit")
def history(context: Context, commit: Node[Commit], **page: Any) -> Shape:
    found = context.forge.git(commit.repository).log(commit.record.sha)
    return connection(context, "history", [Node(commit.repository, one) for one in found], **page)


# Statuses and checks -----------------------------------------------------------------------------------------------


def rollup(context: Context, repository: Repository, sha: str) -> Shape | None:
    """What the last word of every status context and check run comes to; None if there is no word."""
    statuses = context.forge.checks.latest(repository, sha)
    newest: dict[str, CheckRun] = {}
    for run in context.forge.checks.runs(repository, sha):
        newest.setdefault(run.name, run)
    runs = list(newest.values())
    if not statuses and not runs:
        return None
    found = [*(Node(repository, one) for one in runs), *(Node(repository, one) for one in statuses)]
    counts = {"checkRunCount": len(runs), "statusContextCount": len(statuses)}
    return {
        "state": _state(statuses, runs),
        "commit": commit_node(context, repository, sha),
        "contexts": (found, counts),
    }


@resolver("contexts", "StatusCheckRollup")
def contexts(context: Context, source: Shape, **page: Any) -> Shape:
    found, counts = source["contexts"]
    return connection(context, "contexts", found, **page, **counts)


@resolver("statusCheckRollup", "Commit")
def commit_rollup(context: Context, commit: Node[Commit]) -> Shape | None:
    return rollup(context, commit.repository, commit.record.sha)


@resolver("status", "Commit")
def status(context: Context, commit: Node[Commit]) -> Shape | None:
    found = context.forge.checks.latest(commit.repository, commit.record.sha)
    nodes = [Node(commit.repository, one) for one in found]
    return {"state": _state(found, []), "commit": commit, "contexts": nodes} if found else None


@resolver("context", "Status")
def status_context(_context: Context, source: Shape, *, name: str) -> Node[CommitStatus] | None:
    return next((one for one in source["contexts"] if one.record.context == name), None)


@resolver("state", "StatusContext")
def status_state(_context: Context, status: Node[CommitStatus]) -> str:
    return status.record.state.upper()


@resolver("creator", "StatusContext")
def creator(context: Context, status: Node[CommitStatus]) -> User:
    return context.shapes.user_by_id(status.record.creator_id)


@resolver("commit", "StatusContext")
def status_commit(context: Context, status: Node[CommitStatus]) -> Node[Commit] | None:
    return commit_node(context, status.repository, status.record.sha)


@resolver("status", "CheckRun")
def run_status(_context: Context, run: Node[CheckRun]) -> str:
    return run.record.status.upper()


@resolver("conclusion", "CheckRun")
def run_conclusion(_context: Context, run: Node[CheckRun]) -> str | None:
    return run.record.conclusion.upper() if run.record.conclusion else None


@resolver("url", "CheckRun")
def run_url(context: Context, run: Node[CheckRun]) -> str:
    return context.shapes.check_run(run.repository, run.record)["html_url"]


def _state(statuses: list[CommitStatus], runs: list[CheckRun]) -> str:
    """FAILURE (or ERROR) if anything failed, PENDING if anything is under way, else SUCCESS."""
    said = {status.state for status in statuses}
    ended = {run.conclusion for run in runs}
    if "failure" in said or ended & _BAD:
        return "FAILURE"
    if "error" in said:
        return "ERROR"
    return "PENDING" if "pending" in said or any(run.status != "completed" for run in runs) else "SUCCESS"
