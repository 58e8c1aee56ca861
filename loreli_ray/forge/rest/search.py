"""The search of issues: https://docs.github.com/rest/search."""

from __future__ import annotations

from typing import Literal

from loreli_ray.forge.records import Issue, Repository
from loreli_ray.forge.rest import answers
from loreli_ray.forge.rest.call import Call, Direction, Query, route
from loreli_ray.forge.rest.reply import Reply
from loreli_ray.forge.rest.shapes import Shape


class SearchQuery(Query):
    q: str = ""
    sort: Literal["created", "updated", "comments"] = "created"
    order: Direction = "desc"


def search_issues(call: Call, query: SearchQuery) -> Reply:
    visible = [one for one in call.forge.all_repositories() if call.forge.role(call.user, one) != "none"]
    for repository in visible:
        call.forge.pulls.refresh(repository)
    found = call.forge.search.issues(query.q, visible=visible, sort=query.sort, order=query.order)
    return call.counted_page(
        "items", found, lambda one: _item(call, *one), incomplete_results=False, search_type="lexical"
    )


def _item(call: Call, issue: Issue, repository: Repository) -> Shape:
    return call.shapes.issue(repository, issue) | {"score": 1.0}


ROUTES = [route("GET", "/search/issues", search_issues, answer=answers.FoundIssues)]
