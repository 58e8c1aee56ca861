"""An agent's program in its pane."""

from __future__ import annotations

from dataclasses import dataclass

from loreli_ray.model import AgentSpec


@dataclass
class Running:
    """It knows what it was told, and the head of its workspace.

    `paused` ends with a nudge, `mute` does not; `looping` is to be mute and busy.
    """

    spec: AgentSpec
    mute: bool = False
    looping: bool = False
    paused: bool = False
    dead: bool = False
    doing: str = ""  # the issue and the generation that its workspace is staged for
    head: str = ""
    worked: bool = False  # there is a commit that was not handed in
