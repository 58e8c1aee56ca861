"""The Agent actor: owns one pane on its node (DESIGN section 4).

It never restarts itself. When its process is killed the pane lives on, and the supervisor's new actor finds it by the
pane's own options. It fences itself: without a renewed lease it stops its program, so that a partition never leaves
two at work on one issue.
"""

from __future__ import annotations

import asyncio
import ctypes
import re
from pathlib import Path

import ray
from ray.actor import exit_actor

from loreli_ray.actors.calls import Peer
from loreli_ray.actors.edge import Edge
from loreli_ray.actors.observer import STATUS
from loreli_ray.actors.settings import SessionSettings
from loreli_ray.backends import LaunchContext, backend
from loreli_ray.errors import BackendError, PaneGone
from loreli_ray.model import AgentSpec, Value
from loreli_ray.observe import logger
from loreli_ray.terminal import Pane, TerminalServer

GRACE = 5.0
_FIRST = "Call the tool `assignment`. If there is none yet, wait for a message that begins with [loreli]."


class Place(Value):
    """What a node prepared for an agent."""

    folder: Path
    workspace: Path
    token_file: Path
    mcp_url: str
    introduction: str


class Agent:
    """One agent: an identity in one incarnation, its program in its pane."""

    async def __init__(self, spec: AgentSpec, settings: SessionSettings) -> None:  # pyright: ignore[reportGeneralTypeIssues]
        self._spec = spec
        self._config = settings.config
        self._clock = settings.clock()
        self._node = Peer(settings.id, "node", spec.node[:12], deadline=settings.config.timeouts.start)
        self._log = logger("agents", folder=settings.logs, session=settings.id, agent=spec.name)
        self._edge = Edge("agent", log=self._log)
        self._server = TerminalServer(
            settings.socket(spec.node), settings.config.tmux.session, history=settings.config.tmux.history
        )
        self._pane: Pane | None = None
        self._ready = False
        self._ended = asyncio.Event()
        self._lease_ends = self._clock.monotonic() + settings.config.timeouts.start + settings.config.supervision.lease
        self._fence = asyncio.get_running_loop().create_task(
            self._edge.forever("fence", self._guard_lease, self._clock)
        )

    async def start(self) -> None:
        """Starts the program in a pane of its own; one that an earlier try has started is taken.

        Raises `BackendError`, `TerminalError` or `WorkspaceError`; nothing of a failed start is left running.
        """
        if await self._find_pane():
            return
        place = Place.model_validate(await self._node.call("prepare", self._spec))
        self._pane = await self._launch(place)
        self._log.info("launched", pane=self._pane.pane_id, pid=self._pane.pid)
        self._node.tell("look")

    async def adopt(self) -> None:
        """Takes over the pane that an earlier actor of this agent left. Raises `PaneGone` when there is none."""
        if not await self._find_pane():
            raise PaneGone("has no pane of this incarnation", subject=self._spec.name)

    async def send(self, text: str) -> None:
        """Types a message into the program. Raises `PaneGone` when there is no pane."""
        pane = self._own_pane()
        await self._await_ready(pane)
        await asyncio.to_thread(pane.send, text)

    @ray.method(concurrency_group="health")
    async def probe(self, lease: float) -> bool:
        """A sign of life, from memory and in a thread of its own; renews the lease for `lease` seconds."""
        self._lease_ends = self._clock.monotonic() + lease
        return self._pane is not None

    async def stop(self) -> None:
        """Ends the program and all that it started. The pane keeps what it showed."""
        if self._pane is not None:
            await asyncio.to_thread(self._pane.stop, GRACE)
        self._ended.set()

    async def run(self) -> str:
        """The link: ends when the agent was stopped, fails the moment its actor dies."""
        _give_back_memory()
        await self._ended.wait()
        return self._spec.name

    async def _find_pane(self) -> bool:
        found = await asyncio.to_thread(self._server.find, self._spec.name)
        if found is None or found.incarnation != self._spec.incarnation:
            return False
        self._pane, self._ready = found, True
        self._log.info("adopted", pane=found.pane_id)
        return True

    async def _launch(self, place: Place) -> Pane:
        launch = backend(self._spec.backend, config=self._config).launch(
            LaunchContext.model_validate(
                {
                    **place.model_dump(),
                    "spec": self._spec,
                    "model": self._config.model,
                    "first": _FIRST,
                }
            )
        )
        return await asyncio.to_thread(
            self._server.launch,
            agent=self._spec.name,
            incarnation=self._spec.incarnation,
            argv=launch.argv,
            cwd=place.workspace,
            environment=launch.environment,
            status_file=place.folder / STATUS,
            grace=GRACE,
        )

    async def _await_ready(self, pane: Pane) -> None:
        """Waits until the program shows what its configuration calls ready; at once where it names nothing."""
        pattern = self._config.backends[self._spec.backend].ready
        deadline = self._clock.monotonic() + self._config.timeouts.start
        while pattern is not None and not self._ready:
            if re.search(pattern, await asyncio.to_thread(pane.capture)):
                break
            if self._clock.monotonic() > deadline:
                raise BackendError(f"its screen never showed {pattern!r}", subject=self._spec.name)
            await self._clock.sleep(0.1)
        self._ready = True

    async def _guard_lease(self) -> float:
        left = self._lease_ends - self._clock.monotonic()
        if left > 0:
            return min(left, self._config.supervision.lease)  # no renewal moves its end before that
        self._log.warning("the supervisor has not been heard for too long: ending the program")
        await self.stop()
        exit_actor()
        return 0.0

    def _own_pane(self) -> Pane:
        if self._pane is None:
            raise PaneGone("has no pane", subject=self._spec.name)
        return self._pane


def _give_back_memory() -> None:
    """Returns what starting has used and freed to the system (malloc_trim(3)): from now on this process mostly waits.

    A C library without that call keeps it.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
