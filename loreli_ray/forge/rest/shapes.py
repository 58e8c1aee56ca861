"""What people, repositories, issues and checks look like in JSON: GitHub's REST API v3, field for field.

https://docs.github.com/rest: fields that GitHub calls required are all there, in both API versions 2022-11-28 and
2026-03-10, with values that are true of the forge (nobody stars, watches or forks here).
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import quote

from loreli_ray.forge.forge import Forge, Role
from loreli_ray.forge.reactions import Subject
from loreli_ray.forge.records import App, CheckRun, Comment, CommitStatus, Issue, Label, Pull, Repository, User

Shape = dict[str, Any]

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_LATEST = 253_402_300_799
# What every app may do here.
PERMISSIONS = dict.fromkeys(("checks", "contents", "discussions", "issues", "pull_requests", "statuses"), "write") | {
    "metadata": "read"
}
USER_URLS = {
    "followers_url": "followers",
    "following_url": "following{/other_user}",
    "gists_url": "gists{/gist_id}",
    "starred_url": "starred{/owner}{/repo}",
    "subscriptions_url": "subscriptions",
    "organizations_url": "orgs",
    "repos_url": "repos",
    "events_url": "events{/privacy}",
    "received_events_url": "received_events",
}
REPOSITORY_URLS = {
    "archive_url": "{archive_format}{/ref}",
    "assignees_url": "assignees{/user}",
    "blobs_url": "git/blobs{/sha}",
    "branches_url": "branches{/branch}",
    "collaborators_url": "collaborators{/collaborator}",
    "comments_url": "comments{/number}",
    "commits_url": "commits{/sha}",
    "compare_url": "compare/{base}...{head}",
    "contents_url": "contents/{+path}",
    "contributors_url": "contributors",
    "deployments_url": "deployments",
    "downloads_url": "downloads",
    "events_url": "events",
    "forks_url": "forks",
    "git_commits_url": "git/commits{/sha}",
    "git_refs_url": "git/refs{/sha}",
    "git_tags_url": "git/tags{/sha}",
    "hooks_url": "hooks",
    "issue_comment_url": "issues/comments{/number}",
    "issue_events_url": "issues/events{/number}",
    "issues_url": "issues{/number}",
    "keys_url": "keys{/key_id}",
    "labels_url": "labels{/name}",
    "languages_url": "languages",
    "merges_url": "merges",
    "milestones_url": "milestones{/number}",
    "notifications_url": "notifications{?since,all,participating}",
    "pulls_url": "pulls{/number}",
    "releases_url": "releases{/id}",
    "stargazers_url": "stargazers",
    "statuses_url": "statuses/{sha}",
    "subscribers_url": "subscribers",
    "subscription_url": "subscription",
    "tags_url": "tags",
    "teams_url": "teams",
    "trees_url": "git/trees{/sha}",
}


def time(seconds: int | None) -> str | None:
    """`2026-01-31T12:00:00Z`: whole seconds, as GitHub writes them and strict clients expect them.

    git takes times far beyond the year 9999, where clients' calendars end; they are shown as that end.
    """
    return None if seconds is None else datetime.fromtimestamp(min(seconds, _LATEST), UTC).strftime(_TIME)


def node_id(kind: str, key: object) -> str:
    """An opaque global id."""
    return base64.b64encode(f"{kind}:{key}".encode()).decode()


class Shapes:
    """Shapes of one answer: `web` and `api` are how this client reaches us."""

    def __init__(self, forge: Forge, *, web: str, api: str) -> None:
        self.forge = forge
        self.web = web
        self.api = api
        self.user_by_id = cache(forge.user_by_id)
        self.association = cache(self._association)

    def repository_api(self, repository: Repository) -> str:
        return f"{self.api}/repos/{repository.full_name}"

    def repository_web(self, repository: Repository) -> str:
        return f"{self.web}/{repository.full_name}"

    # People and repositories ---------------------------------------------------------------------------------------

    def user(self, user: User) -> Shape:
        url = f"{self.api}/users/{user.login}"
        return {
            "login": user.login,
            "id": user.id,
            "node_id": node_id(user.kind, user.id),
            "avatar_url": f"{self.web}/avatars/{user.id}",
            "gravatar_id": "",
            "url": url,
            "html_url": f"{self.web}/{user.login}",
            **{name: f"{url}/{path}" for name, path in USER_URLS.items()},
            "type": user.kind,
            "site_admin": False,
        }

    def person(self, user_id: int | None) -> Shape | None:
        return None if user_id is None else self.user(self.user_by_id(user_id))

    def profile(self, user: User) -> Shape:
        """The user, seen by everybody."""
        nothing = dict.fromkeys(("company", "location", "email", "hireable", "bio", "twitter_username"))
        since = time(user.created_at)
        counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
        return self.user(user) | nothing | counts | {"name": None, "blog": "", "created_at": since, "updated_at": since}

    def minimal_repository(self, repository: Repository) -> Shape:
        url, web = self.repository_api(repository), self.repository_web(repository)
        urls = {name: f"{url}/{path}" for name, path in REPOSITORY_URLS.items()}
        return urls | {
            "id": repository.id,
            "node_id": node_id("Repository", repository.id),
            "name": repository.name,
            "full_name": repository.full_name,
            "owner": self.person(repository.owner_id),
            "private": repository.private,
            "visibility": "private" if repository.private else "public",
            "html_url": web,
            "description": repository.description,
            "fork": False,
            "url": url,
        }

    def repository(self, repository: Repository) -> Shape:
        web = self.repository_web(repository)
        host = self.web.partition("://")[2]
        open_issues = self.forge.open_issues(repository)
        counted = ("forks", "forks_count", "stargazers_count", "watchers", "watchers_count", "size")
        return self.minimal_repository(repository) | dict.fromkeys(counted, 0) | {
            "git_url": f"git://{host}/{repository.full_name}.git",
            "ssh_url": f"git@{host}:{repository.full_name}.git",
            "clone_url": f"{web}.git",
            "svn_url": web,
            "mirror_url": None,
            "homepage": None,
            "language": None,
            "license": None,
            "topics": [],
            "default_branch": repository.default_branch,
            "open_issues": open_issues,
            "open_issues_count": open_issues,
            "is_template": False,
            "has_issues": repository.has_issues,
            "has_projects": False,
            "has_wiki": False,
            "has_pages": False,
            "has_downloads": False,
            "has_discussions": repository.has_discussions,
            "archived": repository.archived,
            "disabled": False,
            "allow_forking": False,
            "web_commit_signoff_required": False,
            "pushed_at": time(repository.pushed_at),
            "created_at": time(repository.created_at),
            "updated_at": time(repository.pushed_at),
        }  # fmt: skip

    def full_repository(self, repository: Repository, viewer: User) -> Shape:
        return self.repository(repository) | {
            "permissions": self.permissions(self.forge.role(viewer, repository)),
            "allow_merge_commit": repository.allow_merge_commit,
            "allow_squash_merge": repository.allow_squash_merge,
            "allow_rebase_merge": repository.allow_rebase_merge,
            "allow_auto_merge": False,
            "allow_update_branch": True,
            "delete_branch_on_merge": repository.delete_branch_on_merge,
            "subscribers_count": 0,
            "network_count": 0,
        }  # fmt: skip

    @staticmethod
    def permissions(role: Role) -> Shape:
        admin, writes = role == "admin", role in ("admin", "write")
        return {"admin": admin, "maintain": admin, "push": writes, "triage": writes, "pull": role != "none"}

    # Issues --------------------------------------------------------------------------------------------------------

    def label(self, repository: Repository, label: Label) -> Shape:
        return {
            "id": label.id,
            "node_id": node_id("Label", label.id),
            "url": f"{self.repository_api(repository)}/labels/{quote(label.name)}",
            "name": label.name,
            "description": label.description,
            "color": label.color,
            "default": label.is_default,
            "archived_at": None,
            "archived_by": None,
        }

    def labels(self, repository: Repository, issue: Issue) -> list[Shape]:
        return [self.label(repository, label) for label in self.forge.issues.labels_of(issue.id)]

    def assignees(self, issue: Issue) -> Shape:
        people = [self.person(user_id) for user_id in self.forge.issues.assignees_of(issue.id)]
        return {"assignee": people[0] if people else None, "assignees": people}

    def issue(self, repository: Repository, issue: Issue) -> Shape:
        """An issue, or a pull request as the issues API shows it."""
        url = f"{self.repository_api(repository)}/issues/{issue.number}"
        kind = "pull" if issue.is_pull else "issues"
        shape: Shape = {
            "id": issue.id,
            "node_id": node_id("PullRequest" if issue.is_pull else "Issue", issue.id),
            "url": url,
            "repository_url": self.repository_api(repository),
            "labels_url": f"{url}/labels{{/name}}",
            "comments_url": f"{url}/comments",
            "events_url": f"{url}/events",
            "timeline_url": f"{url}/timeline",
            "html_url": f"{self.repository_web(repository)}/{kind}/{issue.number}",
            "number": issue.number,
            "state": issue.state,
            "state_reason": issue.state_reason,
            "title": issue.title,
            "body": issue.body,
            "user": self.person(issue.author_id),
            "labels": self.labels(repository, issue),
            **self.assignees(issue),
            "milestone": None,
            "locked": issue.locked,
            "active_lock_reason": issue.lock_reason,
            "comments": self.forge.issues.comment_count(issue.id),
            "created_at": time(issue.created_at),
            "updated_at": time(issue.updated_at),
            "closed_at": time(issue.closed_at),
            "closed_by": self.person(issue.closed_by),
            "author_association": self.association(repository, issue.author_id),
            "reactions": self.reactions(url, "issue", issue.id),
            "performed_via_github_app": None,
        }
        if issue.is_pull:
            pull = self.forge.pulls.record(repository, issue.number)
            shape |= {"draft": pull.draft, "pull_request": self._pull_links(repository, pull)}
        return shape

    def comment(self, repository: Repository, comment: Comment, number: int) -> Shape:
        api, web = self.repository_api(repository), self.repository_web(repository)
        url = f"{api}/issues/comments/{comment.id}"
        return {
            "id": comment.id,
            "node_id": node_id("IssueComment", comment.id),
            "url": url,
            "html_url": f"{web}/issues/{number}#issuecomment-{comment.id}",
            "issue_url": f"{api}/issues/{number}",
            "body": comment.body,
            "user": self.person(comment.author_id),
            "created_at": time(comment.created_at),
            "updated_at": time(comment.updated_at),
            "author_association": self.association(repository, comment.author_id),
            "reactions": self.reactions(url, "comment", comment.id),
            "performed_via_github_app": None,
        }

    # Checks --------------------------------------------------------------------------------------------------------

    def status(self, repository: Repository, status: CommitStatus) -> Shape:
        creator = self.person(status.creator_id) or {}
        return {
            "id": status.id,
            "node_id": node_id("StatusContext", status.id),
            "url": f"{self.repository_api(repository)}/statuses/{status.sha}",
            "avatar_url": creator["avatar_url"],
            "state": status.state,
            "context": status.context,
            "description": status.description,
            "target_url": status.target_url,
            "created_at": time(status.created_at),
            "updated_at": time(status.created_at),
            "creator": creator,
        }

    def check_run(self, repository: Repository, run: CheckRun) -> Shape:
        url = f"{self.repository_api(repository)}/check-runs/{run.id}"
        return {
            "id": run.id,
            "node_id": node_id("CheckRun", run.id),
            "head_sha": run.head_sha,
            "name": run.name,
            "external_id": run.external_id or "",
            "url": url,
            "html_url": f"{self.repository_web(repository)}/runs/{run.id}",
            "details_url": run.details_url,
            "status": run.status,
            "conclusion": run.conclusion,
            "started_at": time(run.started_at),
            "completed_at": time(run.completed_at),
            "output": {
                "title": run.title,
                "summary": run.summary,
                "text": run.text,
                "annotations_count": 0,
                "annotations_url": f"{url}/annotations",
            },
            "check_suite": {"id": self.forge.checks.suite(run)},
            "app": None if run.app_id is None else self.app(self.forge.apps.get(run.app_id)),
            "pull_requests": [],
        }

    def app(self, app: App) -> Shape:
        url = f"{self.web}/apps/{app.slug}"
        return {
            "id": app.id,
            "slug": app.slug,
            "node_id": node_id("App", app.id),
            "client_id": f"Iv1.{app.id:016x}",
            "owner": self.person(app.owner_id),
            "name": app.slug,
            "description": None,
            "external_url": url,
            "html_url": url,
            "created_at": time(app.created_at),
            "updated_at": time(app.created_at),
            "permissions": PERMISSIONS,
            "events": [],
        }

    # Parts ---------------------------------------------------------------------------------------------------------

    def _association(self, repository: Repository, user_id: int) -> str:
        user = self.user_by_id(user_id)
        if user.is_bot:
            return "NONE"  # an app belongs to nobody's circle, whatever it may do
        role = self.forge.role(user, repository)
        return {"admin": "OWNER", "write": "COLLABORATOR"}.get(role, "NONE")

    def _pull_links(self, repository: Repository, pull: Pull) -> Shape:
        web = f"{self.repository_web(repository)}/pull/{pull.number}"
        return {
            "url": f"{self.repository_api(repository)}/pulls/{pull.number}",
            "html_url": web,
            "diff_url": f"{web}.diff",
            "patch_url": f"{web}.patch",
            "merged_at": time(pull.merged_at),
        }

    def reactions(self, url: str, subject: Subject, subject_id: int) -> Shape:
        counts = self.forge.reactions.counts(subject, subject_id)
        return {"url": f"{url}/reactions", "total_count": sum(counts.values()), **counts}
