"""What the measurements stand on: settings in a folder of their own, a Ray of their own, panes that print.

Nothing of it outlives its `with`, whatever happens in there.
"""

from __future__ import annotations

import secrets
import shutil
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import ray

from loreli_ray.actors.observer import STATUS
from loreli_ray.actors.ray_head import PRELOADED, RayHead, start_ray_head
from loreli_ray.actors.session import join, use_token
from loreli_ray.actors.settings import SessionSettings, remove_runtime, runtime_root
from loreli_ray.config import Config
from loreli_ray.terminal import Pane, TerminalServer

#: A program that prints a line now and then.
PRINTER = (
    sys.executable,
    *("-I", "-S", "-c"),
    "import itertools, time\nfor n in itertools.count():\n    print('line', n, flush=True)\n    time.sleep(1)",
)
SIDES = ("yin", "yang")


@contextmanager
def settings(*, sweep: float = 1.0) -> Generator[SessionSettings]:
    """The settings of a session that has no repository, with `sweep` seconds between two looks.

    Its agents have no actors, so nobody is probed.
    """
    folder = Path(tempfile.mkdtemp(prefix="loreli-bench-"))
    config = Config.model_validate(
        {
            "home": str(folder),
            "supervision": {"sweep": f"{sweep}s", "probe": "10h", "lease": "20h"},
            "sides": {f"scripted-{side}": side for side in SIDES},
            "backends": {side: {"command": list(PRINTER), "provider": f"scripted-{side}"} for side in SIDES},
        }
    )
    name = f"bench-{secrets.token_hex(3)}"
    made = SessionSettings(id=name, repo="a/b", config=config, folder=folder / "s", runtime=runtime_root() / name)
    try:
        yield made
    finally:
        remove_runtime(made.runtime)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def terminal(where: SessionSettings, node: str) -> Generator[TerminalServer]:
    """The tmux server of a node; its panes end with it."""
    server = TerminalServer(
        where.socket(node), where.config.tmux.session, history=where.config.tmux.history, standing=True
    )
    try:
        yield server
    finally:
        server.kill(grace=1.0)


def launch(server: TerminalServer, where: SessionSettings, node: str, agent: str, *, incarnation: int = 1) -> Pane:
    """A pane in which lines are printed, for an agent."""
    folder = where.node_folder(node) / "agents" / agent
    folder.mkdir(parents=True, exist_ok=True)
    return server.launch(
        agent=agent,
        incarnation=incarnation,
        argv=PRINTER,
        cwd=folder,
        environment={},
        status_file=folder / STATUS,
        grace=1.0,
    )


@contextmanager
def ray_head(*, slots: int, preload: str = PRELOADED) -> Generator[RayHead]:
    """A Ray of our own, which ends with all its processes."""
    head = start_ray_head(runtime_root() / f"ray-b{secrets.token_hex(2)}", slots=slots, preload=preload)
    try:
        yield head
    finally:
        head.stop()


@contextmanager
def joined(head: RayHead, config: Config) -> Generator[None]:
    """This process as a driver in that Ray."""
    use_token(head.token_file)
    try:
        join(config, address=head.address, say=lambda _: None)
        yield
    finally:
        ray.shutdown()
