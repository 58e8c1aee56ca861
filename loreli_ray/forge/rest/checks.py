"""Commit statuses and check runs: https://docs.github.com/rest/commits/statuses and /rest/checks/runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from loreli_ray.forge.checks import combined_state
from loreli_ray.forge.records import App, CheckRun
from loreli_ray.forge.refusal import forbidden, invalid
from loreli_ray.forge.rest import app_answers
from loreli_ray.forge.rest.call import Body, Call, Line, Query, Sha, Text, route
from loreli_ray.forge.rest.gitdata import commit_of
from loreli_ray.forge.rest.reply import Reply
from loreli_ray.forge.rest.shapes import Shape

Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\x00-\x20]+$", max_length=2048)]
Date = Annotated[AwareDatetime, Field(strict=False)]


class RunQuery(Query):
    filter: Literal["latest", "all"] = "latest"
    check_name: str = ""
    status: Literal["", "queued", "in_progress", "completed"] = ""


class NewStatus(Body):
    state: Literal["error", "failure", "pending", "success"]
    context: Line = "default"
    description: Annotated[Text, StringConstraints(max_length=140)] | None = None
    target_url: Url | None = None


class Output(Body):
    title: Line
    summary: Text
    text: Text | None = None


class Run(Body):
    status: Literal["queued", "in_progress", "completed", "waiting", "requested", "pending"] | None = None
    conclusion: (
        Literal["action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out"] | None
    ) = None
    details_url: Url | None = None
    external_id: Line | None = None
    started_at: Date | None = None
    completed_at: Date | None = None
    output: Output | None = None


class RunChange(Run):
    name: Line | None = None


class NewRun(Run):
    name: Line
    head_sha: Sha


def create_status(call: Call, body: NewStatus) -> Reply:
    repository = call.need_write()
    status = call.forge.checks.add_status(
        repository,
        commit_of(call, "sha"),
        creator=call.user,
        state=body.state,
        context=body.context,
        description=body.description,
        target_url=body.target_url,
    )
    return Reply(call.shapes.status(repository, status), 201)


def combined_status(call: Call) -> Reply:
    """The last status of every context, and what they come to."""
    repository, sha = call.repository, commit_of(call, "ref")
    latest = call.forge.checks.latest(repository, sha)
    url = f"{call.shapes.repository_api(repository)}/commits/{sha}"
    page = call.page(latest, lambda status: call.shapes.status(repository, status))
    shape: Shape = {
        "state": combined_state(latest),
        "statuses": page.data,
        "sha": sha,
        "total_count": len(latest),
        "repository": call.shapes.minimal_repository(repository),
        "commit_url": url,
        "url": f"{url}/status",
    }
    return Reply(shape, headers=page.headers)


def list_statuses(call: Call) -> Reply:
    statuses = call.forge.checks.statuses(call.repository, commit_of(call, "ref"))
    return call.page(statuses, lambda status: call.shapes.status(call.repository, status))


def create_run(call: Call, body: NewRun) -> Reply:
    repository, app = call.need_write(), _need_app(call)
    if call.forge.git(repository).kind(body.head_sha) != "commit":
        raise invalid("CheckRun", field="head_sha", message=f"No commit found for SHA: {body.head_sha}")
    run = call.forge.checks.add_run(repository, head_sha=body.head_sha, columns=_columns(body), app=app)
    return Reply(call.shapes.check_run(repository, run), 201)


def edit_run(call: Call, body: RunChange) -> Reply:
    repository, app = call.need_write(), _need_app(call)
    if call.forge.checks.run(repository, call.number("id")).app_id != app.id:
        raise forbidden("Invalid app_id - check run can only be modified by the GitHub App that created it.")
    run = call.forge.checks.edit_run(repository, call.number("id"), columns=_columns(body))
    return Reply(call.shapes.check_run(repository, run))


def get_run(call: Call) -> Reply:
    run = call.forge.checks.run(call.repository, call.number("id"))
    return Reply(call.shapes.check_run(call.repository, run))


def list_runs(call: Call, query: RunQuery) -> Reply:
    """Of every name the latest run, unless `filter=all`."""
    runs = call.forge.checks.runs(call.repository, commit_of(call, "ref"))
    if query.filter == "latest":
        newest: dict[str, CheckRun] = {}
        for run in runs:
            newest.setdefault(run.name, run)
        runs = list(newest.values())
    runs = [run for run in runs if query.check_name in ("", run.name) and query.status in ("", run.status)]
    return call.counted_page("check_runs", runs, lambda run: call.shapes.check_run(call.repository, run))


def _need_app(call: Call) -> App:
    """GitHub leaves check runs to apps; people have commit statuses."""
    if not call.user.is_bot:
        raise forbidden("You must authenticate via a GitHub App.")
    return call.app


def _columns(body: Run) -> dict[str, Any]:
    """The row's columns that the body sets."""
    columns = body.model_dump(exclude_none=True, exclude={"output", "head_sha"})
    for name in ("started_at", "completed_at"):
        if name in columns:
            columns[name] = max(0, int(columns[name].timestamp()))
    return columns | (body.output.model_dump(exclude_none=True) if body.output else {})


ROUTES = [
    route("POST", "/repos/{owner}/{repo}/statuses/{sha}", create_status, answer=app_answers.Status, status=201),
    route("GET", "/repos/{owner}/{repo}/commits/{ref:path}/status", combined_status, answer=app_answers.CombinedStatus),
    route("GET", "/repos/{owner}/{repo}/commits/{ref:path}/statuses", list_statuses, answer=list[app_answers.Status]),
    route("GET", "/repos/{owner}/{repo}/commits/{ref:path}/check-runs", list_runs, answer=app_answers.CheckRuns),
    route("POST", "/repos/{owner}/{repo}/check-runs", create_run, answer=app_answers.CheckRun, status=201),
    route("GET", "/repos/{owner}/{repo}/check-runs/{id:id}", get_run, answer=app_answers.CheckRun),
    route("PATCH", "/repos/{owner}/{repo}/check-runs/{id:id}", edit_run, answer=app_answers.CheckRun),
]
