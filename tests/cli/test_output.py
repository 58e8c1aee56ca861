"""What the status says of the accounts on the git host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loreli_ray.actors.report import Board, status_report
from loreli_ray.actors.settings import SessionSettings
from loreli_ray.cli.output import account_line
from loreli_ray.cli.show import remarks
from loreli_ray.config import Config
from loreli_ray.model import Budget

NOW = 1_700_000_000.0


def reported(board: Board) -> dict[str, Any]:
    settings = SessionSettings(id="s", repo="a/b", config=Config(), folder=Path("/f"), runtime=Path("/r"))
    return status_report(
        settings=settings, records=(), nodes=(), board=board, breakers={}, landed=(), recent=(), now=NOW
    )


def accounts(*budgets: Budget) -> list[dict[str, Any]]:
    return reported(Board(at=NOW, budgets=budgets))["accounts"]


@pytest.mark.parametrize(
    ("budget", "line"),
    [
        (
            # The reset is told by the host's clock, which is 60 s ahead.
            Budget(login="team", limit=5000, remaining=4812, reset=NOW + 1500, offset=60.0, paid=12, free=1240),
            "git host: team 4,812 of 5,000 left, resets in 24 min, 0 writes waiting, 12 paid and 1,240 free requests",
        ),
        (
            Budget(login="team", limit=60, remaining=0, reset=NOW - 5, queued=3, held_until=NOW + 61),
            "git host: team 0 of 60 left, resets in 0 s, held for 61 s, 3 writes waiting, 0 paid and 0 free requests",
        ),
        (
            Budget(login="team", limit=5000, remaining=500, reset=NOW + 1500),
            "git host: team 500 of 5,000 left, used up for another 25 min but for what was begun, "
            "0 writes waiting, 0 paid and 0 free requests",
        ),
        (Budget(), "git host: ? no limit known, 0 writes waiting, 0 paid and 0 free requests"),
    ],
)
def test_an_account_on_a_line(budget: Budget, line: str) -> None:
    assert [account_line(account) for account in accounts(budget)] == [line]


@pytest.mark.parametrize(
    ("board", "lines"),
    [
        (Board(), ["no tick yet"]),
        (Board(at=NOW - 7), ["last tick 7 s ago"]),
        (
            Board(at=NOW - 7, stale=True, refusals=("no free slot",)),
            [
                "last tick 7 s ago",
                "the git host can't be asked now: all but the claims is as it was last told",
                "waiting: no free slot",
            ],
        ),
    ],
)
def test_what_else_there_is_to_say(board: Board, lines: list[str]) -> None:
    assert remarks(reported(board)) == lines
