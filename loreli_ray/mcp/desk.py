"""What the tools ask for: the seam between the gateway, which speaks MCP, and those who carry it out."""

from __future__ import annotations

from typing import Literal, Protocol

from pydantic import BaseModel, Field

ReviewVerdict = Literal["approve", "request_changes", "comment"]


class LineComment(BaseModel):
    """A remark on one line of the change."""

    path: str = Field(description="the file, relative to the repository's root")
    line: int = Field(ge=1, description="the line in the new version of the file")
    text: str = Field(description="the remark")


class Desk(Protocol):
    """Every method is called for one agent, whose name the gateway has established from its capability.

    They return what the agent reads, and raise `ToolRefused` with the reason when it may not do that.
    """

    async def assignment(self, agent: str) -> str: ...

    async def progress(self, agent: str, message: str) -> str: ...

    async def submit_pull_request(self, agent: str, title: str, body: str) -> str: ...

    async def answer_review(self, agent: str, message: str) -> str: ...

    async def submit_review(
        self, agent: str, verdict: ReviewVerdict, summary: str, comments: list[LineComment]
    ) -> str: ...

    async def ask_human(self, agent: str, question: str) -> str: ...

    async def finish(self, agent: str, summary: str) -> str: ...
