"""The fixture `emulated`: a second server for the hub's REST tests, written by other people."""

from __future__ import annotations

import httpx
import pytest

from tests.node_kit import COLLABORATOR, OWNER, REPOSITORY, STRANGER, Emulated, running

HOME = f"/repos/{REPOSITORY}"


def test_issues_labels_and_refs(emulated: Emulated) -> None:
    with emulated.http() as owner, emulated.http(COLLABORATOR) as collaborator, emulated.http(STRANGER) as stranger:
        assert owner.get("/user").json()["login"] == OWNER
        issue = stranger.post(f"{HOME}/issues", json={"title": "x", "body": "y"})
        assert issue.status_code == 201
        number = issue.json()["number"]
        assert issue.json()["user"]["login"] == STRANGER
        collaborator.post(f"{HOME}/issues/{number}/comments", json={"body": "hello"})
        assert [one["body"] for one in owner.get(f"{HOME}/issues/{number}/comments").json()] == ["hello"]
        owner.post(f"{HOME}/labels", json={"name": "loreli", "color": "5319e7"})
        owner.put(f"{HOME}/issues/{number}/labels", json={"labels": ["loreli"]})
        listed = owner.get(f"{HOME}/issues", params={"labels": "loreli"}).json()
        assert [one["number"] for one in listed] == [number]
        main = owner.get(f"{HOME}/git/ref/heads/main").json()["object"]["sha"]
        claim = {"ref": "refs/loreli/claims/1", "sha": main}
        assert collaborator.post(f"{HOME}/git/refs", json=claim).status_code == 201
        assert collaborator.post(f"{HOME}/git/refs", json=claim).status_code == 422
        assert collaborator.delete(f"{HOME}/git/refs/loreli/claims/1").status_code == 204


def test_it_goes_with_whoever_started_it(emulated: Emulated) -> None:
    """Also where the tests are killed: its standard input ends then."""
    with running("emulate.mjs", SEED='{"github": {"users": [{"login": "x"}]}}') as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        assert url != emulated.url
        assert process.stdin
        process.stdin.close()
        assert process.wait(30) == 0
        with pytest.raises(httpx.ConnectError):
            httpx.get(url, trust_env=False)
