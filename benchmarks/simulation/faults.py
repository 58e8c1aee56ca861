"""What may go wrong in the simulated world, and the dice that decide when."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from random import Random
from types import MappingProxyType
from typing import TypeVar

T = TypeVar("T")


class Fault(StrEnum):
    DEATH = "a program ends"
    LOST = "an agent's actor is gone while its program still works"
    HANG = "a program says nothing any more"
    PAUSE = "a program says nothing until it is nudged"
    LOOP = "a program is busy and gets nowhere"
    DEAF = "an agent's actor does not answer, while its program works"
    LAUNCH = "a program never speaks, or ends at once"
    QUOTA = "a backend's quota is used up: for a while its programs say so or end, new ones at once"
    NODE = "a node is gone for a while, with all that runs on it"
    CRASH = "the reactor stops between two intents"
    REFUSED = "a write to the git host or a call between actors fails"
    UNHEARD = "a write is done, but its answer is lost"
    OUTAGE = "nothing ticks for longer than a lease lasts"
    CONFLICT = "issues change the same file"
    OBJECTION = "a reviewer asks for changes"
    REMARK = "a reviewer only comments"
    SURRENDER = "an agent gives its work back"
    QUESTION = "an agent asks a human"
    HOLD = "a human holds an issue, and lets it go again"
    WITHDRAWN = "a human closes an issue, or takes its label off"
    REJECTED = "a human closes a pull request"
    RETITLED = "somebody changes an issue's title"
    SHUTDOWN = "a human stops an agent"
    UNDECIDED = "the git host does not know yet whether a pull request can be merged"
    MISTAKEN = "the git host still says what was: that a pull request can't be merged"


class Dice:
    """Nothing goes wrong but `faults`, and nothing at all once `calm` is set.

    `rarity` makes a fault that many times rarer: what is a storm for eight agents is the end of a thousand.
    """

    def __init__(self, seed: int, faults: frozenset[Fault], rarity: Mapping[Fault, int] = MappingProxyType({})) -> None:
        self._random = Random(seed)
        self._rarity = rarity
        self.faults = faults
        self.calm = False

    def strikes(self, fault: Fault, *, one_in: int) -> bool:
        if fault not in self.faults or self.calm:
            return False
        return self._random.randrange(one_in * self._rarity.get(fault, 1)) == 0

    def perhaps(self, one_in: int = 2) -> bool:
        return self._random.randrange(one_in) == 0

    def some(self, items: Collection[T], at_most: int | None = None) -> list[T]:
        """`items` in any order: all of them, or `at_most` so many."""
        several = list(items)
        return self._random.sample(several, len(several) if at_most is None else min(at_most, len(several)))

    def number(self, below: int) -> int:
        return self._random.randrange(below)
