"""What a repository and its branches ask of a merge."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.forge.forge_kit import HOME, House

RULES = f"{HOME}/branches/main/protection"


def protection(checks: dict[str, Any] | None = None, **other: Any) -> dict[str, Any]:
    return {
        "required_status_checks": checks,
        "required_pull_request_reviews": None,
        "enforce_admins": True,
        "restrictions": None,
    } | other


def state(client: httpx.Client) -> str:
    return client.get(f"{HOME}/pulls/1").json()["mergeable_state"]


def merge(client: httpx.Client) -> tuple[int, str]:
    answer = client.put(f"{HOME}/pulls/1/merge", json={})
    return answer.status_code, answer.json()["message"]


def test_required_checks_hold_a_merge_up(
    house: House, owner: httpx.Client, collaborator: httpx.Client, ci: httpx.Client
) -> None:
    head = house.branch("bed", {"bed.md": "x\n"})
    house.pull(owner, "bed")
    assert owner.get(f"{HOME}/branches/main").json()["protected"] is False
    assert owner.get(RULES).json()["message"] == "Branch not protected"
    assert collaborator.put(RULES, json=protection()).status_code == 403
    assert owner.put(RULES, json={}).status_code == 422
    assert owner.put(f"{HOME}/branches/none/protection", json=protection()).status_code == 404
    made = owner.put(RULES, json=protection({"strict": False, "contexts": ["ci", "lint"]}))
    assert made.status_code == 200
    assert made.json() == owner.get(RULES).json()
    branch = collaborator.get(f"{HOME}/branches/main").json()
    assert branch["protection"]["required_status_checks"]["contexts"] == ["ci", "lint"]
    assert [one["protected"] for one in owner.get(f"{HOME}/branches").json()] == [False, True]
    assert state(owner) == "blocked"
    assert merge(collaborator) == (405, 'Required status check "ci" is expected.')
    owner.post(f"{HOME}/statuses/{head}", json={"state": "failure", "context": "ci"})
    assert merge(collaborator) == (405, 'Required status check "ci" is failing.')
    owner.post(f"{HOME}/statuses/{head}", json={"state": "success", "context": "ci"})
    run = ci.post(f"{HOME}/check-runs", json={"name": "lint", "head_sha": head}).json()
    assert merge(collaborator) == (405, 'Required status check "lint" is expected.')
    ci.patch(f"{HOME}/check-runs/{run['id']}", json={"conclusion": "neutral"})
    owner.post(f"{HOME}/statuses/{head}", json={"state": "pending", "context": "slow"})
    assert state(owner) == "unstable"
    owner.post(f"{HOME}/statuses/{head}", json={"state": "success", "context": "slow"})
    assert state(owner) == "clean"
    assert merge(collaborator)[0] == 200


def test_admins_are_bound_only_where_it_is_said(house: House, owner: httpx.Client, collaborator: httpx.Client) -> None:
    house.branch("bed", {"bed.md": "x\n"})
    house.pull(owner, "bed")
    owner.put(RULES, json=protection({"strict": False, "contexts": ["ci"]}, enforce_admins=False))
    level = owner.get(f"{HOME}/branches/main").json()["protection"]["required_status_checks"]["enforcement_level"]
    assert level == "non_admins"
    assert merge(collaborator)[0] == 405
    assert merge(owner)[0] == 200


def test_a_strict_branch_wants_its_tip_in_the_head(house: House, owner: httpx.Client) -> None:
    house.branch("bed", {"bed.md": "x\n"})
    house.pull(owner, "bed")
    owner.put(RULES, json=protection({"strict": True, "contexts": []}))
    assert state(owner) == "clean"
    house.copies[0].commit("main", {"other.md": "moved on\n"})
    house.copies[0].push("main")
    assert state(owner) == "behind"
    assert merge(owner) == (405, "Head branch is not up to date with the base branch.")
    assert owner.put(f"{HOME}/pulls/1/update-branch", json={}).status_code == 202
    assert merge(owner)[0] == 200
    assert owner.delete(RULES).status_code == 204
    assert owner.delete(RULES).status_code == 404


def test_approvals_count_from_those_who_may_write(
    house: House, owner: httpx.Client, collaborator: httpx.Client, stranger: httpx.Client
) -> None:
    house.branch("bed", {"bed.md": "x\n"})
    house.pull(owner, "bed")
    owner.put(RULES, json=protection(required_pull_request_reviews={"required_approving_review_count": 1}))
    missing = (405, "At least 1 approving review is required by reviewers with write access.")
    review = f"{HOME}/pulls/1/reviews"
    stranger.post(review, json={"event": "APPROVE"})
    assert merge(owner) == missing
    approval = collaborator.post(review, json={"event": "APPROVE"}).json()
    collaborator.post(review, json={"event": "REQUEST_CHANGES", "body": "no"})
    assert merge(owner) == missing
    collaborator.post(review, json={"event": "APPROVE"})
    assert state(owner) == "clean"
    owner.put(f"{review}/{approval['id']}/dismissals", json={"message": "old"})  # the last word stands
    assert merge(owner)[0] == 200


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_methods_can_be_forbidden(house: House, owner: httpx.Client, method: str) -> None:
    house.branch("bed", {"bed.md": "x\n"})
    house.pull(owner, "bed")
    setting = {"merge": "allow_merge_commit", "squash": "allow_squash_merge", "rebase": "allow_rebase_merge"}[method]
    assert owner.patch(HOME, json={setting: False, "delete_branch_on_merge": True}).json()[setting] is False
    refused = owner.put(f"{HOME}/pulls/1/merge", json={"merge_method": method})
    assert (refused.status_code, "not allowed" in refused.json()["message"]) == (405, True)
    assert owner.patch(HOME, json={setting: True}).status_code == 200
    assert owner.put(f"{HOME}/pulls/1/merge", json={"merge_method": method}).status_code == 200
    assert owner.get(f"{HOME}/branches/bed").status_code == 404  # deleted on merge
    assert owner.get(f"{HOME}/issues/1/events").json()[-1]["event"] == "head_ref_deleted"


def test_settings(owner: httpx.Client, collaborator: httpx.Client) -> None:
    assert collaborator.patch(HOME, json={"has_issues": False}).status_code == 403
    none = dict.fromkeys(("allow_merge_commit", "allow_squash_merge", "allow_rebase_merge"), False)
    assert owner.patch(HOME, json=none).status_code == 422
    assert owner.patch(HOME, json={"description": "herbs"}).json()["description"] == "herbs"
    assert owner.patch(HOME, json={"default_branch": "none"}).status_code == 422
    assert owner.patch(HOME, json={"has_issues": False}).json()["has_issues"] is False
    assert owner.post(f"{HOME}/issues", json={"title": "x"}).status_code == 410
    assert owner.get(f"{HOME}/issues").status_code == 410
    assert owner.patch(HOME, json={"has_issues": True, "archived": True}).json()["archived"] is True
    assert owner.get(f"{HOME}/issues").status_code == 200
    refused = owner.post(f"{HOME}/issues", json={"title": "x"})
    assert (refused.status_code, refused.json()["message"]) == (403, "Repository was archived so is read-only.")
    assert owner.patch(HOME, json={"archived": False}).json()["archived"] is False
    assert owner.post(f"{HOME}/issues", json={"title": "x"}).status_code == 201


def test_an_archive_takes_no_push(house: House, owner: httpx.Client) -> None:
    copy = house.checkout()
    owner.patch(HOME, json={"archived": True})
    copy.commit("bed", {"bed.md": "x\n"})
    copy.git("push", "-q", "origin", "bed", check=False)
    assert "bed" not in copy.git("ls-remote", "origin")
