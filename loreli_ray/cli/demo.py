"""`loreli-ray demo`: the main job, shown. A team of scripted agents lands the issues of a sample repository.

At the end the repository itself is asked whether all of it happened; what did not is said, and is the exit code.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loreli_ray.cli.options import JsonOption
from loreli_ray.errors import LoreliError

if TYPE_CHECKING:
    from loreli_ray.cli.show import Show
    from loreli_ray.demo.stage import DemoStage

_DEADLINE = 240.0
_POLL = 0.2


def demo(
    agents: Annotated[int, typer.Option(min=2, max=32, help="The most agents at a time.")] = 5,
    pace: Annotated[float, typer.Option(min=0, max=60, help="Seconds between two steps of an agent.")] = 0.4,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the repository and the forge's data.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Watch a team land three issues of a sample repository: no key, no network, nothing left behind."""
    raise typer.Exit(_run(agents=agents, pace=pace, keep=keep, as_json=as_json))


def _run(*, agents: int, pace: float, keep: bool, as_json: bool) -> int:
    """Runs the demo; its exit code. With `as_json` the last line on standard output is the result."""
    from rich.console import Console

    from loreli_ray.cli.show import Show, landed_table
    from loreli_ray.demo.stage import DemoStage

    console = Console(stderr=as_json)
    began = time.monotonic()
    stage = DemoStage()
    with ExitStack() as stack:
        stack.callback(stage.close, keep=keep)
        show = stack.enter_context(Show(console))
        show.say(f"the forge runs at {stage.server.url}")
        problems: list[str] = []
        landed: list[dict[str, Any]] = []
        try:
            landed = _land(stage, agents=agents, pace=pace, show=show, problems=problems)
        except LoreliError as error:
            problems.append(str(error))
        problems += _unfinished(stage, landed)
    seconds = round(time.monotonic() - began, 1)
    console.print(landed_table(landed))
    console.print(f"{len(landed)} of {len(stage.issues)} issues landed in {seconds} s")
    if keep:
        console.print(f"the repository and the forge's data are kept in {stage.folder}", soft_wrap=True)
    for problem in problems:
        console.print(f"[red]this did not happen:[/] {problem}", soft_wrap=True)
    if as_json:
        print(json.dumps({"landed": landed, "seconds": seconds}), flush=True)
    return 1 if problems else 0


def _land(stage: DemoStage, *, agents: int, pace: float, show: Show, problems: list[str]) -> list[dict[str, Any]]:
    """One session from start to stop; what it landed."""
    from loreli_ray.actors.client import SessionClient
    from loreli_ray.actors.session import Session
    from loreli_ray.demo.stage import REPO

    config = stage.config(agents=agents, pace=pace)
    session = Session.start(config, repo=REPO, credentials=stage.credentials, say=show.say)
    status: dict[str, Any] = {"landed": []}
    try:
        client = SessionClient.of(session.settings.folder)
        deadline = time.monotonic() + _DEADLINE
        while not _finished(status, issues=len(stage.issues)):
            if time.monotonic() > deadline:
                left = [f"{agent['name']} is {agent['state']}" for agent in status["agents"]]
                problems.append(f"it was not done after {_DEADLINE:.0f} s ({'; '.join(left) or 'no agent is left'})")
                break
            time.sleep(_POLL)
            status = client.status()
            show.draw(status)
    finally:
        session.stop(grace=config.timeouts.shutdown, say=show.say)
    return status["landed"]


def _finished(status: dict[str, Any], *, issues: int) -> bool:
    return len(status["landed"]) >= issues and not status["issues"] and not status["agents"]


def _unfinished(stage: DemoStage, landed: list[dict[str, Any]]) -> list[str]:
    """What should be so at the end and is not, as the repository itself tells it."""
    from loreli_ray.git import git

    workspaces = stage.folder.glob("home/sessions/*/nodes/*/agents/*")
    refs = git("for-each-ref", "--format=%(refname)", cwd=stage.repository).splitlines()
    history = git("log", "--format=%H", "main", cwd=stage.repository).splitlines()
    checks: dict[str, Callable[[], bool]] = {
        "every issue is landed once": lambda: sorted(done["issue"] for done in landed) == sorted(stage.issues),
        "every merge commit is on the main branch": lambda: all(done["commit"] in history for done in landed),
        "the other side reviewed": lambda: all(done["author"]["side"] != done["reviewer"]["side"] for done in landed),
        "at least one first attempt was sent back": lambda: any(done["rounds"] > 1 for done in landed),
        "the claims are released": lambda: not any(ref.startswith("refs/loreli/claims/") for ref in refs),
        "the workspaces are removed": lambda: not any(workspaces),
        "the branches are removed": lambda: (
            [ref for ref in refs if ref.startswith("refs/heads/")] == ["refs/heads/main"]
        ),
    }
    return [what for what, holds in checks.items() if not holds()]
