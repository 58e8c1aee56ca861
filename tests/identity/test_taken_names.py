from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from loreli_ray.errors import Unavailable
from loreli_ray.identity import TakenNames, names_of_branches


@pytest.mark.parametrize(
    ("head", "agent"),
    [
        ("gandalf/12-fix-the-bridge", "gandalf"),
        ("tom-bombadil/1-x", "tom-bombadil"),
        ("gandalf-2/7-Ünïcode_ok", "gandalf-2"),
        ("main", None),
        ("gandalf/fix-it", None),
        ("gandalf/12", None),
        ("gandalf/12-", None),
        ("gandalf/0-x", None),
        ("gandalf/12-a/b", None),
        ("a/gandalf/12-x", None),
        ("Gandalf/12-x", None),
        ("/12-x", None),
        ("dependabot/npm/12-x", None),
        ("gandalf/12-x\n", "gandalf"),
        ("", None),
    ],
)
def test_only_the_branches_of_agents_name_one(head: str, agent: str | None) -> None:
    assert names_of_branches([head]) == ({agent} if agent else set())


class Host:
    """Answers with what it was given, in order; an exception is raised."""

    def __init__(self, *answers: Iterable[str] | Exception) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def heads(self) -> Iterable[str]:
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_names_are_fetched_once() -> None:
    host = Host(["frodo/1-ring", "main"])
    taken = TakenNames(host.heads)
    assert taken.names == frozenset()
    assert await taken.seed() == {"frodo"}
    assert await taken.seed() == {"frodo"}
    assert host.asked == 1


async def test_a_failed_fetch_is_raised_and_tried_again() -> None:
    host = Host(Unavailable("503"), ["frodo/1-ring"])
    taken = TakenNames(host.heads)
    with pytest.raises(Unavailable):
        await taken.seed()
    assert await taken.seed() == {"frodo"}


async def test_no_open_pull_requests_is_an_answer_too() -> None:
    host = Host([])
    taken = TakenNames(host.heads)
    assert await taken.seed() == frozenset()
    assert await taken.seed() == frozenset()
    assert host.asked == 1


async def test_a_later_tick_replaces_the_names() -> None:
    host = Host(["frodo/1-ring"])
    taken = TakenNames(host.heads)
    await taken.seed()
    taken.update(["sam/2-rope"])
    assert taken.names == {"sam"}
    assert await taken.seed() == {"sam"}
    assert host.asked == 1


async def test_an_update_during_the_fetch_is_the_newer() -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def heads() -> Iterable[str]:
        asked.set()
        await answer.wait()
        return ["frodo/1-ring"]

    taken = TakenNames(heads)
    seeding = asyncio.create_task(taken.seed())
    await asked.wait()
    taken.update(["sam/2-rope"])
    answer.set()
    assert await seeding == {"sam"}
