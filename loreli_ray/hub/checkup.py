"""A look at a git host before a team works there: are the accounts taken, may they do it, do the settings allow it?

Only reads. What the host does not tell an account (a repository's settings, to one who may only push) is no finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from loreli_ray.clock import Clock
from loreli_ray.config import HubConfig
from loreli_ray.errors import HubError, NotFound, Refused
from loreli_ray.hub import shapes
from loreli_ray.hub.account import Account
from loreli_ray.hub.keys import InstallationToken
from loreli_ray.model import Credentials, Finding

OFFSET = 5.0
#: What a GitHub App needs, in GitHub's words: https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps
APP_PERMISSIONS = {
    "contents": "write",
    "issues": "write",
    "pull_requests": "write",
    "statuses": "write",
    "checks": "read",
}
_MERGES = {"squash": "allow_squash_merge", "merge": "allow_merge_commit", "rebase": "allow_rebase_merge"}
_TOKENS = (
    "a fine-grained token for this repository with read and write access to contents, issues, pull requests and commit "
    "statuses, or a classic one with the scope `repo`"
)


class _Gate(NamedTuple):
    """What a branch demands of what is merged into it."""

    approvals: int
    checks: frozenset[str]
    queue: bool


async def checkup(repo: str, *, config: HubConfig, credentials: Credentials, clock: Clock) -> list[Finding]:
    """Looks at the repository `repo` with the team's accounts. Raises nothing: what fails is a finding."""
    config = config.model_copy(update={"reserve": 0.0})  # a person asks
    author = Account(credentials.author, repo=repo, config=config, clock=clock)
    reviewer = Account(credentials.reviewer, repo=repo, config=config, clock=clock) if credentials.reviewer else None
    try:
        found, repository = await _account(author, "author", repo=repo)
        if repository is not None:
            found += _settings(repository, config=config)
            gate, missing = await _gate(author, repository, config=config)
            found += [missing] if missing else _gates(gate, two=reviewer is not None)
            found += await _second(reviewer, author=author, repo=repo)
            found += _limits(author)
        return found
    finally:
        await author.close()
        if reviewer is not None:
            await reviewer.close()


async def _account(account: Account, who: str, *, repo: str) -> tuple[list[Finding], shapes.Repository | None]:
    """Whether the host takes the account, and what it may do; without the repository when there is no going on."""
    try:
        await account.open()
    except HubError as error:
        return [_locked_out(error, who)], None
    found = [Finding(what=who, ok=True, found=account.login)]
    try:
        repository = await account.get(f"/repos/{repo}", shapes.Repository)
    except HubError as error:
        remedy = f"check the name, and let {account.login} see it" if isinstance(error, NotFound) else ""
        return [*found, Finding(what=f"{who} sees {repo}", ok=False, found=error.message, remedy=remedy)], None
    return [*found, *_rights(account, repository, who)], repository


def _locked_out(error: HubError, who: str) -> Finding:
    if error.status == 401:
        return Finding(what=who, ok=False, found="the git host does not take it", remedy=f"make {_TOKENS}")
    if isinstance(error, NotFound | Refused):
        return Finding(what=who, ok=False, found=str(error), remedy="install the GitHub App on the repository")
    return Finding(what="git host", ok=False, found=str(error), remedy="check hub.apiUrl, the network, and its proxy")


def _rights(account: Account, repository: shapes.Repository, who: str) -> Iterator[Finding]:
    """What the account may do, by whatever the host tells of it."""
    if isinstance(account.keys, InstallationToken):
        given = account.keys.permissions or {}
        for name, level in APP_PERMISSIONS.items():
            ok = given.get(name) in (level, "write", "admin")
            remedy = f"give the App {level} access to it, and accept that where it is installed"
            yield Finding(what=f"{who}: {name}", ok=ok, found=given.get(name, "no access"), remedy=remedy)
        yield _workflows(who, "workflows" in given, "give the App write access to workflows")
        return
    scopes = account.transport.scopes
    if scopes is not None:  # a classic token; others have none to tell
        held = {scope.strip() for scope in scopes.split(",") if scope.strip()}
        ok = "repo" in held or ("public_repo" in held and not repository.private)
        yield Finding(what=f"{who}: scopes", ok=ok, found=", ".join(sorted(held)) or "none", remedy=f"make {_TOKENS}")
        yield _workflows(who, "workflow" in held, "add the scope `workflow`")
    if repository.permissions is not None:
        push = repository.permissions.get("push", False)
        remedy = f"make {account.login} a collaborator who may write"
        yield Finding(what=f"{who} may push", ok=push, found="yes" if push else "no", remedy=remedy)


def _workflows(who: str, ok: bool, remedy: str) -> Finding:
    """Without it the host refuses every push that touches .github/workflows."""
    said = "may be changed" if ok else "may not be changed"
    return Finding(what=f"{who}: workflows", ok=ok, found=said, remedy=remedy, needed=False)


def _settings(repository: shapes.Repository, *, config: HubConfig) -> Iterator[Finding]:
    name = repository.full_name
    closed = "archived" if repository.archived else "disabled" if repository.disabled else ""
    remedy = "unarchive it in its settings" if repository.archived else "ask its owner, or the host's support"
    yield Finding(what=name, ok=not closed, found=closed or "is open to writes", remedy=remedy)
    enabled = repository.has_issues
    remedy = "switch issues on in the repository's settings"
    yield Finding(what="issues", ok=enabled, found="enabled" if enabled else "disabled", remedy=remedy)
    allowed: bool | None = getattr(repository, _MERGES[config.merge_method])
    if allowed is not None:
        remedy = "allow it in the repository's settings, or choose another hub.mergeMethod"
        said = "allowed" if allowed else "not allowed"
        yield Finding(what=f"merge method {config.merge_method}", ok=allowed, found=said, remedy=remedy)


async def _gate(account: Account, repository: shapes.Repository, *, config: HubConfig) -> tuple[_Gate, Finding | None]:
    """What the base branch demands, as far as the account may know; or the finding that there is no such branch."""
    base = config.base or repository.default_branch
    url = f"/repos/{repository.full_name}"
    nothing = _Gate(0, frozenset(), False)
    try:
        branch = await account.get(f"{url}/branches/{base}", shapes.Branch)
    except HubError as error:
        remedy = "push it, or name another one as hub.base"
        return nothing, Finding(what=f"base branch {base}", ok=False, found=error.message, remedy=remedy)
    known = [branch.protection or shapes.Protection()]
    rules: list[shapes.Rule] = []
    with suppress(HubError):  # there is none, or it is for administrators
        known.append(await account.get(f"{url}/branches/{base}/protection", shapes.Protection))
    with suppress(HubError):  # a host without rulesets
        rules = await account.pages(f"{url}/rules/branches/{base}", shapes.Rule)
    approvals = [one.required_pull_request_reviews for one in known] + [rule.parameters for rule in rules]
    checks = {name for one in known if one.required_status_checks for name in one.required_status_checks.contexts}
    checks |= {check.context for rule in rules if rule.parameters for check in rule.parameters.required_status_checks}
    most = max((one.required_approving_review_count for one in approvals if one is not None), default=0)
    return _Gate(most, frozenset(checks), any(rule.type == "merge_queue" for rule in rules)), None


def _gates(gate: _Gate, *, two: bool) -> Iterator[Finding]:
    if gate.approvals:
        wanted = f"{gate.approvals} approval{'s' if gate.approvals > 1 else ''} required"
        remedy = "demand one approval at most" if two else "set GITHUB_REVIEWER_TOKEN: one account can't approve itself"
        yield Finding(what="branch protection", ok=two and gate.approvals == 1, found=wanted, remedy=remedy)
    if gate.checks:
        yield Finding(what="required checks", ok=True, found=", ".join(sorted(gate.checks)))
    if gate.queue:
        remedy = "let the team merge without it"
        yield Finding(what="merge queue", ok=False, found="required", remedy=remedy)


async def _second(reviewer: Account | None, *, author: Account, repo: str) -> list[Finding]:
    """The account that approves."""
    if reviewer is None:
        remedy = (
            "set GITHUB_REVIEWER_TOKEN for real approvals; without it a marked comment and a status are the verdict"
        )
        return [Finding(what="reviewer", ok=False, found="none", remedy=remedy, needed=False)]
    found, repository = await _account(reviewer, "reviewer", repo=repo)
    if repository is not None and reviewer.login == author.login:
        remedy = "use a token of another account: nobody may approve a pull request of their own"
        found.append(Finding(what="reviewer is another account", ok=False, found=reviewer.login, remedy=remedy))
    return found


def _limits(account: Account) -> Iterator[Finding]:
    budget, offset = account.budget, account.offset
    if budget.limit is not None and budget.remaining is not None:
        left = f"{budget.remaining:,} of {budget.limit:,}"
        remedy = "wait for the reset, or use an account that others do not use"
        ok = budget.remaining > budget.limit / 2
        yield Finding(what="requests left", ok=ok, found=left, remedy=remedy, needed=False)
    said = f"{abs(offset):.0f} s {'behind' if offset > 0 else 'ahead of'} the git host's"
    remedy = "set this machine's clock (leases are reckoned by the git host's)"
    agrees = abs(offset) <= OFFSET
    yield Finding(what="clock", ok=agrees, found="agrees" if agrees else said, remedy=remedy, needed=False)
