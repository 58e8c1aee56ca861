"""Octokit, GitHub's own client for JavaScript, against the forge: REST, pages, conditional requests, GraphQL."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.forge.forge_kit import COLLABORATOR, OWNER, REPOSITORY, House
from tests.node_kit import command, environment, packages


@pytest.mark.parametrize("prefix", ["", "/api/v3"])
def test_octokit(house: House, prefix: str) -> None:
    house.branch("bed", {"bed.md": "x\n"})
    owner, _, name = REPOSITORY.partition("/")
    variables = {
        "URL": house.server.url + prefix,
        "TOKEN": house.forge.token(OWNER),
        "OTHER": house.forge.token(COLLABORATOR),
        "OWNER": owner,
        "REPO": name,
    }
    done = subprocess.run(
        command("octokit.mjs"),
        cwd=packages(),
        env=environment(variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    titles = [f"issue {number}" for number in range(1, 8)]
    assert seen == {
        "login": OWNER,
        "issues": titles[::-1],
        "odd": 4,
        "pages": 3,
        "comments": ["two"],
        "labels": ["bug", "loreli"],
        "unchanged": 304,
        "missing": 404,
        "invalid": 422,
        "claim": [201, 422],
        "files": ["bed.md"],
        "ownApproval": 422,
        "reviews": ["APPROVED"],
        "status": "success",
        "staleMerge": 409,
        "merged": True,
        "hook": ["push"],
        "hooks": 1,
        "graphqlIssues": {
            "totalCount": 7,
            "nodes": [{"title": title, "author": {"login": OWNER}} for title in titles[:3]],
        },
        "graphqlPages": titles,
        "discussion": {
            "title": "Where to?",
            "closed": True,
            "author": {"login": COLLABORATOR},
            "comments": {
                "nodes": [
                    {"body": "There", "replies": {"nodes": [{"body": "Why?", "author": {"login": COLLABORATOR}}]}}
                ]
            },
        },
        "graphqlError": {"name": "GraphqlResponseError", "type": "NOT_FOUND", "data": {"repository": None}},
    }
