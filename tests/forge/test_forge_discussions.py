"""Discussions through GraphQL: who may begin, reply, change, close and choose an answer."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.forge.forge_kit import COLLABORATOR, HOME, OWNER, STRANGER
from tests.forge.graphql_kit import GARDEN, ask, change, complaint, refusal, repository_id

CATEGORIES = "discussionCategories(first: 10) { nodes { id name slug isAnswerable } }"


@pytest.fixture
def categories(owner: httpx.Client) -> dict[str, str]:
    """Slug → id."""
    home = ask(owner, "{" + GARDEN + " { " + CATEGORIES + " } }")["repository"]
    return {one["slug"]: one["id"] for one in home["discussionCategories"]["nodes"]}


def begin(client: httpx.Client, category: str, title: str = "Where to plant?") -> dict[str, str]:
    payload = "discussion { id number url author { login } category { slug } }"
    fields = {"repositoryId": repository_id(client), "categoryId": category, "title": title, "body": "Say."}
    return change(client, "createDiscussion", payload, **fields)["discussion"]


def test_they_can_be_switched_off(owner: httpx.Client, collaborator: httpx.Client) -> None:
    query = "{" + GARDEN + " { id hasDiscussionsEnabled " + CATEGORIES + " discussions(first: 5) { totalCount } } }"
    home = ask(owner, query)["repository"]
    assert home["hasDiscussionsEnabled"] is True
    switch: dict[str, Any] = {"repositoryId": home["id"], "hasDiscussionsEnabled": False}
    assert refusal(collaborator, "updateRepository", **switch)[0] == "FORBIDDEN"
    category = ask(owner, query)["repository"]["discussionCategories"]["nodes"][1]["id"]
    discussion = begin(owner, category)
    change(owner, "updateRepository", "clientMutationId", **switch)
    assert owner.get(HOME).json()["has_discussions"] is False
    assert ask(owner, query)["repository"]["discussionCategories"]["nodes"] == []
    assert refusal(owner, "createDiscussion", repositoryId=home["id"], categoryId=category, title="x", body="x") == (
        "UNPROCESSABLE",
        "Discussions are disabled for this repository.",
    )
    assert refusal(owner, "addDiscussionComment", discussionId=discussion["id"], body="x")[0] == "NOT_FOUND"
    assert ask(owner, query)["repository"]["discussions"]["totalCount"] == 0
    owner.patch(HOME, json={"has_discussions": True})
    assert ask(owner, query)["repository"]["discussions"]["totalCount"] == 1  # nothing was lost
    assert len(ask(owner, query)["repository"]["discussionCategories"]["nodes"]) == 5


def test_a_discussion_with_an_answer(
    owner: httpx.Client, stranger: httpx.Client, collaborator: httpx.Client, categories: dict[str, str]
) -> None:
    owner.post(f"{HOME}/issues", json={"title": "x"})
    discussion = begin(stranger, categories["q-a"])
    assert discussion["number"] == 2  # one sequence for issues and discussions
    assert discussion["url"].endswith(f"/{OWNER}/garden/discussions/2")
    assert discussion["author"] == {"login": STRANGER}
    assert owner.get(f"{HOME}/issues/2").status_code == 404
    payload = "comment { id body isAnswer replyTo { id } replies(first: 5) { nodes { body } } }"
    said = change(collaborator, "addDiscussionComment", payload, discussionId=discussion["id"], body="By the wall")[
        "comment"
    ]
    reply = change(
        owner, "addDiscussionComment", payload, discussionId=discussion["id"], body="Why?", replyToId=said["id"]
    )["comment"]
    assert reply["replyTo"] == {"id": said["id"]}
    assert refusal(owner, "addDiscussionComment", discussionId=discussion["id"], body="x", replyToId=reply["id"])[
        0
    ] == ("UNPROCESSABLE")
    assert refusal(collaborator, "addDiscussionComment", discussionId=discussion["id"], body=" ")[0] == "UNPROCESSABLE"
    mark = {"id": said["id"]}
    chosen = change(stranger, "markDiscussionCommentAsAnswer", "discussion { answer { body isAnswer } }", **mark)
    assert chosen["discussion"]["answer"] == {"body": "By the wall", "isAnswer": True}
    query = (
        "{" + GARDEN + " { discussion(number: 2) { title body isAnswered answerChosenBy { login } authorAssociation "
        "viewerDidAuthor viewerCanUpdate category { name isAnswerable } "
        "comments(first: 5) { totalCount nodes { body author { login } replies(first: 5) { nodes { body } } } } } } }"
    )
    found = ask(stranger, query)["repository"]["discussion"]
    assert (found["title"], found["body"], found["isAnswered"]) == ("Where to plant?", "Say.", True)
    assert found["answerChosenBy"] == {"login": STRANGER}
    assert (found["authorAssociation"], found["viewerDidAuthor"], found["viewerCanUpdate"]) == ("NONE", True, True)
    assert found["category"] == {"name": "Q&A", "isAnswerable": True}
    assert found["comments"] == {
        "totalCount": 1,
        "nodes": [{"body": "By the wall", "author": {"login": COLLABORATOR}, "replies": {"nodes": [{"body": "Why?"}]}}],
    }
    change(owner, "unmarkDiscussionCommentAsAnswer", "discussion { isAnswered }", **mark)
    assert ask(owner, query)["repository"]["discussion"]["isAnswered"] is False
    change(stranger, "markDiscussionCommentAsAnswer", "discussion { isAnswered }", **mark)
    change(collaborator, "deleteDiscussionComment", "comment { id }", id=said["id"])
    found = ask(stranger, query)["repository"]["discussion"]
    assert (found["isAnswered"], found["comments"]["totalCount"]) == (False, 0)
    gone = "query ($id: ID!) { node(id: $id) { id } }"
    assert complaint(owner, gone, id=reply["id"])["type"] == "NOT_FOUND"  # replies go with what they answer


def test_only_some_categories_take_answers(owner: httpx.Client, categories: dict[str, str]) -> None:
    discussion = begin(owner, categories["ideas"])
    said = change(owner, "addDiscussionComment", "comment { id }", discussionId=discussion["id"], body="x")["comment"]
    assert refusal(owner, "markDiscussionCommentAsAnswer", id=said["id"])[0] == "UNPROCESSABLE"
    found = ask(owner, "{" + GARDEN + f" {{ discussion(number: {discussion['number']}) {{ isAnswered }} }} }}")
    assert found["repository"]["discussion"]["isAnswered"] is None


def test_who_may_change_what(
    owner: httpx.Client, stranger: httpx.Client, collaborator: httpx.Client, categories: dict[str, str]
) -> None:
    home = repository_id(stranger)
    announcement = {"repositoryId": home, "categoryId": categories["announcements"], "title": "x", "body": "x"}
    assert refusal(stranger, "createDiscussion", **announcement)[0] == "FORBIDDEN"
    hers = begin(owner, categories["announcements"])
    own = begin(stranger, categories["general"])
    for name in ("updateDiscussion", "closeDiscussion"):
        assert refusal(stranger, name, discussionId=hers["id"])[0] == "FORBIDDEN"
    assert refusal(stranger, "deleteDiscussion", id=hers["id"])[0] == "FORBIDDEN"
    payload = "discussion { title body category { slug } }"
    change(stranger, "updateDiscussion", payload, discussionId=own["id"], title="Other")
    moved = change(collaborator, "updateDiscussion", payload, discussionId=own["id"], categoryId=categories["ideas"])
    assert moved["discussion"] == {"title": "Other", "body": "Say.", "category": {"slug": "ideas"}}
    said = change(owner, "addDiscussionComment", "comment { id }", discussionId=own["id"], body="x")["comment"]
    assert refusal(stranger, "updateDiscussionComment", commentId=said["id"], body="y")[0] == "FORBIDDEN"
    edited = change(owner, "updateDiscussionComment", "comment { body }", commentId=said["id"], body="y")
    assert edited["comment"] == {"body": "y"}
    change(stranger, "deleteDiscussion", "clientMutationId", id=own["id"])
    error = complaint(owner, "{" + GARDEN + f" {{ discussion(number: {own['number']}) {{ id }} }} }}")
    assert error["type"] == "NOT_FOUND"


def test_open_closed_and_in_order(owner: httpx.Client, categories: dict[str, str]) -> None:
    first, second = begin(owner, categories["general"], "A"), begin(owner, categories["ideas"], "B")
    payload = "discussion { closed stateReason closedAt }"
    closed = change(owner, "closeDiscussion", payload, discussionId=first["id"], reason="OUTDATED")["discussion"]
    assert (closed["closed"], closed["stateReason"]) == (True, "OUTDATED")
    assert closed["closedAt"]

    def titles(arguments: str) -> list[str]:
        query = "{" + GARDEN + f" {{ discussions(first: 9, {arguments}) {{ nodes {{ title }} }} }} }}"
        return [one["title"] for one in ask(owner, query)["repository"]["discussions"]["nodes"]]

    assert titles("states: OPEN") == ["B"]
    assert titles("states: [CLOSED]") == ["A"]
    assert titles(f'categoryId: "{categories["ideas"]}"') == ["B"]
    assert titles("orderBy: {field: CREATED_AT, direction: ASC}") == ["A", "B"]
    assert titles("answered: true") == []
    opened = change(owner, "reopenDiscussion", payload, discussionId=first["id"])["discussion"]
    assert opened == {"closed": False, "stateReason": "REOPENED", "closedAt": None}
    assert refusal(owner, "reopenDiscussion", discussionId=second["id"])[0] == "UNPROCESSABLE"
