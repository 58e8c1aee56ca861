"""Programs in tmux panes: one private server per session and node, one window per agent, nothing left behind.

The only room that imports libtmux. Everything here blocks (call it in a thread) but `PaneWatch`, which is asyncio's.
"""

from loreli_ray.terminal.clean import MAX_INPUT, clean_input, clean_output
from loreli_ray.terminal.pane import MARKER, SETTLE, Pane, PaneInfo
from loreli_ray.terminal.processes import Usage, alive, descendants, kill_tree, marked, start_time, usages
from loreli_ray.terminal.reaper import reaper_command
from loreli_ray.terminal.server import TerminalServer
from loreli_ray.terminal.status import ExitStatus, read_exit
from loreli_ray.terminal.tmux import TERMINAL, base_environment
from loreli_ray.terminal.watch import PaneWatch

__all__ = [
    "MARKER",
    "MAX_INPUT",
    "SETTLE",
    "TERMINAL",
    "ExitStatus",
    "Pane",
    "PaneInfo",
    "PaneWatch",
    "TerminalServer",
    "Usage",
    "alive",
    "base_environment",
    "clean_input",
    "clean_output",
    "descendants",
    "kill_tree",
    "marked",
    "read_exit",
    "reaper_command",
    "start_time",
    "usages",
]
