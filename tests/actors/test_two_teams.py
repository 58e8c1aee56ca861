"""Two complete sessions, each with a home of its own, on one repository: no issue is worked on or landed twice."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loreli_ray.demo.stage import REPO
from loreli_ray.git import git
from tests.actors.pushes import Pushes, claims

pytestmark = [pytest.mark.ray, pytest.mark.timeout(400)]
Make = Callable[..., Any]
NOTES = tuple((f"Write note-{number:02}", f"One line about {number}.") for number in range(1, 13))


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    """Each issue is a file of its own."""
    tasks = [
        f'[[task]]\ntitle = "{title}"\n[[task.attempt]]\nsummary = "{title}"\n'
        f'[[task.attempt.edit]]\npath = "notes/{number}.txt"\ncontent = "{number}\\n"\n'
        for number, (title, _) in enumerate(NOTES, 1)
    ]
    path = tmp_path / "playbook.toml"
    path.write_text("\n".join(tasks), encoding="utf-8")
    return path


def test_two_teams_on_one_repository_land_each_issue_once(team: Make, playbook: Path) -> None:
    pushes = Pushes()
    first = team(agents=4, pace=0.1, playbook=playbook, issues=NOTES, around=pushes.around)
    second = team(agents=4, pace=0.1, playbook=playbook, beside=first)
    assert first.session.settings.id != second.session.settings.id
    teams = (first, second)
    issues = first.stage.issues

    def done(_: object) -> bool:
        found = [working.status() for working in teams]
        landed = [one["issue"] for status in found for one in status["landed"]]
        return set(landed) >= set(issues) and not any(s["agents"] or s["issues"] for s in found)

    first.until(done, "both teams together landed every issue, and all agents have gone", seconds=240)
    landed = [one for working in teams for one in working.status()["landed"]]
    assert sorted(one["issue"] for one in landed) == issues, "each in one ledger, once"
    assert all(working.status()["landed"] for working in teams), "both did their share"
    _assert_merged_once(first, landed)
    _assert_claimed_once(first, second, pushes)
    for working in teams:
        working.assert_nothing_is_left()


def _assert_merged_once(working: Any, landed: list[dict[str, Any]]) -> None:
    """By the host's own records, and by what is on its main branch."""
    forge = working.stage.forge
    repository = forge.repository(REPO)
    pulls = forge.pulls.list(repository, state="all")
    assert len(pulls) == len(NOTES), "one pull request for each issue"
    assert {pull.number for pull in pulls} == {one["pull"] for one in landed}
    history = git("log", "--first-parent", "--format=%H", "main", cwd=working.stage.repository).split()
    assert len(history) == 1 + len(NOTES)
    assert (
        sorted(pull.merge_commit_sha for pull in pulls) == sorted(history[:-1]) == sorted(c["commit"] for c in landed)
    )
    happened = Counter((event.name, about.number) for event, about in forge.events.all(repository))
    assert {happened["merged", pull.number] for pull in pulls} == {1}
    assert {happened["closed", number] for number in working.stage.issues} == {1}
    assert not any(name == "reopened" for name, _ in happened)
    files = git("ls-tree", "-r", "--name-only", "main", "notes/", cwd=working.stage.repository).split()
    assert len(files) == len(NOTES)


def _assert_claimed_once(first: Any, second: Any, pushes: Pushes) -> None:
    """By what the host let through to the claims, and by both ledgers."""
    holders: dict[tuple[int, int], set[tuple[str, str]]] = defaultdict(set)
    order: dict[int, list[int]] = defaultdict(list)
    for held in claims(pushes.taken, repository=first.stage.repository):
        holders[held.issue, held.generation].add((held.session, held.agent))
        order[held.issue].append(held.generation)
    assert {issue for issue, _ in holders} == set(first.stage.issues), "the host saw them all"
    assert all(len(who) == 1 for who in holders.values()), f"two held one generation: {holders}"
    assert all(generations == sorted(generations) for generations in order.values()), order
    told = Counter(
        (event["issue"], int(event["text"].removeprefix("generation ")), working.session.settings.id, event["agent"])
        for working in (first, second)
        for event in working.events("claimed")
    )
    assert set(told.values()) == {1}
    assert {(issue, generation): {(session, agent)} for issue, generation, session, agent in told} == holders
