"""Two server processes on one data folder, under writes from all sides: nothing is lost, nothing is doubled."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from loreli_ray.forge import Forge
from loreli_ray.forge.repository import ABSENT, EMPTY_TREE
from tests.forge.forge_kit import COLLABORATOR, HOME, OWNER, REPOSITORY, Checkout, run_git
from tests.forge.graphql_kit import post, repository_id

WRITERS, EACH = 4, 8
COUNTER = "refs/loreli/counter"
UPDATE = "mutation ($input: UpdateRefsInput!) { updateRefs(input: $input) { clientMutationId } }"


@contextmanager
def served(data: Path) -> Generator[str]:
    """`loreli-ray forge serve` on a free port, as a process of its own; its URL."""
    program = "from loreli_ray.cli import main; main()"
    arguments = ["forge", "serve", "--data", str(data), "--port", "0"]
    process = subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout
            url, _, said = process.stdout.readline().partition(" ")
            assert said.startswith("serves"), said
            yield url
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture
def urls(forge: Forge) -> Iterator[list[str]]:
    with ExitStack() as stack:
        yield [stack.enter_context(served(forge.root.parent)) for _ in range(2)]


def client(forge: Forge, url: str, login: str = OWNER) -> httpx.Client:
    headers = {"Authorization": f"Bearer {forge.token(login)}"}
    return httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False)


def test_issues_and_comments(forge: Forge, urls: list[str]) -> None:
    def write(writer: int) -> list[tuple[int, str]]:
        made: list[tuple[int, str]] = []
        with client(forge, urls[writer % 2]) as home, client(forge, urls[1 - writer % 2], COLLABORATOR) as away:
            for turn in range(EACH):
                title = f"{writer}.{turn}"
                issue = home.post(f"{HOME}/issues", json={"title": title, "labels": [f"label {turn}"]})
                assert issue.status_code == 201, issue.text
                number: int = issue.json()["number"]
                assert away.get(f"{HOME}/issues/{number}").json()["title"] == title  # seen at once by the other
                said = away.post(f"{HOME}/issues/{number}/comments", json={"body": title})
                assert said.status_code == 201, said.text
                made.append((number, title))
        return made

    with ThreadPoolExecutor(WRITERS) as pool:
        made = [one for done in pool.map(write, range(WRITERS)) for one in done]
    assert sorted(number for number, _ in made) == list(range(1, WRITERS * EACH + 1))
    for url in urls:
        with client(forge, url) as reader:
            issues = reader.get(f"{HOME}/issues", params={"per_page": 100}).json()
            assert {(issue["number"], issue["title"]) for issue in issues} == set(made)
            assert all(issue["comments"] == 1 for issue in issues)
            names = [one["name"] for one in reader.get(f"{HOME}/labels", params={"per_page": 100}).json()]
            assert len(names) == len(set(names))


def test_a_ref_that_all_want(forge: Forge, urls: list[str]) -> None:
    """A counter in a ref: each step is a compare-and-swap, so its history tells how often it was moved."""
    with client(forge, urls[0]) as first:
        home = repository_id(first)

    def count(writer: int) -> None:
        with client(forge, urls[writer % 2]) as mine:
            for turn in range(EACH):
                while True:
                    refs = mine.get(f"{HOME}/git/matching-refs/loreli/counter").json()
                    before = refs[0]["object"]["sha"] if refs else ABSENT
                    commit = {"message": f"{writer}.{turn}", "tree": EMPTY_TREE, "parents": [before] if refs else []}
                    after = mine.post(f"{HOME}/git/commits", json=commit).json()["sha"]
                    move = {"name": COUNTER, "beforeOid": before, "afterOid": after}
                    answer = post(mine, UPDATE, input={"repositoryId": home, "refUpdates": [move]})
                    if "errors" not in answer:
                        break
                    assert answer["errors"][0]["type"] == "STALE_DATA", answer

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(count, range(WRITERS)))
    steps = run_git("log", "--format=%s", COUNTER, cwd=forge.repository_path(REPOSITORY)).stdout.split()
    assert sorted(steps) == sorted(f"{writer}.{turn}" for writer in range(WRITERS) for turn in range(EACH))


def test_merges(forge: Forge, urls: list[str], tmp_path: Path) -> None:
    branches = [f"b{number}" for number in range(8)]
    place = urls[0].removeprefix("http://")
    copy = Checkout(tmp_path / "copy")
    run_git("clone", "-q", f"http://{OWNER}:{forge.token(OWNER)}@{place}/{REPOSITORY}.git", "copy", cwd=tmp_path)
    for branch in branches:
        copy.commit(branch, {f"{branch}.md": "x\n"}, message=f"Add {branch}", start="origin/main")
    copy.push(*branches)
    begun = copy.git("rev-parse", "origin/main")

    def land(branch: str) -> str:
        """Opened on one server, merged by both at once: exactly one of them does it."""
        with client(forge, urls[0]) as one, client(forge, urls[1], COLLABORATOR) as two, ThreadPoolExecutor(2) as pair:
            pull = one.post(f"{HOME}/pulls", json={"title": f"Add {branch}", "head": branch, "base": "main"})
            assert pull.status_code == 201, pull.text
            path = f"{HOME}/pulls/{pull.json()['number']}/merge"
            merged: list[str] = []
            while not merged:
                attempts = [pair.submit(side.put, path, json={"merge_method": "squash"}) for side in (one, two)]
                answers = [attempt.result() for attempt in attempts]
                assert {answer.status_code for answer in answers} <= {200, 405, 409}, [one.text for one in answers]
                merged = [answer.json()["sha"] for answer in answers if answer.status_code == 200]
            assert len(merged) == 1
            return merged[0]

    with ThreadPoolExecutor(len(branches)) as pool:
        landed = list(pool.map(land, branches))
    bare = forge.repository_path(REPOSITORY)
    history = run_git("log", "--format=%H", f"{begun}..main", cwd=bare).stdout.split()
    assert sorted(history) == sorted(landed)  # each once, none beside them
    files = run_git("ls-tree", "--name-only", "main", cwd=bare).stdout.split()
    assert {f"{branch}.md" for branch in branches} <= set(files)
    with client(forge, urls[1]) as reader:
        pulls = reader.get(f"{HOME}/pulls", params={"state": "all"}).json()
        assert {pull["merge_commit_sha"] for pull in pulls} == set(landed)
        assert all(pull["merged_at"] for pull in pulls)


def test_one_dies_and_the_other_goes_on(forge: Forge) -> None:
    data = forge.root.parent
    with served(data) as stays, client(forge, stays) as reader:
        with served(data) as goes, client(forge, goes) as writer:
            assert writer.post(f"{HOME}/issues", json={"title": "from the one that goes"}).status_code == 201
        assert reader.get(f"{HOME}/issues/1").json()["title"] == "from the one that goes"
        assert reader.post(f"{HOME}/issues", json={"title": "x"}).json()["number"] == 2
