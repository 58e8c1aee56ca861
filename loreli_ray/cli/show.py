"""Showing a session as it works: the fleet and the issues, redrawn in place on a terminal, line by line elsewhere."""

from __future__ import annotations

from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from loreli_ray.cli.output import account_line, event_line

_SIDE = {"yin": "cyan", "yang": "magenta"}
_STATE = {"working": "green", "ready": "dim", "waiting-review": "yellow", "starting": "blue", "exited": "red"}
_STAGE = {"approved": "green", "landed": "bold green", "changes requested": "yellow", "in review": "cyan"}
_LINES = 8


def fleet_table(status: dict[str, Any]) -> Table:
    """Each agent with its role, side, state and what it does."""
    table = Table("agent", "role", "side", "state", "issue", "doing", box=None, pad_edge=False, expand=True)
    for agent in status["agents"]:
        side, state = agent["side"], agent["state"]
        work = "" if agent["issue"] is None else f"#{agent['issue']}"
        doing = agent["doing"] if state in ("working", "waiting-review") else agent["detail"]
        cells = (agent["name"], agent["role"], Text(side, _SIDE[side]), Text(state, _STATE.get(state, "")), work, doing)
        table.add_row(*cells)
    return table


def issue_table(status: dict[str, Any]) -> Table:
    """Each issue with its stage, landed ones last."""
    table = Table("issue", "title", "stage", "agent", "pull", "rounds", box=None, pad_edge=False, expand=True)
    for row in status["issues"]:
        pull = "" if row["pull"] is None else f"#{row['pull']}"
        stage = Text(row["stage"], _STAGE.get(row["stage"], ""))
        table.add_row(f"#{row['issue']}", row["title"], stage, row["agent"], pull, str(row["rounds"] or ""))
    for done in status["landed"]:
        stage = Text("landed", _STAGE["landed"])
        table.add_row(
            f"#{done['issue']}", done["title"], stage, done["author"]["name"], f"#{done['pull']}", str(done["rounds"])
        )
    return table


class Show:
    """A live picture of a session, on `console`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=8, transient=True) if console.is_terminal else None
        self._seen = 0

    def __enter__(self) -> Show:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, text: str) -> None:
        """One line about the session itself."""
        self._console.print(Text(f"· {text}", "dim"))

    def draw(self, status: dict[str, Any]) -> None:
        """Redraws the picture, or prints the events that are new."""
        if self._live is not None:
            lines = Text("\n".join(event_line(event) for event in status["events"][-_LINES:]), "dim", no_wrap=True)
            self._live.update(Group(fleet_table(status), Text(), issue_table(status), Text(), lines))
            return
        for event in status["events"]:
            if event["seq"] > self._seen:
                self._seen = event["seq"]
                self._console.print(Text(event_line(event)), soft_wrap=True)


def breaker_text(breaker: dict[str, Any]) -> str:
    """A backend's circuit breaker in words."""
    name, failures = breaker["backend"], breaker["failures"]
    match breaker["state"]:
        case "open":
            return f"{name}: failed {failures} times, not used for another {breaker['retry_in']:.0f} s"
        case "half-open":
            return f"{name}: failed {failures} times, tried again with one agent"
        case _:
            return f"{name}: works, {failures} failure{'' if failures == 1 else 's'} since the last success"


def remarks(report: dict[str, Any]) -> list[str]:
    """What else there is to say of a session, line by line."""
    tick, lines = report["tick"], list[str]()
    lines.append("no tick yet" if tick["age"] is None else f"last tick {tick['age']:.0f} s ago")
    if tick["stale"]:
        lines.append("the git host can't be asked now: all but the claims is as it was last told")
    lines += [f"waiting: {reason}" for reason in tick["waiting"]]
    lines += [account_line(account) for account in report["accounts"]]
    for node in report["nodes"]:
        programs = ", ".join(node["backends"]) or "no agent program"
        lines.append(f"node {node['host']}: {programs}; {node['free_slots']} slots free")
        lines += [f"node {node['host']}: {breaker_text(breaker)}" for breaker in node["breakers"]]
    return lines


def landed_table(landed: list[dict[str, Any]]) -> Table:
    """What was done, at the end."""
    columns = ("issue", "title", "author", "reviewer", "rounds", "commit", "seconds")
    table = Table(*columns, box=None, pad_edge=False)
    for done in sorted(landed, key=lambda done: done["issue"]):
        table.add_row(
            f"#{done['issue']}",
            done["title"],
            _who(done["author"]),
            _who(done["reviewer"]),
            str(done["rounds"]),
            done["commit"][:12],
            f"{done['seconds']:.1f}",
        )
    return table


def _who(who: dict[str, str]) -> Text:
    return Text(f"{who['name']} ({who['side']})", _SIDE[who["side"]])
