"""Everything the forge answers parses as githubkit's own models."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from githubkit import TokenAuthStrategy
from githubkit.exception import RequestFailed

from tests.forge.forge_kit import COLLABORATOR, OWNER, House

O, R = OWNER, "garden"  # noqa: E741


def test_user_repository_and_meta(house: House) -> None:
    with house.github() as gh:
        assert gh.rest.users.get_authenticated().parsed_data.login == OWNER
        repository = gh.rest.repos.get(O, R).parsed_data
        assert (repository.full_name, repository.default_branch) == (f"{O}/{R}", "main")
        assert repository.permissions
        assert repository.permissions.push
        assert repository.url == f"{house.server.url}/repos/{O}/{R}"
        permission = gh.rest.repos.get_collaborator_permission_level(O, R, COLLABORATOR).parsed_data
        assert permission.permission == "write"
        assert gh.rest.rate_limit.get().parsed_data.resources.core.limit == 5000
        assert "2022-11-28" in [str(version) for version in gh.rest.meta.get_all_versions().json()]
        assert gh.rest.meta.get().parsed_data.verifiable_password_authentication is False


def test_the_enterprise_prefix_answers_the_same(house: House) -> None:
    with house.github(prefix="/api/v3") as gh:
        issue = gh.rest.issues.create(O, R, title="Prune").parsed_data
        assert issue.url == f"{house.server.url}/api/v3/repos/{O}/{R}/issues/1"
        assert issue.html_url == f"{house.server.url}/{O}/{R}/issues/1"


def test_issues(house: House) -> None:
    with house.github() as gh, house.github(COLLABORATOR) as cole:
        issue = gh.rest.issues.create(O, R, title="Weeds", body="many", labels=["loreli", "brand new"]).parsed_data
        assert (issue.number, issue.state, issue.author_association) == (1, "open", "OWNER")
        assert sorted(str(getattr(label, "name", "")) for label in issue.labels) == ["brand new", "loreli"]
        assert issue.created_at <= datetime.now(UTC)
        comment = cole.rest.issues.create_comment(O, R, 1, body="on it").parsed_data
        assert comment.author_association == "COLLABORATOR"
        assert [c.id for c in gh.rest.issues.list_comments(O, R, 1).parsed_data] == [comment.id]
        assert [c.id for c in gh.rest.issues.list_comments_for_repo(O, R).parsed_data] == [comment.id]
        assert gh.rest.issues.get_comment(O, R, comment.id).parsed_data.body == "on it"
        assert cole.rest.issues.update_comment(O, R, comment.id, body="done").parsed_data.body == "done"
        assert gh.rest.issues.get(O, R, 1).parsed_data.comments == 1
        assert gh.rest.issues.delete_comment(O, R, comment.id).status_code == 204
        assigned = gh.rest.issues.add_assignees(O, R, 1, assignees=[COLLABORATOR]).parsed_data
        assert [a.login for a in assigned.assignees or []] == [COLLABORATOR]
        assert gh.rest.issues.remove_assignees(O, R, 1, assignees=[COLLABORATOR]).parsed_data.assignees == []
        closed = gh.rest.issues.update(O, R, 1, state="closed", state_reason="not_planned").parsed_data
        assert (closed.state, closed.state_reason) == ("closed", "not_planned")
        assert gh.rest.issues.list_for_repo(O, R).parsed_data == []
        assert [i.number for i in gh.rest.issues.list_for_repo(O, R, state="all", labels="loreli").parsed_data] == [1]


def test_labels(house: House) -> None:
    with house.github() as gh:
        assert "loreli" in [label.name for label in gh.rest.issues.list_labels_for_repo(O, R).parsed_data]
        made = gh.rest.issues.create_label(O, R, name="loreli/claimed", color="AABBCC", description="taken").parsed_data
        assert (made.color, made.default) == ("aabbcc", False)
        assert gh.rest.issues.get_label(O, R, "LORELI/claimed").parsed_data == made
        gh.rest.issues.create(O, R, title="Weeds")
        assert [x.name for x in gh.rest.issues.add_labels(O, R, 1, labels=["bug", "loreli/claimed"]).parsed_data] == [
            "bug",
            "loreli/claimed",
        ]
        assert [x.name for x in gh.rest.issues.set_labels(O, R, 1, labels=["loreli/claimed"]).parsed_data] == [
            "loreli/claimed"
        ]
        assert [x.name for x in gh.rest.issues.list_labels_on_issue(O, R, 1).parsed_data] == ["loreli/claimed"]
        assert gh.rest.issues.remove_label(O, R, 1, "loreli/claimed").parsed_data == []
        assert gh.rest.issues.remove_all_labels(O, R, 1).status_code == 204


def test_pull_requests(house: House) -> None:
    head = house.branch("bed", {"src/a.py": "a = 2\n", "bed.md": "tulips\n"}, message="Plant\n\nTulips.")
    with house.github() as gh, house.github(COLLABORATOR) as cole:
        pull = gh.rest.pulls.create(O, R, title="Plant", head="bed", base="main", body="Closes #9").parsed_data
        assert (pull.number, pull.head.sha, pull.base.ref) == (1, head, "main")
        assert (pull.additions, pull.deletions, pull.changed_files, pull.commits) == (2, 1, 2, 1)
        assert pull.mergeable is True
        assert pull.head.repo
        assert pull.head.repo.full_name == f"{O}/{R}"
        assert [p.number for p in gh.rest.pulls.list(O, R, head=f"{O}:bed").parsed_data] == [1]
        assert gh.rest.pulls.list(O, R, head=f"{O}:other").parsed_data == []
        assert [i.number for i in gh.rest.issues.list_for_repo(O, R).parsed_data if i.pull_request] == [1]
        files = gh.rest.pulls.list_files(O, R, 1).parsed_data
        assert {f.filename: f.status for f in files} == {"bed.md": "added", "src/a.py": "modified"}
        assert files[1].patch == "@@ -1 +1 @@\n-a = 1\n+a = 2"
        assert [c.commit.message for c in gh.rest.pulls.list_commits(O, R, 1).parsed_data] == ["Plant\n\nTulips."]
        comments: Any = [{"path": "src/a.py", "line": 1, "body": "why two?"}]
        review = cole.rest.pulls.create_review(O, R, 1, event="APPROVE", body="fine", comments=comments).parsed_data
        assert (review.state, review.commit_id) == ("APPROVED", head)
        assert [r.id for r in gh.rest.pulls.list_reviews(O, R, 1).parsed_data] == [review.id]
        assert gh.rest.pulls.get_review(O, R, 1, review.id).parsed_data.user == review.user
        said = gh.rest.pulls.list_review_comments(O, R, 1).parsed_data
        assert [(c.path, c.line, c.pull_request_review_id) for c in said] == [("src/a.py", 1, review.id)]
        assert gh.rest.pulls.list_comments_for_review(O, R, 1, review.id).parsed_data[0].position == 2
        assert len(gh.rest.pulls.list_review_comments_for_repo(O, R).parsed_data) == 1
        edited = gh.rest.pulls.update(O, R, 1, title="Plant tulips").parsed_data
        assert edited.title == "Plant tulips"
        result = gh.rest.pulls.merge(O, R, 1, merge_method="squash", sha=head).parsed_data
        assert result.merged
        assert gh.rest.pulls.check_if_merged(O, R, 1).status_code == 204
        merged = gh.rest.pulls.get(O, R, 1).parsed_data
        assert (merged.merged, merged.state, merged.mergeable) == (True, "closed", None)
        assert merged.merged_by
        assert merged.merged_by.login == OWNER
        assert gh.rest.repos.get_branch(O, R, "main").parsed_data.commit.sha == result.sha


def test_git_data(house: House) -> None:
    head = house.branch("topic", {"new.txt": "x\n"})
    with house.github() as gh:
        main = gh.rest.git.get_ref(O, R, "heads/main").parsed_data.object_.sha
        tree = gh.rest.git.get_commit(O, R, main).parsed_data.tree.sha
        made = gh.rest.git.create_commit(O, R, message="lease", tree=tree, parents=[main]).parsed_data
        ref = gh.rest.git.create_ref(O, R, ref="refs/loreli/claims/1", sha=made.sha).parsed_data
        assert (ref.ref, ref.object_.type) == ("refs/loreli/claims/1", "commit")
        with pytest.raises(RequestFailed) as failed:
            gh.rest.git.create_ref(O, R, ref="refs/loreli/claims/1", sha=made.sha)
        assert (failed.value.response.status_code, failed.value.response.json()["message"]) == (
            422,
            "Reference already exists",
        )
        matching = gh.rest.git.list_matching_refs(O, R, "loreli/claims").parsed_data
        assert [r.ref for r in matching] == ["refs/loreli/claims/1"]
        assert gh.rest.git.update_ref(O, R, "heads/topic", sha=main, force=True).parsed_data.object_.sha == main
        assert gh.rest.git.update_ref(O, R, "heads/topic", sha=head).parsed_data.object_.sha == head
        assert gh.rest.git.delete_ref(O, R, "loreli/claims/1").status_code == 204
        assert [b.name for b in gh.rest.repos.list_branches(O, R).parsed_data] == ["main", "topic"]
        assert [c.sha for c in gh.rest.repos.list_commits(O, R, sha="topic").parsed_data] == [head, main]
        commit = gh.rest.repos.get_commit(O, R, "topic").parsed_data
        assert commit.stats
        assert commit.stats.additions == 1
        assert commit.parents[0].sha == main
        comparison = gh.rest.repos.compare_commits(O, R, "main...topic").parsed_data
        assert (comparison.status, comparison.ahead_by, comparison.merge_base_commit.sha) == ("ahead", 1, main)
        file: Any = gh.rest.repos.get_content(O, R, "src/a.py").parsed_data
        assert (file.type, file.size) == ("file", 6)
        folder: Any = gh.rest.repos.get_content(O, R, "src", ref="topic").parsed_data
        assert [entry.path for entry in folder] == ["src/a.py"]


def test_checks(house: House) -> None:
    head = house.branch("topic", {"new.txt": "x\n"})
    with house.github() as gh, house.app() as ci:
        combined: Callable[[], str] = lambda: gh.rest.repos.get_combined_status_for_ref(O, R, "topic").parsed_data.state  # noqa: E731
        assert combined() == "pending"
        for context, state in (("build", "failure"), ("test", "success")):
            made = gh.rest.repos.create_commit_status(O, R, head, state=state, context=context).parsed_data  # pyright: ignore[reportArgumentType, reportCallIssue]
            assert made.context == context
        assert combined() == "failure"
        gh.rest.repos.create_commit_status(O, R, head, state="success", context="build")
        assert combined() == "success"
        assert len(gh.rest.repos.list_commit_statuses_for_ref(O, R, head).parsed_data) == 3
        with pytest.raises(RequestFailed, match="403"):
            gh.rest.checks.create(O, R, data={"name": "lint", "head_sha": head, "status": "in_progress"})
        bot = gh.with_auth(TokenAuthStrategy(ci.headers["Authorization"].removeprefix("Bearer ")))
        run = bot.rest.checks.create(O, R, data={"name": "lint", "head_sha": head, "status": "in_progress"}).parsed_data
        assert run.app
        assert run.app.slug == "ci"
        assert (run.status, run.conclusion) == ("in_progress", None)
        output: Any = {"title": "lint", "summary": "clean"}
        done = bot.rest.checks.update(
            O, R, run.id, data={"status": "completed", "conclusion": "success", "output": output}
        ).parsed_data
        assert (done.conclusion, done.output.title) == ("success", "lint")
        listed = gh.rest.checks.list_for_ref(O, R, "topic").parsed_data
        assert [r.id for r in listed.check_runs] == [run.id]
        assert gh.rest.checks.get(O, R, run.id).parsed_data == done
