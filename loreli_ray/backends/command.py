"""Any program as a backend: an argument template from `loreli.yml`.

The program finds its tools by `LORELI_MCP_URL` and the file named by `LORELI_MCP_TOKEN_FILE`; both are also there as
placeholders for its arguments. What it appends to the file `LORELI_EVENTS`, itself or by a hook, counts as progress.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from loreli_ray.backends.backend import EVENTS, Launch, LaunchContext
from loreli_ray.config import BackendConfig, fill
from loreli_ray.errors import BackendError
from loreli_ray.files import write_private
from loreli_ray.model import Program, Role


class CommandBackend:
    """The backend `name` of the configuration."""

    def __init__(self, name: str, config: BackendConfig) -> None:
        self.name = name
        self._config = config

    @property
    def provider(self) -> str:
        return self._config.provider

    def find(self) -> Program | None:
        """Looks for the command on PATH."""
        path = shutil.which(self._config.command[0])
        if path is None:
            return None
        roles = tuple(Role(role) for role in self._config.roles)
        return Program(backend=self.name, provider=self.provider, path=path, roles=roles)

    def launch(self, context: LaunchContext) -> Launch:
        """Fills in the template. Raises `BackendError` when the command is not on this node."""
        program = self.find()
        if program is None:
            raise BackendError(f"{self._config.command[0]!r} is not on PATH", subject=self.name)
        prompt = f"{context.introduction}\n\n{context.first}"
        values = {
            "workspace": str(context.workspace),
            "prompt": prompt,
            "prompt_file": str(context.folder / "prompt.md"),
            "mcp_url": context.mcp_url,
            "mcp_token_file": str(context.token_file),
            "agent": context.spec.name,
            "role": context.spec.role.value,
            "model": self._config.models.get(context.model, context.model),
        }
        if self._config.prompt == "file":
            write_private(Path(values["prompt_file"]), prompt)
        arguments = fill(self._config.command[1:], values)
        return Launch(
            argv=(program.path, *arguments),
            environment={
                **self._config.env,
                "LORELI_AGENT": context.spec.name,
                "LORELI_ROLE": context.spec.role.value,
                "LORELI_MCP_URL": context.mcp_url,
                "LORELI_MCP_TOKEN_FILE": str(context.token_file),
                "LORELI_WORKSPACE": str(context.workspace),
                "LORELI_EVENTS": str(context.folder / EVENTS),
            },
            pastes_first=self._config.prompt == "paste",
        )
