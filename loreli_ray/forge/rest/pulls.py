"""Pull requests: https://docs.github.com/rest/pulls."""

from __future__ import annotations

from typing import Any, Literal

from loreli_ray.forge import diff
from loreli_ray.forge.records import Pull
from loreli_ray.forge.refusal import forbidden, not_found
from loreli_ray.forge.rest import git_answers, pull_answers, pull_shapes
from loreli_ray.forge.rest.call import Body, Call, Direction, Line, Query, Sha, Text, route
from loreli_ray.forge.rest.reply import Reply

DIFF = "application/vnd.github.diff"
MERGED = "Pull Request successfully merged"


class PullQuery(Query):
    state: Literal["open", "closed", "all"] = "open"
    head: str = ""
    base: str = ""
    sort: Literal["created", "updated"] = "created"
    direction: Direction = "desc"


class NewPull(Body):
    title: Line
    head: Line
    base: Line
    body: Text | None = None
    draft: bool = False


class PullChange(Body):
    title: Line | None = None
    body: Text | None = None
    state: Literal["open", "closed"] | None = None
    base: Line | None = None


class Merge(Body):
    merge_method: Literal["merge", "squash", "rebase"] = "merge"
    sha: Sha | None = None
    commit_title: Text | None = None
    commit_message: Text | None = None


class BranchUpdate(Body):
    expected_head_sha: Sha | None = None


def list_pulls(call: Call, query: PullQuery) -> Reply:
    pulls = call.forge.pulls.list(
        call.repository,
        state=query.state,
        head=query.head,
        base=query.base,
        sort=query.sort,
        direction=query.direction,
    )
    return call.page(pulls, lambda pull: pull_shapes.pull(call.shapes, call.repository, pull))


def create_pull(call: Call, body: NewPull) -> Reply:
    pull = call.forge.pulls.create(
        call.repository,
        author=call.user,
        title=body.title,
        body=body.body,
        head=body.head,
        base=body.base,
        draft=body.draft,
    )
    return Reply(pull_shapes.full_pull(call.shapes, call.repository, pull), 201)


def get_pull(call: Call) -> Reply:
    """JSON, or what the Accept header asks for: the plain difference."""
    pull = _pull(call)
    if not call.wants("diff"):
        return Reply(pull_shapes.full_pull(call.shapes, call.repository, pull))
    base = call.forge.pulls.fork_point(call.repository, pull)
    text = diff.text(call.forge.git(call.repository), base=base, head=pull.head_sha)
    return Reply(content=text.encode(), media_type=f"{DIFF}; charset=utf-8")


def edit_pull(call: Call, body: PullChange) -> Reply:
    pull = _pull(call)
    if not call.may_write and pull.author_id != call.user.id:
        raise forbidden()
    changes: dict[str, Any] = {
        name: value
        for name, value in body.model_dump(exclude_unset=True).items()
        if value is not None or name == "body"
    }
    pull = call.forge.pulls.edit(call.repository, pull.number, actor=call.user, changes=changes)
    return Reply(pull_shapes.full_pull(call.shapes, call.repository, pull))


def list_files(call: Call) -> Reply:
    pull = _pull(call)
    base = call.forge.pulls.fork_point(call.repository, pull)
    changes = diff.changes(call.forge.git(call.repository), base=base, head=pull.head_sha)
    return call.page(
        changes, lambda change: pull_shapes.files(call.shapes, call.repository, [change], pull.head_sha)[0]
    )


def list_commits(call: Call) -> Reply:
    commits = call.forge.pulls.commits(call.repository, _pull(call))
    return call.page(commits, lambda commit: pull_shapes.commit(call.shapes, call.repository, commit))


def merged(call: Call) -> Reply:
    if _pull(call).merged_at is None:
        raise not_found()
    return Reply(status=204)


def merge(call: Call, body: Merge) -> Reply:
    repository = call.need_write()
    sha = call.forge.pulls.merge(
        repository,
        call.number(),
        actor=call.user,
        method=body.merge_method,
        sha=body.sha,
        title=body.commit_title,
        message=body.commit_message,
    )
    return Reply({"sha": sha, "merged": True, "message": MERGED})


def update_branch(call: Call, body: BranchUpdate) -> Reply:
    repository = call.need_write()
    call.forge.pulls.update_branch(repository, call.number(), actor=call.user, expected=body.expected_head_sha)
    url = f"{call.shapes.repository_web(repository)}/pull/{call.number()}"
    return Reply({"message": "Updating pull request branch.", "url": url}, 202)


def _pull(call: Call) -> Pull:
    return call.forge.pulls.get(call.repository, call.number())


ROUTES = [
    route("GET", "/repos/{owner}/{repo}/pulls", list_pulls, answer=list[pull_answers.Pull]),
    route("POST", "/repos/{owner}/{repo}/pulls", create_pull, answer=pull_answers.FullPull, status=201),
    route("GET", "/repos/{owner}/{repo}/pulls/{number:id}", get_pull, answer=pull_answers.FullPull, media=DIFF),
    route("PATCH", "/repos/{owner}/{repo}/pulls/{number:id}", edit_pull, answer=pull_answers.FullPull),
    route("GET", "/repos/{owner}/{repo}/pulls/{number:id}/files", list_files, answer=list[git_answers.File]),
    route("GET", "/repos/{owner}/{repo}/pulls/{number:id}/commits", list_commits, answer=list[git_answers.Commit]),
    route("GET", "/repos/{owner}/{repo}/pulls/{number:id}/merge", merged),
    route(
        "PUT", "/repos/{owner}/{repo}/pulls/{number:id}/merge", merge, answer=pull_answers.Merged, refuses=(405, 409)
    ),
    route(
        "PUT",
        "/repos/{owner}/{repo}/pulls/{number:id}/update-branch",
        update_branch,
        answer=pull_answers.Updating,
        status=202,
    ),
]
