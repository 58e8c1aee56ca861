"""A git host with every trouble that it can have: each issue is landed, nothing is there twice, no claim is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any, cast

import pytest
from starlette.applications import Starlette
from starlette.types import ASGIApp

from loreli_ray.demo.stage import REPO
from loreli_ray.forge import Forge, create_app
from loreli_ray.hub import markers
from tests.actors.pushes import Pushes, claims
from tests.actors.trouble import Storm

pytestmark = [pytest.mark.ray, pytest.mark.timeout(400)]
Make = Callable[..., Any]


def test_a_storm_of_troubles_leaves_nothing_twice(team: Make) -> None:
    storm = Storm(share=0.12, seed=4)
    working = team(pace=0.3, around=storm.around)
    working.until_landed(seconds=130)
    assert set(storm.struck) == storm.names, f"all of them were there: {storm.struck}"
    _assert_nothing_twice(working)
    assert not [e for e in working.events("removed") if e["data"]["unexpected"]], "nobody died of it"
    working.assert_nothing_is_left()


def test_claims_are_kept_while_the_requests_are_used_up(team: Make) -> None:
    """The hour is a short one, and a lease shorter still: none may be lost until there are requests again."""
    hour, lease, grace = 34.0, 12.0, 2.0
    pushes, outages, told = Pushes(), dict[float, float](), set[bool]()

    def meagre(app: ASGIApp) -> ASGIApp:
        forge: Forge = cast(Starlette, app).state.forge
        return pushes.around(create_app(forge, rate_limit=50, rate_window=hour))

    def used_up(status: dict[str, Any]) -> bool:
        """Notes since when the author may send nothing, and until when."""
        for account in status["accounts"][:1]:
            if account["used_up"]:
                outages.setdefault(account["reset"], status["now"])
        told.add(status["tick"]["stale"])
        return not set(working.stage.issues) - {one["issue"] for one in status["landed"]}

    working = team(pace=0.5, around=meagre, claims={"ttl": lease, "grace": grace})
    working.until(used_up, "all issues landed", seconds=300)
    working.until_landed()
    assert max(until - since for until, since in outages.items()) > lease + grace, f"it was used up: {outages}"
    assert told == {True, False}, "meanwhile the status says that it is as it was last told"
    held = claims(pushes.taken, repository=working.stage.repository)
    assert {one.generation for one in held} == {1}, "no claim was taken from its holder"
    for issue in working.stage.issues:
        mine = [one for one in held if one.issue == issue]
        late = [(one.until, after.at) for one, after in pairwise(mine) if after.at > one.until > 0]
        assert not late, f"#{issue} was without a lease: {late}"
    renewed = [one for one in held for until, since in outages.items() if since < one.at < until and one.until > 0]
    assert renewed, "it was renewed meanwhile"
    _assert_nothing_twice(working)


def _assert_nothing_twice(working: Any) -> None:
    """By the host's own records: what the team wrote carries its markers."""
    forge = working.stage.forge
    repository = forge.repository(REPO)
    pulls = forge.pulls.list(repository, state="all")
    opened = [_mark(pull.body, "pull") for pull in pulls]
    assert sorted((mark["issue"], mark["generation"]) for mark in opened) == [(n, 1) for n in working.stage.issues]
    comments = forge.issues.comments(repository)
    notes = Counter((number, _mark(comment.body, "comment")["key"]) for comment, number in comments)
    assert set(notes.values()) == {1}
    assert {number for number, key in notes if key == "status"} == set(working.stage.issues)
    judged = [(pull.number, review) for pull in pulls for review in forge.reviews.list(pull)]
    reviews = Counter((number, one.commit_id, _mark(one.body, "review")["agent"]) for number, one in judged)
    assert set(reviews.values()) == {1}
    happened = Counter((event.name, about.number) for event, about in forge.events.all(repository))
    assert {happened["merged", pull.number] for pull in pulls} == {1}
    assert {happened["closed", number] for number in working.stage.issues} == {1}


def _mark(text: str | None, kind: str) -> dict[str, Any]:
    mark = markers.parse(text, kind)
    assert mark is not None, f"nothing of ours is without a marker: {text}"
    return mark
