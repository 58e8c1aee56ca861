"""The Supervisor actor: the registry of the fleet and the ledger; it judges all agents and removes those that must go.

Level-triggered: each sweep looks at every record and acts on what it is. Links and observations only make it look
sooner. Sweeps never overlap, and nothing in one waits for a single agent (SPEC B5). After a restart the records come
from the ledger, and the agents that still live are linked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from loreli_ray.actors.calls import Peer
from loreli_ray.actors.contacts import Contacts
from loreli_ray.actors.edge import Edge
from loreli_ray.actors.landings import Landings
from loreli_ray.actors.registry import Registry
from loreli_ray.actors.removal import SCREEN_LINES, WayOut
from loreli_ray.actors.report import Board, health_report, status_report
from loreli_ray.actors.settings import SessionSettings
from loreli_ray.actors.sightings import Sightings
from loreli_ray.errors import HubError, LoreliError, RemoteUnavailable, SessionError
from loreli_ray.identity import Sides
from loreli_ray.ledger import Ledger, read_death_log
from loreli_ray.model import (
    Action,
    AgentSpec,
    Assignment,
    Breakers,
    Cause,
    Event,
    EventKind,
    EventQuery,
    Feedback,
    Landed,
    NodeView,
    Observation,
    Placement,
    Record,
    Sign,
    Team,
    Verdict,
)
from loreli_ray.observe import logger
from loreli_ray.policy import derive, judge
from loreli_ray.policy.providers import single_sided
from loreli_ray.roles import prompts

_BACKEND_FAILED = frozenset({Cause.RAPID_DEATH, Cause.LAUNCH_FAILED, Cause.STUCK_ALIVE})


class Supervisor:
    """One per session, restarted for ever."""

    async def __init__(self, settings: SessionSettings) -> None:  # pyright: ignore[reportGeneralTypeIssues]
        # Here, because Ray imports an actor's module wherever the actor is called: nobody else serves or counts.
        from loreli_ray.actors.api import Api
        from loreli_ray.observe.metrics import Metrics

        self._settings = settings
        self._config = settings.config
        self._clock = settings.clock()
        self._log = logger("supervisor", folder=settings.logs, session=settings.id)
        self._metrics = Metrics()
        self._edge = Edge("supervisor", log=self._log, metrics=self._metrics)
        self._ledger = Ledger(settings.ledger)
        self._landings = Landings(self._ledger, self._clock)
        self._registry = Registry(session=settings.id, config=self._config, ledger=self._ledger, clock=self._clock)
        self._hub = self._peer("hub")
        self._reactor = self._peer("reactor")
        self._nodes: tuple[NodeView, ...] = ()
        self._board = Board()
        self._tasks: set[asyncio.Task[None]] = set()
        self._looks = asyncio.Event()
        self._staging: set[str] = set()  # whose workspace is being made ready: they are told when it is
        self._draining = False
        self._sightings = Sightings(
            self._registry, config=self._config, clock=self._clock, report=self._report, look=self._looks.set
        )
        self._contacts = Contacts(
            settings,
            registry=self._registry,
            edge=self._edge,
            log=self._log,
            look=self._looks.set,
            report=self._report,
        )
        for record in self._registry.all():
            if record.leaving is None:
                self._contacts.link(record.spec)
            else:
                self._spawn(self._way_out(record, record.leaving))
        self._spawn(self._edge.forever("sweep", self._sweep, self._clock))
        self._api = Api(self, settings=settings)
        self._spawn(self._serve())

    # ── the fleet ──

    async def team(self) -> Team:
        """What the roles need to know of the team."""
        since = self._clock.now() - self._config.supervision.restart_window
        deaths = self._ledger.deaths(since=since)
        return Team(fleet=self._registry.fleet(), single=await self.single(), deaths=deaths)

    async def single(self) -> bool:
        """Whether programs of one side only are found."""
        programs = [program for node in self._nodes for program in node.programs]
        return bool(programs) and single_sided(programs, Sides(self._config.sides))

    async def admit(self, placement: Placement) -> AgentSpec:
        """Puts a new agent on record, before anything is started for it."""
        if self._draining:
            raise SessionError("the session is being stopped", subject=self._settings.id)
        return self._registry.admit(placement)

    async def begin(self, name: str) -> bool:
        """Has a new agent's actor start its program, and links it. A failed start leaves by the one way out (S3)."""
        record = self._registry.get(name)
        try:
            await self._contacts.peer(name).call("start", deadline=self._config.timeouts.start)
        except LoreliError as error:
            away = isinstance(error, HubError | RemoteUnavailable)  # which says nothing about its backend
            verdict = Verdict(action=Action.REMOVE, cause=Cause.LAUNCH_FAILED, unexpected=not away, why=str(error))
            self._remove(record, verdict)
            return False
        self._registry.note(name, started_at=self._clock.now())
        self._contacts.link(record.spec)
        self._metrics.spawned.labels(role=record.spec.role.value).inc()
        text = f"{record.spec.role} of {record.spec.provider} ({record.spec.side})"
        self._say(EventKind.SPAWNED, text, agent=name, role=record.spec.role, provider=record.spec.provider)
        return True

    async def stop(self, name: str, cause: Cause, reason: str) -> None:
        """Asks an agent to shut down (SPEC S5, phase 1); the sweeps see to the rest. Asking twice is asking once."""
        record = self._registry.get(name)
        if record.facts.stop_at is not None:
            return
        self._registry.note(name, stop_at=self._clock.now(), stop_cause=cause, stop_reason=reason)
        self._looks.set()

    async def kill(self, name: str, why: str) -> None:
        """Removes an agent at once (SPEC S6)."""
        record = self._registry.get(name)
        self._registry.note(name, stop_at=self._clock.now(), stop_cause=Cause.KILLED, stop_reason=why)
        self._remove(record, Verdict(action=Action.REMOVE, cause=Cause.KILLED, why=why))

    async def drain(self) -> int:
        """Stops admitting agents and asks all to shut down; how many are left."""
        self._draining = True
        for record in self._registry.all():
            await self.stop(record.name, Cause.SHUTDOWN, "the session is being stopped")
        return len(self._registry.all())

    # ── what agents do, as the desk of their node tells it ──

    async def met(self, name: str) -> None:
        """An agent's program has reached the gateway for the first time since that was started."""
        record = self._registry.get(name)
        if record.facts.connected_at is None:
            self._registry.note(name, connected_at=self._clock.now())
            self._reactor.tell("wake")

    async def heard(self, name: str, doing: str | None = None) -> Record:
        """An agent called a tool, and that is progress. Its record."""
        facts, now = self._registry.get(name).facts, self._clock.now()
        record = self._registry.progressed(
            name,
            by=Sign.TOOL_CALL,
            at=now,
            tool_at=now,
            connected_at=facts.connected_at or now,
            doing=facts.doing if doing is None else doing,
        )
        if doing is not None:
            self._say(EventKind.PROGRESS, doing, agent=name, issue=_issue(record))
        if facts.connected_at is None:
            self._reactor.tell("wake")
        return record

    async def submitted(self, name: str, key: str, pull: int, head: str, text: str) -> None:
        """An agent handed in its work: a branch at `head` for pull request `pull`, or its review of it."""
        record = self._registry.get(name)
        work = record.assignment
        if work is None or work.key != key:
            return
        self._registry.assign(name, work.model_copy(update={"pull": pull, "head": head, "submitted": head}))
        kind = EventKind.SUBMITTED if work.role == "action" else EventKind.REVIEWED
        self._say(kind, text, agent=name, issue=work.issue, pull=pull, head=head)
        self._reactor.tell("wake")

    async def asked(self, name: str, question: str) -> None:
        record = self._registry.note(name, question=question)
        self._say(EventKind.QUESTION, question, agent=name, issue=_issue(record))

    async def answer(self, name: str, text: str) -> None:
        """A human's words for an agent: it waits no longer."""
        self._registry.get(name)
        await self._contacts.peer(name).call("send", f"[loreli] {text}")
        self._registry.progressed(name, by=Sign.WORK, at=self._clock.now(), question=None)

    async def finished(self, name: str, summary: str) -> bool:
        """An agent said that it is done: true when it was asked to shut down and goes now."""
        record = self._registry.get(name)
        if record.facts.stop_at is None:
            return False
        now = self._clock.now()
        self._registry.note(name, acknowledged_at=now, dormant_at=now, doing=summary)
        self._looks.set()
        return True

    # ── what the reactor has done ──

    async def assign(self, name: str, assignment: Assignment) -> None:
        """Hands an agent its work: on record, then in its workspace, then said. The same work twice is one.

        An agent on its way out gets none: what it would have to give back is decided already.
        """
        record = self._registry.get(name)
        if record.leaving is not None:
            raise SessionError("is on its way out", subject=name)
        if record.assignment is not None:
            if record.assignment.key == assignment.key:
                return
            raise SessionError(f"already has {record.assignment.key}", subject=name)
        self._registry.assign(name, assignment)
        self._staging.add(name)
        try:
            start = self._config.timeouts.start
            await self._node(record.spec.node).call("stage", record.spec, assignment, deadline=start)
        except LoreliError:
            self._registry.assign(name, None)
            raise
        finally:
            self._staging.discard(name)
        self._say(EventKind.ASSIGNED, assignment.title, agent=name, issue=assignment.issue, key=assignment.key)
        self._looks.set()

    async def forward(self, name: str, feedback: Feedback) -> None:
        """Hands feedback to the author; the same feedback twice is one, but an author who waits is told again."""
        record = self._registry.get(name)
        work = record.assignment
        given = work is not None and any(known.key == feedback.key for known in work.feedback)
        if work is None or (given and not work.waits):
            return
        news = () if given else (feedback,)
        changed = work.model_copy(update={"feedback": (*work.feedback, *news), "submitted": None})
        await self._node(record.spec.node).call("refresh")
        self._registry.assign(name, changed)
        self._say(EventKind.FORWARDED, feedback.text, agent=name, issue=work.issue, key=feedback.key)
        self._looks.set()

    async def complete(self, name: str, key: str, why: str) -> None:
        """Takes back an assignment, if the agent still has exactly that one."""
        record = self._registry.find(name)
        if record is not None and record.assignment is not None and record.assignment.key == key:
            self._registry.assign(name, None)
            self._log.info("completed", agent=name, assignment=key, why=why)

    async def report(self, event: Event) -> None:
        """Puts an event into the ledger."""
        self._report(event)

    async def landing(self, landed: Landed) -> None:
        """An issue is about to be merged."""
        self._landings.begin(landed)

    async def landings(self) -> list[Landed]:
        """What was about to be merged and is not known to be finished."""
        return self._landings.pending()

    async def not_landed(self, issue: int) -> None:
        self._landings.drop(issue)

    async def landed(self, landed: Landed) -> None:
        """An issue is merged, and all that follows is done. Said twice it is said once."""
        event = self._landings.event(landed)
        if event is not None:
            self._metrics.landed.inc()
            self._report(event)
        self._landings.drop(landed.issue)

    async def post(self, board: Board, taken: frozenset[str]) -> None:
        """What the reactor saw at its last tick: for status, and the names that are taken elsewhere (SPEC S2)."""
        self._board = board
        self._metrics.see(board.budgets)
        self._registry.taken = taken

    # ── what the nodes see ──

    async def see_nodes(self, nodes: tuple[NodeView, ...]) -> None:
        self._nodes = nodes

    async def breakers(self) -> Breakers:
        """Which backends of which nodes are not to be used, or to be tried."""
        return self._registry.gates()

    async def reset(self, backend: str) -> int:
        """Closes a backend's breakers by hand; how many were not closed. Raises `SessionError` for an unknown one."""
        if backend not in self._config.backends:
            known = ", ".join(self._config.backends)
            raise SessionError(f"there is no such backend; there are: {known}", subject=backend)
        count = self._registry.reset(backend)
        self._say(EventKind.BREAKER, f"{backend} is closed by hand", backend=backend, state="closed")
        self._reactor.tell("wake")
        return count

    async def observe(self, node: str, seen: tuple[Observation, ...]) -> None:
        """Takes in what a node saw of all its panes."""
        self._sightings.take(node, seen)

    async def owned(self, node: str) -> set[str]:
        """The agents that are on record on a node."""
        return {record.name for record in self._registry.on(node)}

    # ── for people ──

    async def status(self) -> dict[str, Any]:
        """The whole session as JSON."""
        return status_report(
            settings=self._settings,
            records=self._registry.all(),
            nodes=self._nodes,
            board=self._board,
            breakers=self._registry.breakers(),
            landed=self._ledger.events(kinds=(EventKind.LANDED,)),
            recent=self._ledger.events(limit=50),
            now=self._clock.now(),
        )

    async def health(self, name: str) -> dict[str, Any]:
        """How one agent fares, and on what evidence (SPEC S13)."""
        record = self._registry.find(name)
        screen = "" if record is None else (await self.screen(name, SCREEN_LINES))[0]
        timeouts, now = self._config.timeouts, self._clock.now()
        return health_report(record, name=name, now=now, timeouts=timeouts, screen=screen)

    async def metrics(self) -> bytes:
        """The metrics, in Prometheus' exposition format."""
        self._metrics.agents.clear()
        for member in self._registry.fleet().members:
            labels = {"role": member.spec.role.value, "side": member.spec.side.value}
            self._metrics.agents.labels(**labels, state=member.status.state.value).inc()
        return self._metrics.render()

    async def events(self, query: EventQuery) -> list[Event]:
        """Raises `SessionError` when it asks for an agent that there never was."""
        if query.agent:
            self._ledger.expect(query.agent)
        return self._ledger.events(**dict(query))

    async def screen(self, name: str, lines: int) -> tuple[str, bool]:
        """The last lines on an agent's screen, or of its death log when it is gone; and whether it is there."""
        record = self._registry.find(name)
        if record is not None:
            return await self._node(record.spec.node).call("capture", name, lines), True
        self._ledger.expect(name)
        return read_death_log(self._settings.logs, name, lines=lines), False

    async def attach_command(self, name: str) -> list[str]:
        """The command that shows an agent's pane, to be run on the agent's node."""
        record = self._registry.get(name)
        return await self._node(record.spec.node).call("attach_command", name)

    # ── inside ──

    async def _sweep(self) -> float:
        """Judges every agent once. Returns the pause until the next sweep."""
        self._looks.clear()
        now = self._clock.now()
        for record in self._registry.all():
            if record.leaving is not None:
                continue
            with self._edge.guard("judging", agent=record.name):
                self._act(record, judge(record, now=now, config=self._config))
                if self._registry.proved(record):
                    text = f"{record.spec.backend} works again: closed"
                    self._say(EventKind.BREAKER, text, agent=record.name, backend=record.spec.backend, state="closed")
            if record.name not in self._staging:
                self._contacts.tell(record)
            if record.facts.started_at is not None:
                self._contacts.probe(record)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._looks.wait(), self._config.supervision.sweep)
        return 0.0

    def _act(self, record: Record, verdict: Verdict) -> None:
        match verdict.action:
            case Action.REMOVE:
                self._remove(record, verdict)
            case Action.NUDGE:
                self._registry.escalated(record.name, 1)
                self._say(EventKind.STALL, verdict.why, agent=record.name, issue=_issue(record), severity="nudge")
                silent = self._clock.now() - derive(record).since
                if self._config.timeouts.nudge:  # every tier is an event, also where nothing is said (SPEC S18)
                    self._contacts.send(record.name, prompts.nudge(silent))
            case Action.WARN:
                self._registry.escalated(record.name, 2)
                self._say(EventKind.STALL, verdict.why, agent=record.name, issue=_issue(record), severity="warning")
            case Action.READOPT:
                self._log.warning("replacing an actor", agent=record.name, why=verdict.why)
                self._contacts.replace(record.name)
            case Action.HEALTHY:
                pass

    def _remove(self, record: Record, verdict: Verdict) -> None:
        """Sends an agent out by the one way out; once."""
        if record.leaving is not None or verdict.cause is None:
            return
        self._metrics.removed.labels(cause=verdict.cause.value).inc()
        if verdict.cause in _BACKEND_FAILED and verdict.unexpected:
            self._backend_failed(record)
        if verdict.cause in (Cause.RAPID_DEATH, Cause.STUCK_ALIVE):
            reason = verdict.cause.value
            self._say(EventKind.RAPID_DEATH, verdict.why, agent=record.name, backend=record.spec.backend, reason=reason)
        if verdict.cause is Cause.STALLED:
            self._say(EventKind.STALL, verdict.why, agent=record.name, issue=_issue(record), severity="critical")
        self._spawn(self._way_out(self._registry.leave(record.name, verdict), verdict))

    def _backend_failed(self, record: Record) -> None:
        breaker, backend = self._registry.failed(record), record.spec.backend
        if breaker.opened_at is not None and breaker.opened_at == breaker.failed_at:  # it was this failure
            text = f"{backend} is not used for {breaker.pause:g} s after {breaker.failures} failures"
            self._say(EventKind.BREAKER, text, agent=record.name, backend=backend, state="open")

    def _node_of(self, record: Record) -> Peer | None:
        """The node of an agent; None when the cluster has lost it."""
        known = [node.id for node in self._nodes]
        return None if known and record.spec.node not in known else self._node(record.spec.node)

    async def _way_out(self, record: Record, verdict: Verdict) -> None:
        out = WayOut(
            record,
            verdict,
            settings=self._settings,
            registry=self._registry,
            node=lambda: self._node_of(record),
            agent=self._contacts.peer(record.name),
            hub=self._hub,
            report=self._report,
        )
        with self._edge.guard("the way out", agent=record.name):
            await out.run()
        self._reactor.tell("wake")

    async def _serve(self) -> None:
        with self._edge.guard("the HTTP API"):
            await self._api.serve()

    def _say(self, kind: EventKind, text: str, *, agent: str = "", issue: int = 0, **data: object) -> None:
        self._report(Event(kind=kind, at=self._clock.now(), agent=agent, issue=issue, text=text, data=data))

    def _report(self, event: Event) -> None:
        self._ledger.append(event)
        self._log.info(event.kind.value, agent=event.agent, issue=event.issue, text=event.text)

    def _peer(self, kind: str, name: str = "") -> Peer:
        return Peer(self._settings.id, kind, name, deadline=self._config.timeouts.call)

    def _node(self, node: str) -> Peer:
        return self._peer("node", node[:12])

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _issue(record: Record) -> int:
    return record.assignment.issue if record.assignment is not None else 0
