"""GraphQL: the query that a tick asks, pages, ids, errors, limits, and queries of every shape."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from graphql import GraphQLInputObjectType
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from loreli_ray.clock import ManualClock
from loreli_ray.forge import Forge, ForgeServer
from loreli_ray.forge.graphql.schema import SCHEMA
from tests.forge.forge_kit import COLLABORATOR, HOME, OWNER, STRANGER, House
from tests.forge.graphql_kit import GARDEN, ask, change, complaint, post, refusal, repository_id

TICK = """
query ($owner: String!, $name: String!, $issues: Int = 50) {
  repository(owner: $owner, name: $name) {
    defaultBranchRef { name prefix target { oid ... on Commit { messageHeadline } } }
    issues(first: $issues, states: OPEN, orderBy: {field: UPDATED_AT, direction: DESC}) {
      totalCount
      nodes {
        ...Said
        id number title state stateReason url
        labels(first: 20) { nodes { name color } }
        assignees(first: 5) { nodes { login } }
        comments(last: 20) { nodes { ...Said id databaseId url issue { number } pullRequest { number } } }
      }
    }
    pullRequests(first: 20, states: [OPEN]) {
      nodes {
        ...Said
        id number isDraft headRefName headRefOid baseRefName mergeable mergeStateStatus reviewDecision
        additions changedFiles
        files(first: 5) { nodes { path changeType } }
        labels(first: 5) { nodes { name } }
        comments(first: 5) { nodes { body } }
        reviews(last: 10) {
          nodes { ...Said state submittedAt commit { oid } comments(first: 5) { nodes { path line body } } }
        }
        statusCheckRollup { state }
        commits(last: 1) {
          nodes {
            commit {
              oid
              statusCheckRollup {
                state
                contexts(first: 10) {
                  checkRunCount statusContextCount
                  nodes { __typename ... on CheckRun { name conclusion } ... on StatusContext { context state } }
                }
              }
            }
          }
        }
      }
    }
  }
  viewer { login }
  rateLimit { cost remaining nodeCount resetAt }
}
fragment Said on Comment { author { login } authorAssociation body createdAt updatedAt }
"""


def test_a_tick_in_one_query(house: House, owner: httpx.Client, collaborator: httpx.Client, ci: httpx.Client) -> None:
    owner.post(f"{HOME}/issues", json={"title": "first", "labels": ["bug"], "assignees": [COLLABORATOR]})
    collaborator.post(f"{HOME}/issues/1/comments", json={"body": "mine"})
    head = house.branch("bed", {"README.md": "one\n2\nthree\n", "new.md": "x\n"})
    number = house.pull(collaborator, "bed", body="please")["number"]
    review = {"event": "REQUEST_CHANGES", "body": "no", "comments": [{"path": "new.md", "line": 1, "body": "why"}]}
    assert owner.post(f"{HOME}/pulls/{number}/reviews", json=review).status_code == 200
    ci.post(f"{HOME}/check-runs", json={"name": "tests", "head_sha": head, "conclusion": "success"})
    owner.post(f"{HOME}/statuses/{head}", json={"state": "pending", "context": "lint"})

    data = ask(owner, TICK, owner=OWNER, name="garden")

    repository = data["repository"]
    assert repository["defaultBranchRef"]["name"] == "main"
    assert repository["defaultBranchRef"]["prefix"] == "refs/heads/"
    assert repository["defaultBranchRef"]["target"]["messageHeadline"] == "Begin"
    assert repository["issues"]["totalCount"] == 1  # a pull request is none
    issue = repository["issues"]["nodes"][0]
    shown = owner.get(f"{HOME}/issues/1").json()
    assert (issue["id"], issue["url"], issue["title"]) == (shown["node_id"], shown["html_url"], "first")
    assert (issue["state"], issue["stateReason"], issue["body"]) == ("OPEN", None, "")
    assert (issue["author"], issue["authorAssociation"]) == ({"login": OWNER}, "OWNER")
    assert issue["createdAt"] == shown["created_at"]
    assert issue["labels"]["nodes"] == [{"name": "bug", "color": "d73a4a"}]
    assert issue["assignees"]["nodes"] == [{"login": COLLABORATOR}]
    comment = issue["comments"]["nodes"][0]
    listed = owner.get(f"{HOME}/issues/1/comments").json()[0]
    assert (comment["id"], comment["databaseId"]) == (listed["node_id"], listed["id"])
    assert comment["url"] == listed["html_url"]
    assert (comment["issue"], comment["pullRequest"]) == ({"number": 1}, None)
    assert comment["authorAssociation"] == "COLLABORATOR"

    pull = repository["pullRequests"]["nodes"][0]
    assert pull["id"] == owner.get(f"{HOME}/pulls/{number}").json()["node_id"]
    assert pull["id"] == owner.get(f"{HOME}/issues/{number}").json()["node_id"]
    assert (pull["headRefName"], pull["headRefOid"], pull["baseRefName"]) == ("bed", head, "main")
    assert (pull["mergeable"], pull["mergeStateStatus"], pull["isDraft"]) == ("MERGEABLE", "UNSTABLE", False)
    assert pull["reviewDecision"] == "CHANGES_REQUESTED"
    assert (pull["additions"], pull["changedFiles"]) == (2, 2)
    changes = {one["path"]: one["changeType"] for one in pull["files"]["nodes"]}
    assert changes == {"README.md": "MODIFIED", "new.md": "ADDED"}
    reviewed = pull["reviews"]["nodes"][0]
    assert (reviewed["state"], reviewed["commit"]["oid"]) == ("CHANGES_REQUESTED", head)
    assert reviewed["comments"]["nodes"] == [{"path": "new.md", "line": 1, "body": "why"}]
    assert pull["statusCheckRollup"] == {"state": "PENDING"}
    commit = pull["commits"]["nodes"][0]["commit"]
    assert (commit["oid"], commit["statusCheckRollup"]["state"]) == (head, "PENDING")
    contexts = commit["statusCheckRollup"]["contexts"]
    assert (contexts["checkRunCount"], contexts["statusContextCount"]) == (1, 1)
    assert contexts["nodes"] == [
        {"__typename": "CheckRun", "name": "tests", "conclusion": "SUCCESS"},
        {"__typename": "StatusContext", "context": "lint", "state": "PENDING"},
    ]
    assert data["viewer"]["login"] == OWNER
    # 2 lists, 50 times 3 beneath issues, 20 times 5 beneath pull requests, 200 of reviews, 20 rollups: 472 requests
    assert data["rateLimit"]["cost"] == 5
    assert data["rateLimit"]["nodeCount"] > 1000
    # what was learnt at its head is gone when the branch moves on
    house.branch("bed", {"more.md": "x\n"})
    after = ask(owner, TICK, owner=OWNER, name="garden")["repository"]["pullRequests"]["nodes"][0]
    assert after["headRefOid"] != head
    assert after["statusCheckRollup"] is None


def test_pages(owner: httpx.Client) -> None:
    for index in range(7):
        owner.post(f"{HOME}/issues", json={"title": f"{index}"})
    query = (
        "query ($first: Int, $last: Int, $after: String, $before: String) {" + GARDEN + " { issues(first: $first, "
        "last: $last, after: $after, before: $before) { totalCount nodes { number } edges { cursor node { number } } "
        "pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }"
    )

    def page(**bounds: Any) -> tuple[list[int], dict[str, Any]]:
        found = ask(owner, query, **bounds)["repository"]["issues"]
        assert found["totalCount"] == 7
        assert [edge["node"] for edge in found["edges"]] == found["nodes"]
        return [node["number"] for node in found["nodes"]], found["pageInfo"]

    seen, cursor = list[int](), None
    while True:
        numbers, info = page(first=3, after=cursor)
        assert info["hasPreviousPage"] == bool(seen)
        seen += numbers
        cursor = info["endCursor"]
        if not info["hasNextPage"]:
            break
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    numbers, info = page(last=2)
    assert (numbers, info["hasPreviousPage"], info["hasNextPage"]) == ([6, 7], True, False)
    assert page(last=2, before=info["startCursor"])[0] == [4, 5]
    assert page(first=0)[0] == []
    assert page(first=3, last=1)[0] == [3]

    def error(**bounds: Any) -> tuple[str, list[str]]:
        found = complaint(owner, query, **bounds)
        return found["type"], found["path"]

    counted = ask(owner, "{" + GARDEN + " { issues { totalCount } labels { __typename } } }")["repository"]
    assert counted["issues"] == {"totalCount": 7}  # a mere size needs no bounds, on GitHub either
    path = ["repository", "issues"]
    assert error() == ("MISSING_PAGINATION_BOUNDARIES", path)
    assert error(first=101) == error(last=-1) == ("EXCESSIVE_PAGINATION", path)
    assert error(first=1, after="x") == error(first=1, before="eA==") == ("INVALID_CURSOR_ARGUMENTS", path)


def test_a_page_goes_on_where_it_stopped(owner: httpx.Client) -> None:
    """Also when what came before it has changed places in between."""
    for index in range(4):
        owner.post(f"{HOME}/issues", json={"title": f"{index}", "labels": ["bug"] if index != 2 else []})
    query = (
        "query ($after: String) {" + GARDEN + ' { issues(first: 2, after: $after, labels: ["bug"]) '
        "{ nodes { number } pageInfo { endCursor } } } }"
    )
    first = ask(owner, query)["repository"]["issues"]
    assert [node["number"] for node in first["nodes"]] == [1, 2]
    owner.delete(f"{HOME}/issues/1/labels/bug")
    second = ask(owner, query, after=first["pageInfo"]["endCursor"])["repository"]["issues"]
    assert [node["number"] for node in second["nodes"]] == [4]
    owner.delete(f"{HOME}/issues/2/labels/bug")  # now the cursor's own node is gone
    third = ask(owner, query, after=first["pageInfo"]["endCursor"])["repository"]["issues"]
    assert [node["number"] for node in third["nodes"]] == []


def test_ids_are_those_of_rest(house: House, owner: httpx.Client, stranger: httpx.Client, ci: httpx.Client) -> None:
    issue = owner.post(f"{HOME}/issues", json={"title": "x", "labels": ["bug"]}).json()
    comment = owner.post(f"{HOME}/issues/1/comments", json={"body": "x"}).json()
    head = house.branch("bed", {"bed.md": "x\n"})
    pull = house.pull(owner, "bed")
    review = owner.post(f"{HOME}/pulls/2/reviews", json={"event": "COMMENT", "body": "x"}).json()
    status = owner.post(f"{HOME}/statuses/{head}", json={"state": "success"}).json()
    run = ci.post(f"{HOME}/check-runs", json={"name": "x", "head_sha": head}).json()
    commit = owner.get(f"{HOME}/commits/{head}").json()
    ref = owner.get(f"{HOME}/git/ref/heads/bed").json()
    repository = owner.get(HOME).json()
    kinds = {
        "User": issue["user"],
        "Repository": repository,
        "Issue": issue,
        "Label": issue["labels"][0],
        "IssueComment": comment,
        "PullRequest": pull,
        "PullRequestReview": review,
        "StatusContext": status,
        "CheckRun": run,
        "Commit": commit,
        "Ref": ref,
    }
    ids = [shape["node_id"] for shape in kinds.values()]
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
    assert ask(owner, query, ids=ids)["nodes"] == [
        {"__typename": kind, "id": node_id} for kind, node_id in zip(kinds, ids, strict=True)
    ]
    house.forge.add_repository(f"{OWNER}/cellar", private=True)
    secret = owner.get(f"/repos/{OWNER}/cellar").json()["node_id"]
    hidden = owner.post(f"/repos/{OWNER}/cellar/issues", json={"title": "x"}).json()["node_id"]
    for unknown in (secret, hidden, "x", "SXNzdWU6", "SXNzdWU6OTk=", issue["node_id"][:-1] + "!"):
        error = complaint(stranger, "query ($id: ID!) { node(id: $id) { id } }", id=unknown)
        assert error["type"] == "NOT_FOUND"
        assert unknown in error["message"]


def test_changes(house: House, owner: httpx.Client, collaborator: httpx.Client, stranger: httpx.Client) -> None:
    home = repository_id(owner)
    labels = ask(owner, "{" + GARDEN + ' { a: label(name: "bug") { id } b: label(name: "invalid") { id } } }')
    bug, invalid = labels["repository"]["a"]["id"], labels["repository"]["b"]["id"]
    made = change(
        stranger, "createIssue",
        "clientMutationId issue { id number author { login } labels(first: 1) { totalCount } }",
        repositoryId=home, title="x", body="y", labelIds=[bug], clientMutationId="42",
    )  # fmt: skip
    assert made["clientMutationId"] == "42"
    issue = made["issue"]
    # who may not label is not refused, only not heard
    assert (issue["number"], issue["author"]["login"], issue["labels"]["totalCount"]) == (1, STRANGER, 0)
    shown = "labelable { labels(first: 5) { nodes { name } } }"
    done = change(owner, "addLabelsToLabelable", shown, labelableId=issue["id"], labelIds=[bug, invalid])
    assert done["labelable"]["labels"]["nodes"] == [{"name": "bug"}, {"name": "invalid"}]
    done = change(owner, "removeLabelsFromLabelable", shown, labelableId=issue["id"], labelIds=[bug])
    assert done["labelable"]["labels"]["nodes"] == [{"name": "invalid"}]
    said = change(
        collaborator, "addComment", "commentEdge { cursor node { id body author { login } } } subject { id }",
        subjectId=issue["id"], body="hello",
    )  # fmt: skip
    comment = said["commentEdge"]["node"]
    assert (comment["body"], comment["author"]["login"], said["subject"]["id"]) == ("hello", COLLABORATOR, issue["id"])
    assert refusal(stranger, "updateIssueComment", id=comment["id"], body="mine now")[0] == "FORBIDDEN"
    edited = change(collaborator, "updateIssueComment", "issueComment { body }", id=comment["id"], body="bye")
    assert edited["issueComment"]["body"] == "bye"
    change(owner, "deleteIssueComment", "clientMutationId", id=comment["id"])
    assert owner.get(f"{HOME}/issues/1/comments").json() == []
    state = "issue { state stateReason closed }"
    closed = change(stranger, "closeIssue", state, issueId=issue["id"], stateReason="NOT_PLANNED")
    assert closed["issue"] == {"state": "CLOSED", "stateReason": "NOT_PLANNED", "closed": True}
    opened = change(stranger, "reopenIssue", state, issueId=issue["id"])
    assert opened["issue"] == {"state": "OPEN", "stateReason": "REOPENED", "closed": False}
    renamed = change(owner, "updateIssue", "issue { title body } actor { login }", id=issue["id"], title="z")
    assert renamed == {"issue": {"title": "z", "body": "y"}, "actor": {"login": OWNER}}
    own = owner.post(f"{HOME}/issues", json={"title": "mine"}).json()["node_id"]
    kind, message = refusal(stranger, "closeIssue", issueId=own)
    assert kind == "FORBIDDEN"
    assert message == f"{STRANGER} does not have the correct permissions to execute `CloseIssue`"
    assert refusal(stranger, "addLabelsToLabelable", labelableId=own, labelIds=[bug])[0] == "FORBIDDEN"
    assert refusal(owner, "addComment", subjectId=own, body="  ")[0] == "UNPROCESSABLE"
    assert refusal(owner, "createIssue", repositoryId=home, title="x" * 257)[0] == "UNPROCESSABLE"
    assert refusal(owner, "createIssue", repositoryId=own, title="x")[0] == "NOT_FOUND"


def test_who_is_asked_to_review(house: House, owner: httpx.Client) -> None:
    house.branch("bed", {"bed.md": "x\n"})
    house.pull(owner, "bed")
    query = (
        "{" + GARDEN + " { pullRequest(number: 1) { mergeStateStatus reviewRequests(first: 5) "
        "{ totalCount nodes { id requestedReviewer { ... on User { login } } } } } } }"
    )
    assert ask(owner, query)["repository"]["pullRequest"]["reviewRequests"]["totalCount"] == 0
    owner.post(f"{HOME}/pulls/1/requested_reviewers", json={"reviewers": [COLLABORATOR]})
    pull = ask(owner, query)["repository"]["pullRequest"]
    asked = pull["reviewRequests"]["nodes"]
    assert [one["requestedReviewer"]["login"] for one in asked] == [COLLABORATOR]
    assert pull["mergeStateStatus"] == owner.get(f"{HOME}/pulls/1").json()["mergeable_state"].upper() == "CLEAN"
    node = "query ($id: ID!) { node(id: $id) { ... on ReviewRequest { pullRequest { number } } } }"
    assert ask(owner, node, id=asked[0]["id"])["node"]["pullRequest"]["number"] == 1


def test_who_edited_a_text(house: House, owner: httpx.Client, stranger: httpx.Client) -> None:
    """A new title is an event, a new body is not."""
    house.branch("bed", {"bed.md": "x\n"})
    house.pull(owner, "bed")
    stranger.post(f"{HOME}/issues", json={"title": "x", "body": "y"})
    shown = "{ lastEditedAt editor { login } }"
    query = f"{{ {GARDEN} {{ pullRequest(number: 1) {shown} issue(number: 2) {shown} }} }}"
    untouched = {"lastEditedAt": None, "editor": None}
    for fields in ({"title": "z"}, {"body": "y"}, {"state": "closed"}):
        assert stranger.patch(f"{HOME}/issues/2", json=fields).status_code == 200
        assert ask(owner, query)["repository"] == {"pullRequest": untouched, "issue": untouched}
    for client, login, body in ((owner, OWNER, "ours"), (stranger, STRANGER, "theirs"), (owner, OWNER, None)):
        client.patch(f"{HOME}/issues/2", json={"body": body})
        issue = ask(owner, query)["repository"]["issue"]
        assert (issue["editor"], issue["lastEditedAt"] is None) == ({"login": login}, False)
    owner.patch(f"{HOME}/pulls/1", json={"body": "new"})
    assert ask(owner, query)["repository"]["pullRequest"]["editor"] == {"login": OWNER}


def test_a_pull_request_from_opening_to_merge(house: House, owner: httpx.Client, stranger: httpx.Client) -> None:
    head = house.branch("bed", {"bed.md": "x\n"})
    home = repository_id(owner)
    fields = {"repositoryId": home, "baseRefName": "main", "headRefName": "bed", "title": "Add bed"}
    pull = change(owner, "createPullRequest", "pullRequest { id number headRefOid }", **fields)["pullRequest"]
    assert pull["headRefOid"] == head
    kind, message = refusal(owner, "createPullRequest", **fields)
    assert kind == "UNPROCESSABLE"
    assert "already exists" in message
    merge = {"pullRequestId": pull["id"], "mergeMethod": "SQUASH"}
    assert refusal(stranger, "mergePullRequest", **merge)[0] == "FORBIDDEN"
    assert refusal(owner, "mergePullRequest", **merge, expectedHeadOid="0" * 39 + "1")[0] == "STALE_DATA"
    shown = "pullRequest { state merged mergedBy { login } mergeCommit { oid messageHeadline } }"
    merged = change(owner, "mergePullRequest", shown, **merge, expectedHeadOid=head)["pullRequest"]
    assert (merged["state"], merged["merged"], merged["mergedBy"]["login"]) == ("MERGED", True, OWNER)
    assert merged["mergeCommit"]["oid"] == owner.get(f"{HOME}/git/ref/heads/main").json()["object"]["sha"]
    house.branch("other", {"other.md": "x\n"})
    other = house.pull(owner, "other")["node_id"]
    closed = change(owner, "closePullRequest", "pullRequest { state }", pullRequestId=other)
    assert closed["pullRequest"]["state"] == "CLOSED"


def test_what_is_not_there(owner: httpx.Client, stranger: httpx.Client, house: House) -> None:
    house.forge.add_repository(f"{OWNER}/cellar", private=True)
    query = f'{{ repository(owner: "{OWNER}", name: "cellar") {{ id }} viewer {{ login }} }}'
    answer = post(stranger, query)
    assert answer["data"] == {"repository": None, "viewer": {"login": STRANGER}}
    assert answer["errors"] == [
        {
            "type": "NOT_FOUND",
            "path": ["repository"],
            "locations": [{"line": 1, "column": 3}],
            "message": f"Could not resolve to a Repository with the name '{OWNER}/cellar'.",
        }
    ]
    assert ask(owner, query)["repository"]["id"]
    for field in ("issue", "pullRequest", "issueOrPullRequest", "discussion"):
        error = complaint(owner, f"{{ {GARDEN} {{ {field}(number: 9) {{ __typename }} }} }}")
        assert (error["type"], error["path"]) == ("NOT_FOUND", ["repository", field])
        assert error["message"].endswith("with the number of 9.")
    nothing = ask(owner, "{" + GARDEN + ' { ref(qualifiedName: "no") { id } object(expression: "no") { id } } }')
    assert nothing["repository"] == {"ref": None, "object": None}


def test_search_and_reactions(owner: httpx.Client, stranger: httpx.Client, house: House) -> None:
    house.forge.add_repository(f"{OWNER}/cellar", private=True)
    owner.post(f"/repos/{OWNER}/cellar/issues", json={"title": "red tulips"})
    for title in ("red roses", "blue roses", "red tulips"):
        owner.post(f"{HOME}/issues", json={"title": title, "labels": ["bug"] if "red" in title else []})
    query = (
        "query ($query: String!) { search(query: $query, type: ISSUE, first: 5) "
        "{ issueCount nodes { ... on Issue { title repository { name } } } } }"
    )
    found = ask(stranger, query, query=f"repo:{OWNER}/garden label:bug sort:created-asc")["search"]
    assert [one["title"] for one in found["nodes"]] == ["red roses", "red tulips"]
    assert ask(owner, query, query="tulips")["search"]["issueCount"] == 2
    assert ask(stranger, query, query="tulips")["search"]["issueCount"] == 1
    assert complaint(owner, query, query="is:nonsense")["type"] == "UNPROCESSABLE"
    owner.post(f"{HOME}/issues/1/reactions", json={"content": "heart"})
    groups = "reactionGroups { content viewerHasReacted users { totalCount } }"
    shown = ask(stranger, "{" + GARDEN + f" {{ issue(number: 1) {{ {groups} }} }} }}")["repository"]["issue"]
    hearts = [one for one in shown["reactionGroups"] if one["content"] == "HEART"]
    assert hearts == [{"content": "HEART", "viewerHasReacted": False, "users": {"totalCount": 1}}]


def test_git(house: House, owner: httpx.Client) -> None:
    head = house.branch("bed", {"src/b.py": "b = 2\n"}, message="Add b\n\nBecause.")
    query = (
        "{" + GARDEN + ' { branch: ref(qualifiedName: "bed") { name prefix target { oid } } '
        'refs(refPrefix: "refs/heads/", first: 5) { nodes { name } } '
        'file: object(expression: "bed:src/b.py") { ... on Blob { text byteSize isBinary } } '
        'tree: object(expression: "bed:src") { __typename oid } '
        'tip: object(expression: "bed") { ... on Commit { messageHeadline messageBody author { name email } '
        "parents(first: 2) { nodes { oid } } history(first: 2) { totalCount } } } } }"
    )
    found = ask(owner, query)["repository"]
    assert found["branch"] == {"name": "bed", "prefix": "refs/heads/", "target": {"oid": head}}
    assert [one["name"] for one in found["refs"]["nodes"]] == ["bed", "main"]
    assert found["file"] == {"text": "b = 2\n", "byteSize": 6, "isBinary": False}
    assert found["tree"]["__typename"] == "Tree"
    assert (found["tip"]["messageHeadline"], found["tip"]["messageBody"]) == ("Add b", "Because.")
    assert found["tip"]["author"] == {"name": "Ann", "email": "ann@example.org"}
    assert found["tip"]["history"]["totalCount"] == 2


# Limits ------------------------------------------------------------------------------------------------------------


def test_the_request_itself(house: House, owner: httpx.Client) -> None:
    with house.http(None) as nobody:
        assert nobody.post("/graphql", json={"query": "{ viewer { login } }"}).status_code == 401
    for path in ("/graphql", "/api/graphql"):
        answer = owner.post(path, json={"query": "{ viewer { login } }"})
        assert answer.json() == {"data": {"viewer": {"login": OWNER}}}
        assert answer.headers["x-ratelimit-resource"] == "graphql"
        assert answer.headers["x-github-media-type"] == "github.v4; format=json"
    assert owner.post("/graphql", content="{").status_code == 400
    assert owner.get("/graphql").status_code == 404
    odd: list[Any] = [{}, [], {"query": 3}, {"query": "{viewer{login}}", "variables": []}]
    for body in odd:
        answer = owner.post("/graphql", json=body)
        assert answer.status_code == 200
        assert list(answer.json()) == ["errors"]
    two = {"query": "query A { viewer { login } } query B { viewer { id } }"}
    assert "data" not in owner.post("/graphql", json=two).json()
    chosen = owner.post("/graphql", json={**two, "operationName": "A"}).json()
    assert chosen == {"data": {"viewer": {"login": OWNER}}}


@pytest.mark.parametrize(
    "query",
    [
        "{",
        "{ viewer { nothing } }",
        "{ viewer }",
        'mutation { updateRefs(input: {repositoryId: "x", refUpdates: [{name: "main", afterOid: "x"}]}) { x } }',
        "query ($x: Int!) { viewer { login } }",
        '{ repository(owner: "x", name: 3) { id } }',
        "{ ...A } fragment A on Query { ...A }",
        "{ nodes(ids: " + "[" * 100 + "]" * 100 + ") { id } }",
        "{ a: viewer { login } " * 10_000,
        "{ viewer { login } } # " + "x" * 100_000 + "\n" + "}" * 20_000,
        "{ viewer { avatarUrl(size: " + "9" * 5000 + ") } }",
    ],
)
def test_a_query_that_can_not_be_run(owner: httpx.Client, query: str) -> None:
    answer = post(owner, query)
    assert "data" not in answer
    assert all(set(error) <= {"message", "locations", "path"} and error["message"] for error in answer["errors"])


def test_a_query_may_not_reach_for_everything(owner: httpx.Client) -> None:
    beneath = "comments(first: 100) { nodes { issue { comments(first: 100) { nodes { id } } } } }"
    error = complaint(owner, "{" + GARDEN + " { issues(first: 100) { nodes { " + beneath + " } } } }")
    assert error["type"] == "MAX_NODE_LIMIT_EXCEEDED"
    assert "1,010,100" in error["message"]
    doubling = " ".join(f"fragment F{n} on User {{ a: isViewer ...F{n + 1} ...F{n + 1} }}" for n in range(30))
    error = complaint(owner, "{ viewer { ...F0 } } " + doubling + " fragment F30 on User { id }")
    assert "50,000 fields" in error["message"]
    many = ["x"] * 101
    assert "101" in complaint(owner, "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=many)["message"]


def test_points_have_a_budget_of_their_own(forge: Forge) -> None:
    headers = {"Authorization": f"Bearer {forge.token(OWNER)}"}
    with ForgeServer(forge, rate_limit=3) as server, httpx.Client(base_url=server.url, headers=headers) as client:
        query = {"query": "{ rateLimit { limit cost used remaining } }"}
        first = client.post("/graphql", json=query)
        assert first.json()["data"]["rateLimit"] == {"limit": 3, "cost": 1, "used": 1, "remaining": 2}
        assert first.headers["x-ratelimit-remaining"] == "2"
        assert client.get("/user").headers["x-ratelimit-remaining"] == "2"
        resources = client.get("/rate_limit").json()["resources"]
        assert (resources["graphql"]["used"], resources["core"]["used"]) == (1, 1)
        client.post("/graphql", json=query)
        client.post("/graphql", json=query)
        spent = client.post("/graphql", json=query)
        assert spent.status_code == 200
        assert spent.json()["errors"][0]["type"] == "RATE_LIMITED"
        assert spent.headers["x-ratelimit-remaining"] == "0"
        assert client.get("/user").status_code == 200


def test_time_is_the_forges(tmp_path: Any) -> None:
    forge = Forge.open(tmp_path / "still", clock=ManualClock())
    forge.add_repository(f"{OWNER}/garden")
    headers = {"Authorization": f"Bearer {forge.token(OWNER)}"}
    with ForgeServer(forge) as server, httpx.Client(base_url=server.url, headers=headers) as client:
        data = ask(client, "{ viewer { createdAt } rateLimit { resetAt } }")
    forge.close()
    assert data == {"viewer": {"createdAt": "2023-11-14T22:13:20Z"}, "rateLimit": {"resetAt": "2023-11-14T23:13:20Z"}}


# Queries of every shape --------------------------------------------------------------------------------------------

MUTATIONS = sorted(SCHEMA.mutation_type.fields) if SCHEMA.mutation_type else []
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=12)
    | st.sampled_from(
        ["0" * 40, "refs/heads/x", "OPEN", "RESOLVED", "bed", "\x00", "SXNzdWU6MQ==", "2001-01-01T00:00:00Z"]
    )
)
REF_UPDATE = ["name", "afterOid", "beforeOid", "force"]
REF_VALUES = LEAVES | st.sampled_from(["refs/heads/x", "refs/x", "refs/x/y", True])
VALUES = LEAVES | st.lists(LEAVES, max_size=3) | st.dictionaries(st.text(max_size=5), LEAVES, max_size=2)


@pytest.fixture
def ids(house: House, owner: httpx.Client) -> dict[str, str]:
    """Of one thing of every kind that mutations take."""
    issue = owner.post(f"{HOME}/issues", json={"title": "x"}).json()
    home = repository_id(owner)
    change(owner, "updateRepository", "clientMutationId", repositoryId=home, hasDiscussionsEnabled=True)
    found = ask(owner, "{" + GARDEN + ' { discussionCategory(slug: "q-a") { id } label(name: "bug") { id } } }')
    return {
        "repository": home,
        "issue": issue["node_id"],
        "category": found["repository"]["discussionCategory"]["id"],
        "label": found["repository"]["label"]["id"],
        "user": issue["user"]["node_id"],
        "ref": owner.get(f"{HOME}/git/ref/heads/main").json()["node_id"],
    }


@given(data=st.data())
@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_no_input_breaks_a_mutation(owner: httpx.Client, ids: dict[str, str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(MUTATIONS))
    kind = name[0].upper() + name[1:] + "Input"
    definition = SCHEMA.type_map[kind]
    assert isinstance(definition, GraphQLInputObjectType)
    fields = list(definition.fields)
    known = st.sampled_from(sorted(ids.values()))
    input: dict[str, Any] = data.draw(
        st.dictionaries(st.sampled_from(fields), known | VALUES | st.lists(known, max_size=2))
    )
    if "refUpdates" in fields:
        input["refUpdates"] = data.draw(st.lists(st.dictionaries(st.sampled_from(REF_UPDATE), REF_VALUES), max_size=3))
    query = f"mutation ($input: {kind}!) {{ {name}(input: $input) {{ clientMutationId }} }}"
    answer = owner.post("/graphql", content=json.dumps({"query": query, "variables": {"input": input}}))
    assert answer.status_code == 200, (query, input, answer.text)
    assert answer.json().get("errors") or answer.json()["data"][name] is not None


WORDS = [
    "query",
    "mutation",
    "fragment",
    "on",
    "User",
    "viewer",
    "repository",
    "issues",
    "first",
    "null",
    "$x",
    "@skip",
]
MARKS = [*"{}()[]:!=#", "...", '"s"', '"""', "1", "-1.5e9", "\x00", "\u00e9"]


@given(query=st.lists(st.sampled_from(WORDS + MARKS), max_size=25).map(" ".join) | st.text(max_size=30))
@example(query="{ }")
@example(query="query { viewer { login } } subscription { x }")
@example(query="{ __schema { types { fields { type { ofType { ofType { name } } } } } } }")
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_breaks_the_endpoint(owner: httpx.Client, query: str) -> None:
    answer = post(owner, query)
    assert answer.get("errors") or answer.get("data")
