"""PyGithub, somebody else's client, against the forge: it builds its objects from what it is told and follows links."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from github import Auth, Github, GithubException, GithubIntegration

from tests.forge.app_kit import Key
from tests.forge.forge_kit import COLLABORATOR, OWNER, REPOSITORY, House


def client(house: House, login: str) -> Github:
    """It wants every link to have the host that it was given, and takes plain HTTP for `localhost` alone."""
    return Github(
        auth=Auth.Token(house.forge.token(login)), base_url=base(house), retry=0, seconds_between_requests=0,
        seconds_between_writes=0, per_page=2,
    )  # fmt: skip


def base(house: House) -> str:
    return house.server.url.replace("127.0.0.1", "localhost")


@pytest.fixture
def olive(house: House) -> Iterator[Any]:
    with client(house, OWNER) as github:
        yield github.get_repo(REPOSITORY)


@pytest.fixture
def cole(house: House) -> Iterator[Any]:
    with client(house, COLLABORATOR) as github:
        yield github.get_repo(REPOSITORY)


@pytest.fixture
def bot(house: House) -> Iterator[Any]:
    app = house.forge.add_app("ci", public_key=Key.make().public, account=OWNER)
    token, _ = house.forge.apps.new_token(house.forge.apps.installation(app))
    with Github(auth=Auth.Token(token), base_url=base(house), retry=0) as github:
        yield github.get_repo(REPOSITORY)


def test_issues(house: House, olive: Any, cole: Any) -> None:
    made = [olive.create_issue(title=f"weeds {number}", labels=["loreli"], body="many") for number in range(5)]
    assert [issue.number for issue in olive.get_issues(direction="asc")] == [1, 2, 3, 4, 5]  # three pages
    issue = cole.get_issue(1)
    comment = issue.create_comment("on it")
    assert comment.create_reaction("eyes").content == "eyes"
    assert [reaction.user.login for reaction in comment.get_reactions()] == [COLLABORATOR]
    comment.edit("done")
    assert [one.body for one in olive.get_issues_comments(sort="updated", direction="desc")] == ["done"]
    issue.add_to_assignees(COLLABORATOR)
    issue.set_labels("bug", "loreli")
    issue.remove_from_labels("bug")
    issue.edit(state="closed", state_reason="not_planned")
    issue.lock("resolved")
    fresh = olive.get_issue(1)
    assert (fresh.state, fresh.state_reason, fresh.locked) == ("closed", "not_planned", True)
    events = [(event.event, event.actor.login) for event in fresh.get_events()]
    assert events[0] == ("labeled", OWNER)
    assert events[1:] == [
        (name, COLLABORATOR) for name in ("assigned", "labeled", "unlabeled", "closed", "locked")
    ]  # fmt: skip
    assert {event.event for event in fresh.get_timeline()} >= {"labeled", "commented", "closed"}
    assert made[1].get_labels()[0].name == "loreli"
    olive.get_label("bug").edit(name="pest", color="ff0000")
    assert "pest" in [label.name for label in olive.get_labels()]
    with client(house, OWNER) as github:
        found = github.search_issues("weeds is:issue is:open", sort="created", order="asc", repo=REPOSITORY)
        assert (found.totalCount, [one.number for one in found]) == (4, [2, 3, 4, 5])
        with pytest.raises(GithubException) as refused:
            github.search_issues("is:purple").totalCount  # noqa: B018
        assert refused.value.status == 422


def test_a_pull_request(house: House, olive: Any, cole: Any, bot: Any) -> None:
    main = olive.get_branch("main")
    olive.create_git_ref("refs/heads/bed", main.commit.sha)
    olive.create_file("bed.md", "Plant", "tulips\n", branch="bed")
    content = olive.get_contents("bed.md", ref="bed")
    olive.update_file("bed.md", "Replant", "roses\n", content.sha, branch="bed")
    assert olive.get_contents("bed.md", ref="bed").decoded_content == b"roses\n"
    pull = olive.create_pull(base="main", head="bed", title="Bed", body="Flowers")
    pull.create_review_request(reviewers=[COLLABORATOR])
    assert [user.login for user in pull.get_review_requests()[0]] == [COLLABORATOR]
    theirs = cole.get_pull(pull.number)
    assert [file.filename for file in theirs.get_files()] == ["bed.md"]
    commit = list(theirs.get_commits())[-1]
    said = theirs.create_review_comment("why?", commit, "bed.md", line=1)
    assert pull.create_review_comment_reply(said.id, "because").in_reply_to_id == said.id
    main.edit_protection(strict=True, contexts=["ci"], enforce_admins=True)
    assert main.get_protection().required_status_checks.contexts == ["ci"]
    with pytest.raises(GithubException) as refused:
        pull.merge()
    assert refused.value.status == 405
    commit.create_status("success", context="ci", description="fine")
    assert commit.get_combined_status().state == "success"
    with pytest.raises(GithubException) as refused:
        olive.create_check_run("lint", commit.sha)
    assert refused.value.status == 403
    run = bot.create_check_run("lint", commit.sha, status="in_progress")
    run.edit(conclusion="success", output={"title": "lint", "summary": "clean"})
    assert [one.conclusion for one in commit.get_check_runs()] == ["success"]
    review = theirs.create_review(event="REQUEST_CHANGES", body="no")
    review.dismiss("well")
    theirs.create_review(event="APPROVE")
    assert [one.state for one in pull.get_reviews()] == ["COMMENTED", "COMMENTED", "DISMISSED", "APPROVED"]
    pull.update()
    assert (pull.mergeable, pull.mergeable_state) == (True, "clean")
    assert pull.merge(merge_method="squash", sha=pull.head.sha).merged
    assert pull.is_merged()
    comparison = olive.compare("main", "bed")
    assert (comparison.status, comparison.ahead_by) == ("diverged", 2)
    tree = olive.get_git_tree("main", recursive=True)
    assert "bed.md" in [leaf.path for leaf in tree.tree]
    blob = next(leaf.sha for leaf in tree.tree if leaf.path == "bed.md")
    assert base64.b64decode(olive.get_git_blob(blob).content) == b"roses\n"
    olive.get_git_ref("heads/bed").delete()
    main.remove_protection()


def test_the_repository(house: House, olive: Any, cole: Any) -> None:
    olive.edit(description="herbs", allow_rebase_merge=False, delete_branch_on_merge=True)
    assert (cole.description, cole.update(), cole.description) == (None, True, "herbs")
    assert {user.login for user in olive.get_collaborators()} == {OWNER, COLLABORATOR}
    assert olive.get_collaborator_permission(COLLABORATOR) == "write"
    assert olive.has_in_collaborators(COLLABORATOR)
    assert not olive.has_in_collaborators("nobody-at-all")
    with client(house, OWNER) as github:
        assert [one.full_name for one in github.get_user().get_repos()] == [REPOSITORY]
        assert github.oauth_scopes == ["repo"]
        assert github.rate_limiting[1] == 5000
    with pytest.raises(GithubException) as refused:
        cole.edit(description="weeds")
    assert refused.value.status == 403


def test_an_app(house: House) -> None:
    key = Key.make()
    app = house.forge.add_app("gardener", public_key=key.public, account=OWNER)
    with GithubIntegration(auth=Auth.AppAuth(app.id, key.private), base_url=base(house), retry=0) as integration:
        assert integration.get_app().slug == "gardener"
        installation = integration.get_repo_installation(OWNER, "garden")
        assert [one.id for one in integration.get_installations()] == [installation.id]
        assert [one.full_name for one in installation.get_repos()] == [REPOSITORY]
        bot = installation.get_github_for_installation()
        issue = bot.get_repo(REPOSITORY).create_issue("Prune", labels=["loreli"])
        assert (issue.user.login, issue.user.type) == ("gardener[bot]", "Bot")
