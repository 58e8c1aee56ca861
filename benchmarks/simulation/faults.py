"""What may go wrong in the simulated world, and the dice that decide when."""

from __future__ import annotations

from enum import StrEnum
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Fault(StrEnum):
    DEATH = "a program ends"
    LOST = "an agent's actor is gone while its program still works"
    HANG = "a program says nothing any more"
    LAUNCH = "a program never speaks, or ends at once"
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
    """Nothing goes wrong but `faults`, and nothing at all once `calm` is set."""

    def __init__(self, seed: int, faults: frozenset[Fault]) -> None:
        self._random = Random(seed)
        self.faults = faults
        self.calm = False

    def strikes(self, fault: Fault, *, one_in: int) -> bool:
        return fault in self.faults and not self.calm and self._random.randrange(one_in) == 0

    def perhaps(self, one_in: int = 2) -> bool:
        return self._random.randrange(one_in) == 0

    def shuffled(self, items: list[T]) -> list[T]:
        return self._random.sample(items, len(items))

    def number(self, below: int) -> int:
        return self._random.randrange(below)
