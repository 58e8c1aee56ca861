"""What comes out: the figures of one run, as one JSON object and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from benchmarks.hub.ground import ISSUES, PULLS, Count
from benchmarks.hub.hour import Hour

#: What GitHub gives a user in an hour, https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
LIMIT = 5000


@dataclass(frozen=True)
class Figures:
    hours: Sequence[Hour]

    def json(self) -> dict[str, Any]:
        """Requests. `paid` is by the host's own account, `told` by the hub's; a `ratio` is of what is paid."""
        return {"issues": ISSUES, "pulls": PULLS, "hours": [_hour(hour) for hour in self.hours]}

    def table(self) -> Table:
        table = Table(title=f"Requests for {ISSUES} issues and {PULLS} pull requests")
        table.add_column("", no_wrap=True)
        for name in ("wire", "paid", f"of {LIMIT:,}", "to the hub's", "git"):
            table.add_column(name, justify="right")
        for hour in self.hours:
            table.add_row(f"{hour.ticks} ticks of a minute, {hour.changes} changes", style="bold")
            table.add_row("  the hub's first look", *_cells(hour.first, hour.first))
            table.add_row("  the hub", *_cells(hour.hub, hour.hub))
            for workflows, count in hour.naive.items():
                name = f"  naive, {workflows} workflow{'s' if workflows > 1 else ''}"
                table.add_row(name, *_cells(count, hour.hub), end_section=workflows == max(hour.naive))
        return table

    def notes(self) -> list[str]:
        """What there is to say of the counts."""
        said: list[str] = []
        for hour in self.hours:
            same = "so says the hub" if hour.told == hour.hub.paid else f"but the hub counts {hour.told}"
            said.append(f"{hour.changes} changes: {hour.hub.paid} paid by the host's account, {same}")
        return said


def _hour(hour: Hour) -> dict[str, Any]:
    return {
        "ticks": hour.ticks,
        "changes": hour.changes,
        "first_look": _count(hour.first),
        "hub": {**_count(hour.hub), "told": hour.told},
        "naive": [
            {"workflows": workflows, **_count(count), "ratio": _ratio(count, hour.hub)}
            for workflows, count in hour.naive.items()
        ],
    }


def _count(count: Count) -> dict[str, int]:
    return {"wire": count.wire, "paid": count.paid, "git": count.git}


def _ratio(count: Count, ours: Count) -> float | None:
    """None to nothing."""
    return round(count.paid / ours.paid, 1) if ours.paid else None


def _cells(count: Count, ours: Count) -> tuple[str, ...]:
    ratio = _ratio(count, ours)
    beside = "" if count is ours else "" if ratio is None else f"{ratio:g} to 1"
    return f"{count.wire:,}", f"{count.paid:,}", f"{100 * count.paid / LIMIT:.1f} %", beside, f"{count.git:,}"
