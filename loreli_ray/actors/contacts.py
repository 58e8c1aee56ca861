"""How the supervisor keeps in touch with its agents' actors: links, probes and messages.

A link is a pending call that fails the moment the actor dies. A probe asks for a sign of life and renews the agent's
lease; one question is outstanding at most, and no answer is not a death. A message that is due is delivered once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

from loreli_ray.actors.calls import Peer
from loreli_ray.actors.edge import Edge
from loreli_ray.actors.registry import Registry
from loreli_ray.actors.settings import SessionSettings
from loreli_ray.actors.spawn import create_agent
from loreli_ray.errors import DeadlineExceeded, LoreliError, PaneGone, SessionError
from loreli_ray.model import AgentSpec, Event, EventKind, Record
from loreli_ray.observe import Log
from loreli_ray.roles import prompts


class Contacts:
    """Every method returns at once; what it begins goes on by itself.

    `look` has the supervisor sweep now, `report` puts an event into the ledger.
    """

    def __init__(
        self,
        settings: SessionSettings,
        *,
        registry: Registry,
        edge: Edge,
        log: Log,
        look: Callable[[], None],
        report: Callable[[Event], None],
    ) -> None:
        self._settings = settings
        self._config = settings.config
        self._clock = settings.clock()
        self._registry = registry
        self._edge = edge
        self._log = log
        self._look = look
        self._report = report
        self._busy: set[tuple[str, str]] = set()
        self._next_probe: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def peer(self, name: str) -> Peer:
        """An agent's actor."""
        return Peer(self._settings.id, "agent", name, deadline=self._config.timeouts.call)

    def link(self, spec: AgentSpec) -> None:
        """Notices at once when the agent's actor dies, and has it started again on its node."""
        self._begin("link", spec.name, self._hold(spec))

    def probe(self, record: Record) -> None:
        """Asks for a sign of life when it is time to, and renews the agent's lease."""
        now, every = self._clock.now(), self._config.supervision.probe
        if now >= self._next_probe.get(record.name, 0.0):
            self._next_probe[record.name] = now + every * random.uniform(0.9, 1.1)
            self._begin("probe", record.name, self._ask(record.name))

    def tell(self, record: Record) -> None:
        """Delivers what the agent should have been told by now, if it was not."""
        message = prompts.due(record)
        if message is not None and message[0] != record.facts.told:
            self._begin("tell", record.name, self._deliver(record.name, *message))

    def replace(self, name: str) -> None:
        """Ends an actor that is hung; its link notices, and a new one takes over the pane."""
        self._registry.saw(name, unanswered_at=None)
        self.peer(name).kill()

    def send(self, name: str, text: str) -> None:
        """Types a message into the agent's program, once."""
        self._begin("send", name, self._type(name, text))

    async def _hold(self, spec: AgentSpec) -> None:
        while True:
            try:
                await self.peer(spec.name).call("run", deadline=float("inf"))
                return  # it ended by itself: its program is stopped
            except SessionError as error:
                record = self._registry.find(spec.name)
                if record is None or record.spec != spec or record.facts.exit is not None or record.leaving is not None:
                    return
                why = str(error)
            if not await self._readopt(spec, why):
                return

    async def _readopt(self, spec: AgentSpec, why: str) -> bool:
        """A new actor for an agent whose pane lives on. Without a pane the node says what became of the program."""
        try:
            create_agent(spec, self._settings)
            await self.peer(spec.name).call("adopt", deadline=self._config.timeouts.start)
        except PaneGone as error:
            self._log.warning("nothing to adopt", agent=spec.name, error=str(error))
            return False
        except LoreliError as error:
            self._log.warning("can't be adopted", agent=spec.name, error=str(error))
            if self._registry.find(spec.name) is not None:
                self._registry.note(spec.name, lost_at=self._clock.now())
                self._look()
            return False
        self._registry.saw(spec.name, unanswered_at=None)
        with self._edge.guard("telling of an adoption", agent=spec.name):  # the link goes on whether it is told or not
            self._report(Event(kind=EventKind.ADOPTED, at=self._clock.now(), agent=spec.name, text=why))
        return True

    async def _ask(self, name: str) -> None:
        supervision = self._config.supervision
        try:
            await self.peer(name).call("probe", supervision.lease, deadline=supervision.probe)
        except DeadlineExceeded as error:
            self._log.warning("no answer to a probe", agent=name, error=str(error))
            record = self._registry.find(name)
            if record is not None and record.facts.unanswered_at is None:
                self._registry.saw(name, unanswered_at=self._clock.now())
        except LoreliError as error:
            self._log.info("no probe", agent=name, error=str(error))  # the link says so with more authority
        else:
            if self._registry.find(name) is not None:
                self._registry.saw(name, unanswered_at=None)

    async def _deliver(self, name: str, key: str, text: str) -> None:
        await self._type(name, text)
        record = self._registry.find(name)
        message = prompts.due(record) if record is not None else None
        if message is not None and message[0] == key:  # else it was taken back meanwhile, and may come again
            self._registry.note(name, told=key)

    async def _type(self, name: str, text: str) -> None:
        await self.peer(name).call("send", text, deadline=self._config.timeouts.start)

    def _begin(self, kind: str, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Starts `work`, unless the same kind of it is under way for this agent."""
        key = (kind, name)
        if key in self._busy:
            work.close()
            return
        self._busy.add(key)
        task = asyncio.get_running_loop().create_task(self._guarded(kind, name, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: self._busy.discard(key))

    async def _guarded(self, kind: str, name: str, work: Coroutine[Any, Any, None]) -> None:
        with self._edge.guard(kind, agent=name):
            await work
