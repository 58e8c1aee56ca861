"""`loreli-ray events`: what happened in a session, as its ledger has it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from loreli_ray.cli.options import ConfigOption, FollowOption, SessionOption, recorded_folder
from loreli_ray.cli.output import dated, piped
from loreli_ray.clock import SystemClock
from loreli_ray.errors import UsageError


def events(
    agent: Annotated[str, typer.Option("--agent", help="Only of this agent.", metavar="NAME")] = "",
    issue: Annotated[int | None, typer.Option("--issue", min=1, help="Only about this issue.", metavar="N")] = None,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Only of this kind; may be given several times.", metavar="KIND")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only of the last while, such as 10m.", metavar="DURATION")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="Only the last so many.")] = 100,
    follow: FollowOption = False,
    session: SessionOption = None,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object per line.")] = False,
) -> None:
    """Show what happened, also after the session's end."""
    kinds = _known(kind or [])
    start = _ago(since) if since is not None else 0.0
    from loreli_ray.cli.history import History

    history = History(recorded_folder(session, config))
    batches = history.events(follow=follow, limit=limit, agent=agent, issue=issue or 0, kinds=kinds, since=start)
    with piped():
        for batch in batches:
            for event in batch:
                typer.echo(json.dumps(event) if as_json else dated(event))


def _known(kinds: Sequence[str]) -> tuple[str, ...]:
    if not kinds:
        return ()
    from loreli_ray.model import EventKind

    known = [kind.value for kind in EventKind]
    for kind in kinds:
        if kind not in known:
            raise UsageError(f"there is no such kind of event (known: {', '.join(known)})", subject=kind)
    return tuple(kinds)


def _ago(duration: str) -> float:
    """That long ago, in seconds since the epoch."""
    from loreli_ray.config import seconds

    return max(0.0, SystemClock().now() - seconds(duration))
