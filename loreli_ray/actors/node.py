"""The Node actor: one on each node. It owns what the node's agents share and watches what they do.

That is: the tmux server of the session, the watch over its panes, the programs found here, the MCP gateway, the mirror
and the clones, and the janitor. It keeps nothing that matters: after a restart it finds the panes, capabilities and
clones where they were.
"""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from pathlib import Path

from loreli_ray.actors.agent import GRACE, Place
from loreli_ray.actors.calls import Peer
from loreli_ray.actors.edge import Edge
from loreli_ray.actors.observer import STATUS, Observer
from loreli_ray.actors.settings import SessionSettings
from loreli_ray.backends import discover
from loreli_ray.errors import LoreliError, PaneGone
from loreli_ray.files import write_private
from loreli_ray.model import AgentSpec, Assignment, Program
from loreli_ray.observe import logger
from loreli_ray.terminal import PaneInfo, PaneWatch, TerminalServer

_JANITOR_EVERY = 30


class NodeActor:
    """One per node and session, restarted for ever on its node."""

    async def __init__(self, settings: SessionSettings, node: str) -> None:  # pyright: ignore[reportGeneralTypeIssues]
        self._settings = settings
        self._node = node
        self._config = settings.config
        self._clock = settings.clock()
        self._folder = settings.node_folder(node)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._log = logger("nodes", folder=settings.logs, session=settings.id, node=node[:12])
        self._edge = Edge("node", log=self._log)
        self._server = TerminalServer(
            settings.socket(node), self._config.tmux.session, history=self._config.tmux.history, standing=True
        )
        self._supervisor = Peer(settings.id, "supervisor", deadline=self._config.timeouts.call)
        hub = Peer(settings.id, "hub", deadline=self._config.timeouts.start)
        # Here, because Ray imports an actor's module wherever the actor is called: agents need no MCP server.
        from loreli_ray.actors.checkouts import Checkouts
        from loreli_ray.actors.desk import NodeDesk
        from loreli_ray.mcp import Gateway

        self._checkouts = Checkouts(self._folder, hub=hub)
        self._desk = NodeDesk(settings, checkouts=self._checkouts, log=self._log)
        self._gateway = Gateway(self._desk, on_contact=self._desk.contact)
        self._watch = PaneWatch()
        self._observer = Observer(self._server, folder=self._folder / "agents", config=self._config, clock=self._clock)
        self._agents: set[str] = set()
        self._seen: dict[str, int] = {}
        self._looks = 0
        self._look_now = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._starting = loop.create_task(self._start())
        self._loop = loop.create_task(self._edge.forever("look", self._look_at_panes, self._clock))

    # ── for the scaler and the agents ──

    async def programs(self) -> tuple[Program, ...]:
        """The agent programs of this node."""
        await asyncio.shield(self._starting)
        return await asyncio.to_thread(discover, self._config)

    async def prepare(self, spec: AgentSpec) -> Place:
        """A folder, a clone and a capability for a new agent."""
        await asyncio.shield(self._starting)
        self._agents.add(spec.name)
        folder = self._agent_folder(spec.name)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / STATUS).unlink(missing_ok=True)
        self._gateway.admit(spec.name, token_file=folder / "token")
        workspace = await self._checkouts.prepare(spec)
        return Place(
            folder=folder,
            workspace=workspace,
            token_file=folder / "token",
            mcp_url=self._gateway.url,
            introduction=self._desk.introduction(spec),
        )

    async def look(self) -> None:
        """Look at the panes now."""
        self._look_now.set()

    # ── for the supervisor ──

    async def stage(self, spec: AgentSpec, assignment: Assignment) -> None:
        """Brings the agent's clone to where its assignment begins."""
        await self._checkouts.stage(spec, assignment)

    async def refresh(self) -> None:
        """Fetches what is new at the git host, so that the clones can."""
        await self._checkouts.sync()

    async def dismiss(self, name: str) -> None:
        """Takes an agent's capability away: it can ask for nothing any more."""
        self._gateway.dismiss(name)

    async def capture(self, name: str, lines: int) -> str:
        """What an agent's pane shows; nothing when it has none."""
        pane = await asyncio.to_thread(self._server.find, name)
        if pane is None:
            return ""
        with suppress(PaneGone):
            return await asyncio.to_thread(pane.capture, lines)
        return ""

    async def stop_program(self, name: str) -> None:
        """Ends an agent's program with all that it started, and its pane; with the last one, the tmux server (S7)."""
        self._watch.remove(name)
        pane = await asyncio.to_thread(self._server.find, name)
        if pane is not None:
            await asyncio.to_thread(pane.stop, GRACE)
            await asyncio.to_thread(pane.close)
        self._agents.discard(name)
        if not self._agents:
            await asyncio.to_thread(self._server.collect_orphans, set[str]())

    async def rescue(self, spec: AgentSpec, issue: int) -> str | None:
        """Pushes what the agent had not pushed to a branch of its own; the branch, None when there was nothing."""
        return await self._checkouts.rescue(spec, issue)

    async def leave(self, name: str, cleanup: bool) -> None:
        """The last of an agent on this node: its folder, and its clone when `cleanup`."""
        folder = self._agent_folder(name)
        (folder / "token").unlink(missing_ok=True)
        if cleanup:
            await self._checkouts.remove(name)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def attach_command(self, name: str) -> list[str]:
        """The command that shows an agent's pane in a terminal on this node."""
        return await asyncio.to_thread(self._server.attach_command, name)

    async def close(self) -> None:
        """Ends everything of the session on this node."""
        self._loop.cancel()
        self._watch.close()
        await asyncio.to_thread(self._server.kill)
        await self._gateway.stop()

    # ── inside ──

    async def _start(self) -> None:
        """The gateway, at the port that it had before, for the agents that still live."""
        port_file = self._folder / "gateway.port"
        port = int(port_file.read_text()) if port_file.exists() else 0
        await self._gateway.start(port=port)
        write_private(port_file, str(self._gateway.port))
        for token_file in (self._folder / "agents").glob("*/token"):
            self._gateway.admit(token_file.parent.name, token_file=token_file)
            self._agents.add(token_file.parent.name)

    async def _look_at_panes(self) -> float:
        """Tells the supervisor what all panes do, in one message. Returns the pause on top of its own wait."""
        self._look_now.clear()
        agents = frozenset(self._agents)
        panes, seen = await asyncio.to_thread(self._observer.look, owned=agents, calling=self._gateway.calling)
        for pane in panes:
            self._watch_pane(pane)
        self._supervisor.tell("observe", self._node, tuple(seen))  # one that is away is told again in a second
        self._looks += 1
        if self._looks % _JANITOR_EVERY == 0:
            with suppress(LoreliError):
                await self._clean_up()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._look_now.wait(), self._config.supervision.sweep)
        return 0.0

    async def _clean_up(self) -> None:
        """The janitor: panes that no agent owns are ended, whole process trees (SPEC S8)."""
        owned: set[str] = await self._supervisor.call("owned", self._node)
        killed = await asyncio.to_thread(self._server.collect_orphans, owned | self._agents)
        if killed:
            self._log.warning("panes that nobody owns were ended", count=killed)

    def _watch_pane(self, pane: PaneInfo) -> None:
        if pane.dead or pane.start_time == 0 or self._seen.get(pane.agent) == pane.pid:
            return
        self._seen[pane.agent] = pane.pid
        self._watch.add(pane.agent, pid=pane.pid, start_time=pane.start_time, callback=self._pane_died)

    def _pane_died(self, agent: str) -> None:
        self._log.info("a program ended", agent=agent)
        self._look_now.set()

    def _agent_folder(self, name: str) -> Path:
        return self._folder / "agents" / name
