"""What pull requests, reviews, commits, refs and files look like in JSON: see shapes.py."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from urllib.parse import quote

from loreli_ray.forge import diff
from loreli_ray.forge.diff import FileChange
from loreli_ray.forge.protections import contexts_of
from loreli_ray.forge.records import Protection, Pull, Repository, Review, ReviewComment
from loreli_ray.forge.repository import EMPTY_TREE, Commit, Entry, Signature
from loreli_ray.forge.rest.shapes import Shape, Shapes, node_id, time

_UNSIGNED: Shape = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}


# Pull requests and their reviews -----------------------------------------------------------------------------------


def pull(shapes: Shapes, repository: Repository, pull: Pull) -> Shape:
    """As lists show it (GitHub's `PullRequestSimple`)."""
    url, web = f"{shapes.repository_api(repository)}/pulls/{pull.number}", _web(shapes, repository, pull.number)
    issue_url = f"{shapes.repository_api(repository)}/issues/{pull.number}"
    urls = {
        "url": url,
        "html_url": web,
        "diff_url": f"{web}.diff",
        "patch_url": f"{web}.patch",
        "issue_url": issue_url,
        "commits_url": f"{url}/commits",
        "review_comments_url": f"{url}/comments",
        "review_comment_url": f"{shapes.repository_api(repository)}/pulls/comments{{/number}}",
        "comments_url": f"{issue_url}/comments",
        "statuses_url": f"{shapes.repository_api(repository)}/statuses/{pull.head_sha}",
    }
    linked = ("html", "issue", "comments", "review_comments", "review_comment", "commits", "statuses")
    return urls | {
        "id": pull.id,
        "node_id": node_id("PullRequest", pull.id),
        "number": pull.number,
        "state": pull.state,
        "locked": pull.locked,
        "active_lock_reason": pull.lock_reason,
        "title": pull.title,
        "body": pull.body,
        "user": shapes.person(pull.author_id),
        "labels": shapes.labels(repository, pull),
        **shapes.assignees(pull),
        "requested_reviewers": [shapes.user(user) for user in shapes.forge.reviews.requested(pull)],
        "requested_teams": [],
        "milestone": None,
        "draft": pull.draft,
        "created_at": time(pull.created_at),
        "updated_at": time(pull.updated_at),
        "closed_at": time(pull.closed_at),
        "merged_at": time(pull.merged_at),
        "merge_commit_sha": pull.merge_commit_sha,
        "head": _tip(shapes, repository, pull.head_ref, pull.head_sha),
        "base": _tip(shapes, repository, pull.base_ref, pull.base_sha),
        "author_association": shapes.association(repository, pull.author_id),
        "auto_merge": None,
        "_links": {"self": {"href": url}} | {name: {"href": urls[f"{name}_url"]} for name in linked},
    }


def full_pull(shapes: Shapes, repository: Repository, record: Pull) -> Shape:
    """One pull request on its own (GitHub's `PullRequest`)."""
    pulls = shapes.forge.pulls
    changes = diff.changes(
        shapes.forge.git(repository), base=pulls.fork_point(repository, record), head=record.head_sha
    )
    mergeable = pulls.mergeable(repository, record)
    return pull(shapes, repository, record) | {
        "merged": record.merged_at is not None,
        "merged_by": shapes.person(record.merged_by),
        "mergeable": mergeable,
        "mergeable_state": mergeable_state(shapes, repository, record, mergeable),
        "rebaseable": mergeable,
        "maintainer_can_modify": False,
        "comments": shapes.forge.issues.comment_count(record.id),
        "review_comments": shapes.forge.reviews.comment_count(record),
        "commits": shapes.forge.git(repository).count(f"{record.base_sha}..{record.head_sha}"),
        "additions": sum(change.additions for change in changes),
        "deletions": sum(change.deletions for change in changes),
        "changed_files": len(changes),
    }


def review(shapes: Shapes, repository: Repository, number: int, review: Review) -> Shape:
    api, web = f"{shapes.repository_api(repository)}/pulls/{number}", _web(shapes, repository, number)
    html = f"{web}#pullrequestreview-{review.id}"
    return {
        "id": review.id,
        "node_id": node_id("PullRequestReview", review.id),
        "user": shapes.person(review.author_id),
        "body": review.body,
        "state": review.state,
        "html_url": html,
        "pull_request_url": api,
        "author_association": shapes.association(repository, review.author_id),
        "_links": {"html": {"href": html}, "pull_request": {"href": api}},
        "submitted_at": time(review.submitted_at),
        "commit_id": review.commit_id,
    }


def review_comment(shapes: Shapes, repository: Repository, number: int, comment: ReviewComment) -> Shape:
    api = shapes.repository_api(repository)
    url, html = f"{api}/pulls/comments/{comment.id}", f"{_web(shapes, repository, number)}#discussion_r{comment.id}"
    pull_url = f"{api}/pulls/{number}"
    answered = {} if comment.in_reply_to is None else {"in_reply_to_id": comment.in_reply_to}
    return answered | {
        "id": comment.id,
        "node_id": node_id("PullRequestReviewComment", comment.id),
        "url": url,
        "html_url": html,
        "pull_request_url": pull_url,
        "pull_request_review_id": comment.review_id,
        "diff_hunk": comment.diff_hunk,
        "path": comment.path,
        "position": comment.position,
        "original_position": comment.position,
        "line": comment.line,
        "original_line": comment.line,
        "start_line": None,
        "original_start_line": None,
        "start_side": None,
        "side": comment.side,
        "subject_type": "line",
        "commit_id": comment.commit_id,
        "original_commit_id": comment.commit_id,
        "user": shapes.person(comment.author_id),
        "body": comment.body,
        "created_at": time(comment.created_at),
        "updated_at": time(comment.updated_at),
        "author_association": shapes.association(repository, comment.author_id),
        "reactions": shapes.reactions(url, "review_comment", comment.id),
        "_links": {"self": {"href": url}, "html": {"href": html}, "pull_request": {"href": pull_url}},
    }


# Git data ----------------------------------------------------------------------------------------------------------


def ref(shapes: Shapes, repository: Repository, name: str, sha: str, kind: str) -> Shape:
    git = f"{shapes.repository_api(repository)}/git"
    return {
        "ref": name,
        "node_id": node_id("Ref", f"{repository.id}:{name}"),
        "url": f"{git}/{quote(name)}",
        "object": {"type": kind, "sha": sha, "url": f"{git}/{kind}s/{sha}"},
    }


def git_commit(shapes: Shapes, repository: Repository, commit: Commit) -> Shape:
    """A commit as git knows it (GitHub's `GitCommit`)."""
    api, web = shapes.repository_api(repository), shapes.repository_web(repository)
    return {
        "sha": commit.sha,
        "node_id": node_id("Commit", f"{repository.id}:{commit.sha}"),
        "url": f"{api}/git/commits/{commit.sha}",
        "html_url": f"{web}/commit/{commit.sha}",
        "author": _signature(commit.author),
        "committer": _signature(commit.committer),
        "message": commit.message,
        "tree": {"sha": commit.tree, "url": f"{api}/git/trees/{commit.tree}"},
        "parents": [
            {"sha": sha, "url": f"{api}/git/commits/{sha}", "html_url": f"{web}/commit/{sha}"} for sha in commit.parents
        ],
        "verification": _UNSIGNED,
    }


def commit(shapes: Shapes, repository: Repository, commit: Commit) -> Shape:
    """A commit as the repository shows it (GitHub's `Commit`)."""
    api, web = shapes.repository_api(repository), shapes.repository_web(repository)
    url = f"{api}/commits/{commit.sha}"
    return {
        "sha": commit.sha,
        "node_id": node_id("Commit", f"{repository.id}:{commit.sha}"),
        "url": url,
        "html_url": f"{web}/commit/{commit.sha}",
        "comments_url": f"{url}/comments",
        "commit": {
            "author": _signature(commit.author),
            "committer": _signature(commit.committer),
            "message": commit.message,
            "tree": {"sha": commit.tree, "url": f"{api}/git/trees/{commit.tree}"},
            "url": f"{api}/git/commits/{commit.sha}",
            "comment_count": 0,
            "verification": _UNSIGNED,
        },
        "author": _author(shapes, commit.author),
        "committer": _author(shapes, commit.committer),
        "parents": [
            {"sha": sha, "url": f"{api}/commits/{sha}", "html_url": f"{web}/commit/{sha}"} for sha in commit.parents
        ],
    }


def full_commit(shapes: Shapes, repository: Repository, record: Commit) -> Shape:
    """A commit with what it changed."""
    parent = record.parents[0] if record.parents else EMPTY_TREE
    changes = diff.changes(shapes.forge.git(repository), base=parent, head=record.sha)
    added, deleted = sum(change.additions for change in changes), sum(change.deletions for change in changes)
    return commit(shapes, repository, record) | {
        "stats": {"additions": added, "deletions": deleted, "total": added + deleted},
        "files": files(shapes, repository, changes, record.sha),
    }


def files(shapes: Shapes, repository: Repository, changes: Iterable[FileChange], sha: str) -> list[Shape]:
    """What changed, with the files as they are in commit `sha`."""
    return [_file(shapes, repository, change, sha) for change in changes]


def branch_url(shapes: Shapes, repository: Repository, name: str) -> str:
    return f"{shapes.repository_api(repository)}/branches/{quote(name)}"


def branch(shapes: Shapes, repository: Repository, name: str, sha: str, protection: Protection | None) -> Shape:
    """As lists show it (GitHub's `ShortBranch`)."""
    url = f"{shapes.repository_api(repository)}/commits/{sha}"
    return {"name": name, "commit": {"sha": sha, "url": url}, "protected": protection is not None}


def full_branch(shapes: Shapes, repository: Repository, name: str, tip: Commit, protection: Protection | None) -> Shape:
    url = branch_url(shapes, repository, name)
    return {
        "name": name,
        "commit": commit(shapes, repository, tip),
        "_links": {"self": url, "html": f"{shapes.repository_web(repository)}/tree/{quote(name)}"},
        "protected": protection is not None,
        "protection": _summary(protection),
        "protection_url": f"{url}/protection",
    }


def entry(shapes: Shapes, repository: Repository, path: str, ref_name: str, entry: Entry) -> Shape:
    """A file or folder without its content."""
    url = f"{shapes.repository_api(repository)}/contents/{quote(path)}?ref={quote(ref_name)}"
    kind = {"tree": "dir", "commit": "submodule"}.get(entry.kind, "symlink" if entry.mode == "120000" else "file")
    git_url = f"{shapes.repository_api(repository)}/git/{entry.kind}s/{entry.sha}"
    html = f"{shapes.repository_web(repository)}/{entry.kind}/{quote(ref_name)}/{quote(path)}"
    return {
        "type": kind,
        "size": entry.size,
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": entry.sha,
        "url": url,
        "git_url": git_url,
        "html_url": html,
        "download_url": None,
        "_links": {"self": url, "git": git_url, "html": html},
    }


def content(data: bytes) -> Shape:
    """A file's content, in lines as GitHub sends it."""
    return {"type": "file", "encoding": "base64", "content": base64.encodebytes(data).decode(), "size": len(data)}


def _summary(protection: Protection | None) -> Shape:
    """What everybody may see of a branch's protection."""
    names = contexts_of(protection) if protection else []
    level = "off"
    if protection and protection.contexts is not None:
        level = "everyone" if protection.enforce_admins else "non_admins"
    checks = [{"context": name, "app_id": None} for name in names]
    return {
        "enabled": protection is not None,
        "required_status_checks": {"enforcement_level": level, "contexts": names, "checks": checks},
    }


def blob(shapes: Shapes, repository: Repository, sha: str, data: bytes) -> Shape:
    return {
        "sha": sha,
        "node_id": node_id("Blob", sha),
        "url": f"{shapes.repository_api(repository)}/git/blobs/{sha}",
        "encoding": "base64",
        "content": base64.encodebytes(data).decode(),
        "size": len(data),
    }


# Parts -------------------------------------------------------------------------------------------------------------


def _web(shapes: Shapes, repository: Repository, number: int) -> str:
    return f"{shapes.repository_web(repository)}/pull/{number}"


def _tip(shapes: Shapes, repository: Repository, branch: str, sha: str) -> Shape:
    return {
        "label": f"{repository.owner}:{branch}",
        "ref": branch,
        "sha": sha,
        "user": shapes.person(repository.owner_id),
        "repo": shapes.repository(repository),
    }


def mergeable_state(shapes: Shapes, repository: Repository, pull: Pull, mergeable: bool | None) -> str:
    """The first that holds: unknown, dirty, draft, blocked, behind, unstable (a check not asked for), clean."""
    if mergeable is None:
        return "unknown"
    if not mergeable:
        return "dirty"
    if pull.draft:
        return "draft"
    protections = shapes.forge.protections
    if protections.unmet(repository, pull):
        return "blocked"
    protection = protections.of(repository, pull.base_ref)
    if protection and protection.strict and protections.behind(pull, git=shapes.forge.git(repository)):
        return "behind"
    verdicts = set(shapes.forge.checks.verdicts(repository, pull.head_sha).values())
    return "unstable" if verdicts - {"success"} else "clean"


def _signature(who: Signature) -> Shape:
    return {"name": who.name, "email": who.email, "date": time(who.date)}


def _author(shapes: Shapes, who: Signature) -> Shape | None:
    """The user whom a commit's address belongs to: only those the forge gave out can be told."""
    number, plus, _ = who.email.partition("+")
    user = shapes.forge.user(who.name) if plus and number.isdigit() else None
    return shapes.user(user) if user and user.email == who.email else None


def _file(shapes: Shapes, repository: Repository, change: FileChange, sha: str) -> Shape:
    api, web, path = shapes.repository_api(repository), shapes.repository_web(repository), quote(change.path)
    shape: Shape = {
        "sha": change.sha,
        "filename": change.path,
        "status": change.status,
        "additions": change.additions,
        "deletions": change.deletions,
        "changes": change.additions + change.deletions,
        "blob_url": f"{web}/blob/{sha}/{path}",
        "raw_url": f"{web}/raw/{sha}/{path}",
        "contents_url": f"{api}/contents/{path}?ref={sha}",
    }
    if change.patch:
        shape["patch"] = change.patch
    if change.previous:
        shape["previous_filename"] = change.previous
    return shape
