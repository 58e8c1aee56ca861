"""What the demo needs around a session: a folder, the sample repository on an embedded forge, and its configuration."""

from __future__ import annotations

import shutil
import sys
import tempfile
import tomllib
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path

from starlette.types import ASGIApp

from loreli_ray.config import Config
from loreli_ray.forge import Forge, ForgeServer
from loreli_ray.git import git
from loreli_ray.model import Credentials

REPO = "demo/pocket"
_OWNER, _AUTHOR, _REVIEWER = "demo", "loreli-author", "loreli-reviewer"
_COMMITTER = {f"GIT_{who}_{what}": value
              for who in ("AUTHOR", "COMMITTER")
              for what, value in (("NAME", "demo"), ("EMAIL", "demo@loreli.invalid"))}  # fmt: skip


class DemoStage:
    """The forge with the sample repository and its open issues, under one temporary folder."""

    def __init__(
        self,
        *,
        issues: tuple[tuple[str, str], ...] | None = None,
        around: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    ) -> None:
        """`issues` are pairs of title and body; `around` is the forge server's."""
        self.folder = Path(tempfile.mkdtemp(prefix="loreli-demo-"))
        self.forge = Forge.open(self.folder / "forge")
        self._plant_repository()
        self.issues = [
            self.forge.create_issue(REPO, author=_OWNER, title=title, body=body, labels=["loreli"])
            for title, body in (issues or _issues())
        ]
        self.server = ForgeServer(self.forge, around=around)
        self.server.start()

    @property
    def repository(self) -> Path:
        """The bare repository."""
        return self.forge.repository_path(REPO)

    @property
    def credentials(self) -> Credentials:
        """Two accounts, because the host forbids approving one's own pull request."""
        return Credentials(token=self.forge.token(_AUTHOR), reviewer_token=self.forge.token(_REVIEWER))

    def config(self, *, agents: int, pace: float, playbook: Path | None = None) -> Config:
        """A session of `agents` scripted agents, quick because nobody else needs the forge."""
        program = {
            "command": [
                *(sys.executable, "-m", "loreli_ray.demo.agent"),
                *("--playbook", str(playbook or Path(__file__).with_name("playbook.toml"))),
                *("--pace", str(pace)),
            ]
        }
        return Config.model_validate(
            {
                "home": str(self.folder / "home"),
                "test": f"{sys.executable} -m unittest",
                "hub": {"api_url": self.server.url, "min_write_interval": 0},
                "scaling": {"max_agents": agents, "max_per_tick": agents, "cooldown": 0, "memory": 64 * 2**20},
                "watch": {"interval": 2.0},
                "timeouts": {"shutdown": 10.0},
                "sides": {"scripted-yin": "yin", "scripted-yang": "yang"},
                "backends": {side: {**program, "provider": f"scripted-{side}"} for side in ("yin", "yang")},
            }
        )

    def close(self, *, keep: bool) -> None:
        """Stops the forge, and removes everything unless `keep`."""
        self.server.stop()
        self.forge.close()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _plant_repository(self) -> None:
        for user in (_OWNER, _AUTHOR, _REVIEWER):
            self.forge.add_user(user)
        source = self.folder / "sample"
        with as_file(files("loreli_ray.demo") / "sample") as sample:
            shutil.copytree(sample, source, ignore=shutil.ignore_patterns("__pycache__"))
        git("init", "--quiet", cwd=source)
        git("add", "--all", cwd=source)
        git("commit", "--quiet", "--message", "Begin", cwd=source, extra_env=_COMMITTER)
        self.forge.add_repository(REPO, source=source)
        shutil.rmtree(source)
        for user in (_AUTHOR, _REVIEWER):
            self.forge.add_collaborator(REPO, user)


def _issues() -> tuple[tuple[str, str], ...]:
    text = (files("loreli_ray.demo") / "issues.toml").read_text(encoding="utf-8")
    return tuple((str(issue["title"]), str(issue["body"]).strip()) for issue in tomllib.loads(text)["issue"])
