"""Carrying out the one way out of an agent (`policy.removal` says which step comes next).

The steps that belong to the agent's node are done by the node, for the agent's own actor may be the one that died. On a
node that is gone there is nothing left to do for them; what it holds is found and removed when it comes back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from loreli_ray.actors.calls import Peer
from loreli_ray.actors.registry import Registry
from loreli_ray.actors.settings import SessionSettings
from loreli_ray.errors import Conflict
from loreli_ray.ledger import death_log
from loreli_ray.model import Claim, Event, EventKind, Record, Role, Step, Verdict
from loreli_ray.policy import removal

SCREEN_LINES = 2000


class WayOut:
    """One agent's removal. `run` ends when every step is done."""

    def __init__(
        self,
        record: Record,
        verdict: Verdict,
        *,
        settings: SessionSettings,
        registry: Registry,
        node: Callable[[], Peer | None],
        agent: Peer,
        hub: Peer,
        report: Callable[[Event], None],
    ) -> None:
        self._record = record
        self._verdict = verdict
        self._settings = settings
        self._registry = registry
        self._find_node = node
        self._agent = agent
        self._hub = hub
        self._report = report
        self._clock = settings.clock()
        self.done: set[Step] = set()

    async def run(self) -> None:
        """Tries every step until all are done; what failed is reported, and tried again after a pause."""
        attempt = 0
        while not removal.finished(self.done):
            failed: set[Step] = set()
            while (step := removal.next_step(done=self.done, failed=failed)) is not None:
                try:
                    await self._steps[step]()
                    self.done.add(step)
                except Exception as error:  # noqa: BLE001  however a step fails, the others are still tried
                    failed.add(step)
                    self._say(EventKind.ERROR, f"{step}: {error}", attempt=attempt)
            if failed:
                await self._clock.sleep(removal.pause(attempt))
                attempt += 1

    @property
    def _node(self) -> Peer | None:
        """Asked for anew at each step: a node may be lost, or come back, in between."""
        return self._find_node()

    @property
    def _steps(self) -> dict[Step, Callable[[], Awaitable[None]]]:
        return {
            Step.STOP_WORK: self._stop_work,
            Step.SNAPSHOT: self._snapshot,
            Step.STOP_PROGRAM: self._stop_program,
            Step.RESCUE: self._rescue,
            Step.WORKSPACE: self._workspace,
            Step.CLAIM: self._claim,
            Step.IDENTITY: self._identity,
            Step.LEDGER: self._forget,
            Step.EVENT: self._event,
        }

    async def _stop_work(self) -> None:
        if (node := self._node) is not None:
            await node.call("dismiss", self._record.name)

    async def _snapshot(self) -> None:
        if (node := self._node) is None:
            return
        text = await node.call("capture", self._record.name, SCREEN_LINES)
        path = death_log(self._settings.logs, self._record.name)
        if text or not path.exists():  # an earlier try may have seen more
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.write_text(text, encoding="utf-8")

    async def _stop_program(self) -> None:
        if (node := self._node) is not None:
            await node.call("stop_program", self._record.name, deadline=self._settings.config.timeouts.start)
        self._agent.kill()

    async def _rescue(self) -> None:
        work = self._record.assignment
        node = self._node
        if node is None or work is None or work.role is not Role.ACTION:
            return
        branch = await node.call("rescue", self._record.spec, work.issue, deadline=self._settings.config.timeouts.start)
        if branch is not None:
            self._say(EventKind.RELEASED, f"its unpushed work is kept on the branch {branch}", branch=branch)

    async def _workspace(self) -> None:
        if (node := self._node) is not None:
            await node.call("leave", self._record.name, self._settings.config.workspace.cleanup)

    async def _claim(self) -> None:
        work = self._record.assignment
        if work is None or work.role is not Role.ACTION:
            return
        claim: Claim | None = await self._hub.call("claim", work.issue)
        mine = claim is not None and claim.session == self._settings.id and claim.agent == self._record.name
        if claim is None or not mine or claim.until == 0:
            return
        try:
            await self._hub.call("release_claim", claim)
        except Conflict:
            return  # somebody else has it by now: it is not ours to release
        self._say(EventKind.RELEASED, "its claim is free again")

    async def _identity(self) -> None:
        self._registry.release_identity(self._record)

    async def _forget(self) -> None:
        self._registry.remove(self._record.name)

    async def _event(self) -> None:
        cause = self._verdict.cause.value if self._verdict.cause else ""
        self._say(EventKind.REMOVED, self._verdict.why, reason=cause, unexpected=self._verdict.unexpected)

    def _say(self, kind: EventKind, text: str, **data: object) -> None:
        work = self._record.assignment
        issue = work.issue if work is not None else 0
        self._report(Event(kind=kind, at=self._clock.now(), agent=self._record.name, issue=issue, text=text, data=data))
