"""Branches and their protection: https://docs.github.com/rest/branches."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from loreli_ray.forge.protections import contexts_of
from loreli_ray.forge.records import Protection
from loreli_ray.forge.refusal import Refusal
from loreli_ray.forge.rest import git_answers, pull_shapes
from loreli_ray.forge.rest.call import Body, Call, Line, route
from loreli_ray.forge.rest.reply import Reply
from loreli_ray.forge.rest.shapes import Shape

# What else GitHub can ask of a branch, and the forge never does.
_NEVER = (
    "required_linear_history",
    "allow_force_pushes",
    "allow_deletions",
    "block_creations",
    "lock_branch",
    "required_conversation_resolution",
    "allow_fork_syncing",
)


class RequiredCheck(Body):
    context: Line


class RequiredChecks(Body):
    strict: bool = False
    contexts: Annotated[list[Line], Field(max_length=100)] = Field(default=[])
    checks: Annotated[list[RequiredCheck], Field(max_length=100)] = Field(default=[])


class RequiredReviews(Body):
    required_approving_review_count: Annotated[int, Field(ge=0, le=6)] = 1


class NewProtection(Body):
    """All four are asked for, None where there is nothing to ask; `restrictions` must be None: none are kept here."""

    required_status_checks: RequiredChecks | None
    required_pull_request_reviews: RequiredReviews | None
    enforce_admins: bool | None
    restrictions: None


def list_branches(call: Call) -> Reply:
    heads = list(call.forge.git(call.repository).heads().items())
    return call.page(heads, lambda head: pull_shapes.branch(call.shapes, call.repository, *head, _of(call, head[0])))


def get_branch(call: Call) -> Reply:
    name = call.path("branch")
    tip = call.forge.git(call.repository).commit(_tip(call))
    return Reply(pull_shapes.full_branch(call.shapes, call.repository, name, tip, _of(call, name)))


def get_protection(call: Call) -> Reply:
    call.need_admin()
    _tip(call)
    return Reply(_shape(call, call.forge.protections.need(call.repository, call.path("branch"))))


def protect(call: Call, body: NewProtection) -> Reply:
    call.need_admin()
    _tip(call)
    checks, reviews = body.required_status_checks, body.required_pull_request_reviews
    protection = call.forge.protections.protect(
        call.repository,
        call.path("branch"),
        strict=checks is not None and checks.strict,
        contexts=[*checks.contexts, *(check.context for check in checks.checks)] if checks else None,
        approvals=reviews.required_approving_review_count if reviews else None,
        enforce_admins=bool(body.enforce_admins),
    )
    return Reply(_shape(call, protection))


def unprotect(call: Call) -> Reply:
    call.need_admin()
    _tip(call)
    call.forge.protections.lift(call.repository, call.path("branch"))
    return Reply(status=204)


def list_rules(call: Call) -> Reply:
    """Rulesets are another thing than protection, and nobody can make one here."""
    call.path("branch")
    return call.page(list[Shape](), lambda rule: rule)


def _tip(call: Call) -> str:
    sha = call.forge.git(call.repository).ref(f"refs/heads/{call.path('branch')}")
    if not sha:
        raise Refusal(404, "Branch not found")
    return sha


def _of(call: Call, branch: str) -> Protection | None:
    return call.forge.protections.of(call.repository, branch)


def _shape(call: Call, protection: Protection) -> Shape:
    url = pull_shapes.branch_url(call.shapes, call.repository, protection.branch) + "/protection"
    off = {name: {"enabled": False} for name in _NEVER}
    shape: Shape = {
        "url": url,
        "enforce_admins": {"url": f"{url}/enforce_admins", "enabled": protection.enforce_admins},
    }
    if protection.contexts is not None:
        checks = f"{url}/required_status_checks"
        shape["required_status_checks"] = {
            "url": checks,
            "strict": protection.strict,
            "contexts": contexts_of(protection),
            "contexts_url": f"{checks}/contexts",
            "checks": [{"context": name, "app_id": None} for name in contexts_of(protection)],
        }
    if protection.approvals is not None:
        shape["required_pull_request_reviews"] = {
            "url": f"{url}/required_pull_request_reviews",
            "dismiss_stale_reviews": False,
            "require_code_owner_reviews": False,
            "require_last_push_approval": False,
            "required_approving_review_count": protection.approvals,
        }
    return shape | off


ROUTES = [
    route("GET", "/repos/{owner}/{repo}/branches", list_branches, answer=list[git_answers.Branch]),
    route(
        "GET", "/repos/{owner}/{repo}/branches/{branch:path}/protection", get_protection, answer=git_answers.Protection
    ),
    route("PUT", "/repos/{owner}/{repo}/branches/{branch:path}/protection", protect, answer=git_answers.Protection),
    route("DELETE", "/repos/{owner}/{repo}/branches/{branch:path}/protection", unprotect),
    route("GET", "/repos/{owner}/{repo}/branches/{branch:path}", get_branch, answer=git_answers.FullBranch),
    route("GET", "/repos/{owner}/{repo}/rules/branches/{branch:path}", list_rules, answer=list[git_answers.Rule]),
]
