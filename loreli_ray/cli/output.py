"""What commands print for people, line by line: events, notes, and an end without a fuss when nobody reads on."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import typer


def plain(text: str) -> str:
    """The first line of `text` that says something, without what a terminal would obey or could not show."""
    from loreli_ray.terminal.clean import clean_output

    first = next((line for line in clean_output(text).splitlines() if line.strip()), "")
    return "".join(char if char.isprintable() else " " for char in first).strip()


def event_line(event: dict[str, Any]) -> str:
    """An event of the ledger in aligned columns: kind, issue, agent, text."""
    issue = f"#{event['issue']}" if event["issue"] else ""
    return f"{event['kind']:<11} {issue:<5} {plain(event['agent']):<14} {plain(event['text'])}".rstrip()


def dated(event: dict[str, Any]) -> str:
    """The same with the local time before it."""
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(event['at']))}  {event_line(event)}"


def note(text: str) -> None:
    """A remark about the command itself; it never gets among the output."""
    typer.echo(f"· {text}", err=True)


@contextmanager
def piped() -> Generator[None]:
    """Ends the command, with exit code 0, when the reader of its output (`head`, say) has seen enough."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # the interpreter flushes once more at its end
        raise typer.Exit(0) from None


def pause(seconds: float) -> None:
    """Waits. Raises `BrokenPipeError` as soon as nobody reads standard output any more."""
    reader = select.poll()
    reader.register(sys.stdout.fileno(), 0)
    if reader.poll(seconds * 1000):
        raise BrokenPipeError


def account_line(account: dict[str, Any]) -> str:
    """One of the team's accounts on the git host: what is left, what waits, what was used."""
    if account["remaining"] is None or account["limit"] is None:
        left = "no limit known"
    else:
        left = f"{account['remaining']:,} of {account['limit']:,} left"
    parts = [f"git host: {account['login'] or '?'} {left}"]
    if account["used_up"]:
        parts.append(f"used up for another {_span(account['resets_in'])} but for what was begun")
    elif account["resets_in"] is not None:
        parts.append(f"resets in {_span(account['resets_in'])}")
    if account["held_for"] is not None:
        parts.append(f"held for {_span(account['held_for'])}")
    parts.append(f"{account['queued']} writes waiting")
    parts.append(f"{account['paid']:,} paid and {account['free']:,} free requests")
    return ", ".join(parts)


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
