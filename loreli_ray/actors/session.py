"""A session from outside: started, found again, stopped. What the command line and the demo call.

A session's folder outlives it: `start` for the same repository goes on with the same session, its ledger and whatever
of it still lives (SPEC L15).
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import secrets
import shutil
import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import ray
import ray.util

from loreli_ray.actors.calls import NAMESPACE, Gone, actor_name, wait
from loreli_ray.actors.hub import HubActor
from loreli_ray.actors.ray_head import RayHead, start_ray_head
from loreli_ray.actors.reactor import Reactor
from loreli_ray.actors.scaler import Scaler
from loreli_ray.actors.settings import SessionSettings, remove_runtime, runtime_root
from loreli_ray.actors.spawn import create_control
from loreli_ray.actors.supervisor import Supervisor
from loreli_ray.clock import SystemClock
from loreli_ray.config import Config
from loreli_ray.errors import LoreliError, SessionError
from loreli_ray.files import write_private
from loreli_ray.hub import Hub
from loreli_ray.ledger import Ledger
from loreli_ray.model import Credentials, Fleet, Team
from loreli_ray.terminal import TerminalServer

Say = Callable[[str], None]
_CONTROL: dict[str, type] = {"hub": HubActor, "supervisor": Supervisor, "scaler": Scaler, "reactor": Reactor}
_POLL = 0.1


class Session:
    """A session whose Ray this process has joined. Leave it with `leave`; the session goes on."""

    def __init__(self, settings: SessionSettings, head: RayHead | None) -> None:
        self.settings = settings
        self._head = head

    @classmethod
    def start(
        cls, config: Config, *, repo: str, credentials: Credentials, address: str | None = None, say: Say
    ) -> Session:
        """Starts a session for `repo`, or goes on with the one that it had.

        `address` names a Ray cluster; without one a head of our own is started, or the one that already runs is used.
        Raises `HubError` when the git host does not let us in, `LedgerError` when the
        session's record can't be used, `SessionError` when Ray or an actor does not start.
        """
        if address is None and shutil.which("tmux") is None:
            raise SessionError("tmux is not installed: `loreli-ray doctor` names the command that installs it")
        say(f"asking {config.hub.api_url} for {repo}")
        settings = _settings(config, repo)
        asyncio.run(_check_hub(settings, credentials))
        if settings.ledger.exists():
            Ledger(settings.ledger).close()  # what is wrong with it is said now, not in an actor that can't start
        session = cls(settings, join(config, address=address, say=say))
        if session.runs:
            say("it runs already; a changed configuration counts after `loreli-ray down`")
            return session
        try:
            write_private(settings.credentials, credentials.model_dump_json())
            write_private(settings.folder / "session.json", settings.model_dump_json())
            session._start_actors(say)
        except BaseException:  # an interrupt too must not leave half a session
            session._end(say)
            raise
        return session

    @property
    def runs(self) -> bool:
        """Whether all of its control actors are there."""
        return {actor_name(self.settings.id, kind) for kind in _CONTROL} <= set(self._actors())

    @classmethod
    def join(cls, settings: SessionSettings, *, address: str | None = None, say: Say) -> Session:
        """Joins a running session's Ray. Raises `SessionError` when it does not run."""
        if address is None and not head_runs(settings.config):
            raise SessionError("its Ray does not run", subject=settings.id)
        return cls(settings, join(settings.config, address=address, say=say))

    def stop(self, *, grace: float, say: Say) -> None:
        """Ends the session: agents are asked, then removed; then its actors, its sockets, and Ray if it is ours.

        `grace` is the seconds that agents have to finish. What can't be ended is reported by a `SessionError`, after
        everything else was.
        """
        self._pause()
        left = self._drain(grace, say=say)
        self._end(say)
        if left:
            raise SessionError(
                f"these agents could not be removed in order: {', '.join(left)}", subject=self.settings.id
            )

    def leave(self) -> None:
        """Leaves Ray; the session goes on."""
        ray.shutdown()

    def call(self, kind: str, method: str, *arguments: Any, deadline: float | None = None, name: str = "") -> Any:
        """The answer of one of the session's actors."""
        actor = actor_name(self.settings.id, kind, name)
        try:
            handle = ray.get_actor(actor, namespace=NAMESPACE)
        except ValueError as error:
            raise Gone("there is no such actor", subject=actor) from error
        allowed = self.settings.config.timeouts.call if deadline is None else deadline
        return wait(getattr(handle, method).remote(*arguments), deadline=allowed, subject=actor)

    # ── inside ──

    def _start_actors(self, say: Say) -> None:
        start = self.settings.config.timeouts.start
        self.settings.endpoint.unlink(missing_ok=True)
        say("starting the actors")
        handles = {kind: create_control(kind, actor, self.settings) for kind, actor in _CONTROL.items()}
        wait(handles["hub"].ready.remote(), deadline=start, subject="hub")
        wait(handles["supervisor"].status.remote(), deadline=start, subject="supervisor")
        self._until(self.settings.endpoint.exists, seconds=start, what="the HTTP API does not start")

    def _end(self, say: Say) -> None:
        """Ends what there is of the session in this Ray, and Ray when it is ours and nobody else uses it."""
        say("stopping the actors")
        self._close_nodes()
        for name in self._actors():
            ray.kill(ray.get_actor(name, namespace=NAMESPACE))
        others = [name for name in _all_actors() if not name.startswith(f"{self.settings.id}/")]
        self.leave()
        if self._head is not None and not others:
            say("stopping Ray")
            stop_head(self.settings.config)
        _forget(self.settings)

    def _pause(self) -> None:
        try:
            self.call("reactor", "pause")
        except LoreliError:
            return  # a reactor that is gone begins no tick

    def _drain(self, grace: float, *, say: Say) -> list[str]:
        """Asks the agents to go, then makes them. The names of those that are left."""
        try:
            self.call("supervisor", "drain")
            if not self._wait_until_empty(grace, say=say):
                for member in self._fleet().members:
                    self.call("supervisor", "kill", member.name, "the session is being stopped")
                self._wait_until_empty(self.settings.config.timeouts.start, say=say)
            return [member.name for member in self._fleet().members]
        except LoreliError as error:
            say(f"the supervisor can't be asked ({error}); ending everything directly")
            return []

    def _wait_until_empty(self, seconds: float, *, say: Say) -> bool:
        deadline, told = time.monotonic() + seconds, -1
        while (left := len(self._fleet().members)) > 0:
            if left != told:
                say(f"waiting for {left} agent{'s' if left > 1 else ''}")
                told = left
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL)
        return True

    def _fleet(self) -> Fleet:
        return cast("Team", self.call("supervisor", "team")).fleet

    def _close_nodes(self) -> None:
        prefix = actor_name(self.settings.id, "node") + "/"
        for name in self._actors():
            if name.startswith(prefix):
                try:
                    self.call("node", "close", name=name.removeprefix(prefix), deadline=30)
                except LoreliError as error:
                    logging.getLogger(__name__).warning("%s was not closed: %s", name, error)

    def _actors(self) -> list[str]:
        return [name for name in _all_actors() if name.startswith(f"{self.settings.id}/")]

    @staticmethod
    def _until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise SessionError(what)
            time.sleep(_POLL)


def clear(settings: SessionSettings) -> None:
    """Ends what outlived a session whose Ray is gone: its panes on this machine, with all they started."""
    stop_head(settings.config)
    _forget(settings)


def head_runs(config: Config) -> bool:
    """Whether the Ray that we started for this home is there."""
    head = _read_head(config.home)
    return head is not None and head.running


def join(config: Config, *, address: str | None, say: Say) -> RayHead | None:
    """Joins a Ray cluster: the one at `address`, else our own head on this machine, started when it does not run."""
    head = _read_head(config.home) if address is None else None
    begun: RayHead | None = None
    try:
        if address is None and (head is None or not head.running):
            if head is not None:
                say("clearing up after a Ray that has ended")
                head.stop()
            say("starting Ray on this machine")
            folder = runtime_root() / f"ray-{secrets.token_hex(3)}"
            head = begun = start_ray_head(folder, slots=max(32, 2 * config.scaling.max_agents))
            write_private(config.home / "ray.json", begun.model_dump_json())
        if head is not None:
            use_token(head.token_file)
        _quiet()
        with _own_signals():
            where = address or (head.address if head is not None else None)
            ray.init(address=where, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
    except BaseException as error:  # an interrupt too must not leave a Ray that nobody asked for
        if begun is not None:
            begun.stop()
            (config.home / "ray.json").unlink(missing_ok=True)
        if isinstance(error, ConnectionError | RuntimeError):
            raise SessionError(f"can't be joined: {error}", subject=f"ray at {address or 'home'}") from error
        raise
    return head


def stop_head(config: Config) -> None:
    """Ends the Ray that we started for this home; nothing happens when there is none."""
    head = _read_head(config.home)
    if head is not None:
        head.stop()
        (config.home / "ray.json").unlink(missing_ok=True)


def sessions(home: Path) -> list[SessionSettings]:
    """Every session that this home knows, running or not."""
    found: list[SessionSettings] = []
    for path in sorted(home.glob("sessions/*/session.json")):
        found.append(SessionSettings.model_validate_json(path.read_text()))
    return found


def _settings(config: Config, repo: str) -> SessionSettings:
    """The session that this repository had here, with today's configuration; else a new one."""
    known = [s for s in sessions(config.home) if s.repo == repo and s.config.hub.api_url == config.hub.api_url]
    if known:
        identifier = known[0].id
    else:
        name = re.sub(r"[^a-z0-9]+", "-", repo.split("/")[-1].lower()).strip("-")[:20] or "session"
        identifier = f"{name}-{secrets.token_hex(3)}"
    return SessionSettings(
        id=identifier,
        repo=repo,
        config=config,
        folder=config.home / "sessions" / identifier,
        runtime=runtime_root() / identifier,
    )


async def _check_hub(settings: SessionSettings, credentials: Credentials) -> None:
    """Fails now, with the git host's own words, rather than later in an actor."""
    hub = Hub(
        settings.repo,
        config=settings.config.hub,
        credentials=credentials,
        session=settings.id,
        home=settings.folder,
        clock=SystemClock(),
    )
    try:
        await hub.open()
    finally:
        await hub.close()


def _forget(settings: SessionSettings) -> None:
    """Ends the session's terminals on this machine and removes what only a running session needs."""
    for socket in settings.runtime.glob("*/tmux"):
        TerminalServer(socket, settings.config.tmux.session).kill()
    settings.endpoint.unlink(missing_ok=True)
    settings.credentials.unlink(missing_ok=True)
    remove_runtime(settings.runtime)


def _read_head(home: Path) -> RayHead | None:
    path = home / "ray.json"
    return RayHead.model_validate(json.loads(path.read_text())) if path.exists() else None


def _all_actors() -> list[str]:
    listed = cast("list[dict[str, str]]", ray.util.list_named_actors(all_namespaces=True))
    return [actor["name"] for actor in listed if actor["namespace"] == NAMESPACE]


def use_token(path: Path) -> None:
    """Has Ray, which remembers a token, read the one of our own head."""
    from ray._raylet import AuthenticationTokenLoader  # pyright: ignore[reportAttributeAccessIssue]

    os.environ["RAY_AUTH_TOKEN_PATH"] = str(path)
    AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def _own_signals() -> Generator[None]:
    """Ray takes SIGTERM for itself and exits with 15; whoever calls us has said what it means."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


def _quiet() -> None:
    """Ray prints messages of its raylet on standard output, which is ours (facts of Ray 2.60, section 6)."""
    from ray._private import worker

    worker.print_to_stdstream = lambda *_args, **_kwargs: None  # pyright: ignore[reportPrivateImportUsage]
