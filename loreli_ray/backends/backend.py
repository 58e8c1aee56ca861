"""What every agent program has in common: it can be found, and launched."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from loreli_ray.model import AgentSpec, Program, Value

EVENTS = "events.jsonl"
"""In an agent's folder: lines that its program, or a hook of it, writes down as it gets on. Each counts as progress."""


class LaunchContext(Value):
    """What a launch needs to know. `first` is the first message, `introduction` the role's instructions."""

    spec: AgentSpec
    workspace: Path
    folder: Path
    mcp_url: str
    token_file: Path
    model: str
    introduction: str
    first: str


class Launch(Value):
    """How to start a program: an argument vector (never a shell line) and what to add to its environment.

    `pastes_first` says that the first message is still to be pasted once the program is up.
    """

    argv: tuple[str, ...]
    environment: dict[str, str]
    pastes_first: bool


class Backend(Protocol):
    """One agent program."""

    @property
    def name(self) -> str: ...

    @property
    def provider(self) -> str: ...

    def find(self) -> Program | None:
        """The program on this node, or None."""
        ...

    def launch(self, context: LaunchContext) -> Launch:
        """How to start it. Raises `BackendError` when it can't be."""
        ...
