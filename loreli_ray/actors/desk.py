"""What the tools of a node's agents do: check, carry out, tell the supervisor (DESIGN section 6).

The assignment on record at the supervisor decides; a push carries the claim along, so that the git host lets it through
only while the claim is the agent's. Pushes leave from the node's mirror: the agent's clone never meets a credential.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import Any, TypeVar, cast

from loreli_ray.actors.calls import Gone, Peer
from loreli_ray.actors.checkouts import Checkouts
from loreli_ray.actors.settings import SessionSettings
from loreli_ray.errors import DeadlineExceeded, RateLimited, RemoteUnavailable, ToolRefused, Unavailable
from loreli_ray.mcp import LineComment, ReviewVerdict
from loreli_ray.model import AgentSpec, Assignment, Authorship, Fence, Outcome, Pull, Record, Role
from loreli_ray.observe import Log
from loreli_ray.policy import permission
from loreli_ray.roles import prompts

_OUTCOMES: dict[ReviewVerdict, Outcome] = {
    "approve": Outcome.APPROVE,
    "request_changes": Outcome.REQUEST_CHANGES,
    "comment": Outcome.COMMENT,
}


_AWAY = (Unavailable, RateLimited, RemoteUnavailable, Gone, DeadlineExceeded)
_PATIENCE = 600.0
_LONGEST_PAUSE = 15.0
Tool = TypeVar("Tool", bound=Callable[..., Awaitable[str]])


def patient(tool: Tool) -> Tool:
    """Does a tool again, whole, as long as the git host or an actor is away: each is safe to do again.

    The agent only sees that the call takes long; after ten minutes it is told to try again itself.
    """

    @wraps(tool)
    async def tried(desk: NodeDesk, agent: str, *given: Any, **named: Any) -> str:
        deadline, pause = desk.clock.monotonic() + _PATIENCE, 0.5
        while True:
            try:
                return await tool(desk, agent, *given, **named)
            except _AWAY as error:
                wait = max(pause, error.retry_after) if isinstance(error, RateLimited) else pause
                if desk.clock.monotonic() + wait > deadline:
                    raise ToolRefused(f"not done, try again later: {error}", subject=agent) from error
                desk.log.info("a tool waits", agent=agent, tool=tool.__name__, seconds=wait, error=str(error))
            await desk.clock.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)

    return cast("Tool", tried)


class NodeDesk:
    """The desk of one node."""

    def __init__(self, settings: SessionSettings, *, checkouts: Checkouts, log: Log) -> None:
        self._settings = settings
        self._checkouts = checkouts
        self.clock = settings.clock()
        self.log = log
        timeouts = settings.config.timeouts
        self._supervisor = Peer(settings.id, "supervisor", deadline=timeouts.call)
        self._hub = Peer(settings.id, "hub", deadline=timeouts.start)

    async def contact(self, agent: str) -> None:
        """The agent's program reached the gateway."""
        await self._supervisor.call("met", agent)

    def introduction(self, spec: AgentSpec) -> str:
        """The instructions of a new agent."""
        return prompts.introduction(spec)

    @patient
    async def assignment(self, agent: str) -> str:
        record = await self._heard(agent)
        if record.facts.stop_at is not None:
            return "You are asked to shut down: call the tool `finish`."
        if record.assignment is None or record.assignment.waits:
            return "Nothing to do now. Wait for a message that begins with [loreli]."
        return prompts.brief(record.assignment, session=self._settings.id, test=self._settings.config.test)

    @patient
    async def progress(self, agent: str, message: str) -> str:
        await self._supervisor.call("heard", agent, permission.bounded(message, what="the message", agent=agent))
        return "Noted."

    @patient
    async def submit_pull_request(self, agent: str, title: str, body: str) -> str:
        return await self._hand_in(agent, title=permission.bounded(title, what="the title", agent=agent), body=body)

    @patient
    async def answer_review(self, agent: str, message: str) -> str:
        permission.bounded(message, what="the message", agent=agent)
        record = await self._heard(agent)
        work = permission.assigned(record, Role.ACTION)
        if work.pull is None or not work.feedback:
            raise ToolRefused("there is no feedback to answer: use `submit_pull_request`", subject=agent)
        last = work.feedback[-1]
        if last.kind == "comment" and await self._checkouts.head(agent) == work.head:
            answered = "Your answer is posted. Wait for a message that begins with [loreli]."
            await self._supervisor.call("submitted", agent, work.key, work.pull, work.head, "answered")
        else:
            answered = await self._hand_in(agent, title=None, body=message)
        await self._hub.call("comment", work.pull, key=f"answer/{last.key}", text=message)
        return answered

    @patient
    async def submit_review(self, agent: str, verdict: ReviewVerdict, summary: str, comments: list[LineComment]) -> str:
        permission.bounded(summary, what="the summary", agent=agent)
        record = await self._heard(agent)
        work = permission.assigned(record, Role.REVIEWER)
        pull: Pull | None = await self._hub.call("pull", work.pull)
        single: bool = await self._supervisor.call("single")
        permission.may_review(record, pull=pull, single=single)
        remarks = [{"path": c.path, "line": c.line, "side": "RIGHT", "body": c.text} for c in comments]
        by = self._authorship(record, work)
        await self._hub.call("submit_review", pull, outcome=_OUTCOMES[verdict], text=summary, comments=remarks, by=by)
        text = f"{verdict.replace('_', ' ')} (round {work.round})"
        await self._supervisor.call("submitted", agent, work.key, work.pull, work.head, text)
        return "Your review is posted. Wait for a message that begins with [loreli]."

    @patient
    async def ask_human(self, agent: str, question: str) -> str:
        permission.bounded(question, what="the question", agent=agent)
        record = await self._heard(agent)
        if record.assignment is None:
            raise ToolRefused("you have no assignment to ask about", subject=agent)
        key = f"question/{agent}/{record.assignment.key}"
        await self._hub.call("comment", record.assignment.issue, key=key, text=f"**{agent} asks:** {question}")
        await self._supervisor.call("asked", agent, question)
        return "Your question is posted. Wait for a message that begins with [loreli]."

    @patient
    async def finish(self, agent: str, summary: str) -> str:
        permission.bounded(summary, what="the summary", agent=agent)
        record = await self._heard(agent)
        if await self._supervisor.call("finished", agent, summary):
            return "Good-bye."
        work = record.assignment
        if work is None:
            return "You have no assignment. Wait for a message that begins with [loreli]."
        if await self._still_needed(work):
            await self._hub.call("hold", work.issue, why=f"**{agent} can't finish this:** {summary}")
        await self._supervisor.call("complete", agent, work.key, summary)
        return "Your assignment is given back. Wait for a message that begins with [loreli]."

    async def _hand_in(self, agent: str, *, title: str | None, body: str) -> str:
        """Pushes the agent's branch and opens or updates its pull request; `title` None keeps the present one."""
        record = await self._heard(agent)
        work = permission.assigned(record, Role.ACTION)
        fence = partial(self._fence, record, work)
        head = await self._checkouts.push(agent, branch=work.branch, base=work.base, fence=fence)
        number: int | None = work.pull
        if number is None or title is not None:
            text = permission.bounded(body, what="the body", agent=agent)
            by = self._authorship(record, work)
            number = await self._hub.call("submit_pull", head=work.branch, title=title or work.title, body=text, by=by)
        await self._supervisor.call("submitted", agent, work.key, number, head, f"#{number} at {head[:12]}")
        return f"Pull request #{number} stands at {head}. Wait for a message that begins with [loreli]."

    async def _fence(self, record: Record, work: Assignment) -> Fence:
        """What a push of the agent's branch must carry. `ToolRefused` when it may not push, or has nothing to push."""
        fence: Fence | None = await self._hub.call("fence", work.issue, ttl=self._settings.config.claims.ttl)
        permission.may_submit(record, claim=fence.claim if fence is not None else None, session=self._settings.id)
        assert fence is not None
        if await self._checkouts.head(record.name) == (work.head or work.start):
            raise ToolRefused("there is no new commit on your branch: commit your work first", subject=record.name)
        return fence

    async def _still_needed(self, work: Assignment) -> bool:
        """A reviewer may give back a head that has moved; everything else that is given back needs a human."""
        if work.role is not Role.REVIEWER:
            return True
        pull: Pull | None = await self._hub.call("pull", work.pull)
        return pull is not None and pull.head == work.head

    async def _heard(self, agent: str) -> Record:
        return await self._supervisor.call("heard", agent)

    def _authorship(self, record: Record, work: Assignment) -> Authorship:
        return Authorship(
            session=self._settings.id,
            agent=record.name,
            provider=record.spec.provider,
            side=record.spec.side,
            issue=work.issue,
            generation=work.generation,
        )
