from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from loreli_ray.config import Config
from loreli_ray.config.loading import load
from loreli_ray.errors import ConfigError

Load = Callable[..., Config]
Mistakes = Callable[..., list[str]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "loreli.yml"


@pytest.fixture
def read(file: Path) -> Load:
    """Loads a configuration that says `text`, in an environment of its own."""

    def run(text: str, environment: Mapping[str, str] | None = None, **overrides: object) -> Config:
        file.write_text(text, encoding="utf-8")
        return load(file, environment=environment or {}, overrides=overrides)

    return run


@pytest.fixture
def mistakes(read: Load, file: Path) -> Mistakes:
    """The lines of the `ConfigError`, with the file's name in place of its path."""

    def run(text: str, environment: Mapping[str, str] | None = None, **overrides: object) -> list[str]:
        with pytest.raises(ConfigError) as raised:
            read(text, environment, **overrides)
        return str(raised.value).replace(str(file), file.name).split("\n")

    return run
