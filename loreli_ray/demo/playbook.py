"""A playbook: what a scripted author tries for an issue, attempt by attempt (`playbook.toml` is the demo's)."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from loreli_ray.errors import UsageError


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Edit(_Part):
    """One change to the file `path`: `find` is replaced once, or `append` is added, or `content` is all of it."""

    path: str
    find: str | None = None
    replace: str = ""
    append: str | None = None
    content: str | None = None

    def apply(self, root: Path) -> None:
        """Raises `UsageError` when the text to be replaced is not there."""
        path = root / self.path
        path.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if self.content is not None:
            text = self.content
        if self.find is not None:
            if self.find not in text:
                raise UsageError("the text to be replaced is not there", subject=self.path)
            text = text.replace(self.find, self.replace, 1)
        path.write_text(text + (self.append or ""), encoding="utf-8")


class Attempt(_Part):
    summary: str
    edit: tuple[Edit, ...]


class Task(_Part):
    """What is tried for the issues whose title contains `title`."""

    title: str
    attempt: tuple[Attempt, ...]


class Playbook(_Part):
    task: tuple[Task, ...]

    @classmethod
    def read(cls, path: Path) -> Playbook:
        """Raises `UsageError` when the file is not a playbook."""
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
            raise UsageError(f"not a playbook: {error}", subject=str(path)) from error

    def attempts(self, title: str) -> Sequence[Attempt]:
        """What is tried for an issue; nothing when the playbook does not know it."""
        return next((task.attempt for task in self.task if task.title.lower() in title.lower()), ())
