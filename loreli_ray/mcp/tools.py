"""The tools of an agent (SPEC L13), as an MCP server over a desk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from loreli_ray.errors import LoreliError
from loreli_ray.mcp.desk import Desk, LineComment, ReviewVerdict

Identify = Callable[[Context[Any, Any]], str]
_INSTRUCTIONS = "Your team's tools: read your assignment, report progress, hand in work, review, ask, finish."


def build(desk: Desk, *, identify: Identify) -> MCPServer[Any]:
    """The server. `identify` tells which agent is calling, or raises `ToolRefused`."""
    server: MCPServer[Any] = MCPServer("loreli", instructions=_INSTRUCTIONS, log_level="WARNING")

    async def ask(context: Context[Any, Any], call: Callable[[str], Awaitable[str]]) -> str:
        try:
            return await call(identify(context))
        except LoreliError as error:
            raise ToolError(str(error)) from error

    @server.tool(structured_output=False)
    async def assignment(context: Context[Any, Any]) -> str:
        """Read what you are to do now: the issue or the pull request, your branch, and any feedback."""
        return await ask(context, desk.assignment)

    @server.tool(structured_output=False)
    async def progress(
        context: Context[Any, Any],
        message: Annotated[str, Field(description="what you are doing now, in a few words", max_length=500)],
    ) -> str:
        """Report what you are doing. Call it at each new step: silence is taken for a stall."""
        return await ask(context, lambda agent: desk.progress(agent, message))

    @server.tool(structured_output=False)
    async def submit_pull_request(
        context: Context[Any, Any],
        title: Annotated[str, Field(description="one line that says what the change does", max_length=200)],
        body: Annotated[str, Field(description="what was done and how it was tested, as Markdown")],
    ) -> str:
        """Hand in the commits of your branch: it is pushed, and a pull request opened or updated for it."""
        return await ask(context, lambda agent: desk.submit_pull_request(agent, title, body))

    @server.tool(structured_output=False)
    async def answer_review(
        context: Context[Any, Any],
        message: Annotated[str, Field(description="what you changed in answer to the review, as Markdown")],
    ) -> str:
        """Hand in the commits that answer the feedback on your pull request; the other side looks again."""
        return await ask(context, lambda agent: desk.answer_review(agent, message))

    @server.tool(structured_output=False)
    async def submit_review(
        context: Context[Any, Any],
        verdict: Annotated[ReviewVerdict, Field(description="your judgement of the head that you were given")],
        summary: Annotated[str, Field(description="your reasons, with the evidence, as Markdown")],
        comments: Annotated[list[LineComment] | None, Field(description="remarks on lines of the change")] = None,
    ) -> str:
        """Say your verdict on the pull request that you were given."""
        return await ask(context, lambda agent: desk.submit_review(agent, verdict, summary, comments or []))

    @server.tool(structured_output=False)
    async def ask_human(
        context: Context[Any, Any],
        question: Annotated[str, Field(description="what you need to know or have decided", max_length=4000)],
    ) -> str:
        """Ask a human, when you can't go on without one. The issue waits for the answer."""
        return await ask(context, lambda agent: desk.ask_human(agent, question))

    @server.tool(structured_output=False)
    async def finish(
        context: Context[Any, Any],
        summary: Annotated[str, Field(description="why you stop, and what is left to do")],
    ) -> str:
        """Give back your assignment because you can't do it, or acknowledge a shutdown request."""
        return await ask(context, lambda agent: desk.finish(agent, summary))

    return server
