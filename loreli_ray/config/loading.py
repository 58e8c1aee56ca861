"""Finding `loreli.yml`, and putting the layers together.

Layers, weakest first: the defaults, the file, the environment, the caller's overrides. In the environment a key is
`LORELI_` and its path in capitals, nested with two underscores: `LORELI_SCALING__MAX_AGENTS=4`. An empty variable
counts as not set. Every mistake in every layer is reported at once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from loreli_ray.config.document import YAMLMistakeError, given, read
from loreli_ray.config.draft import PREFIX, Draft, Source
from loreli_ray.config.mistakes import escaped
from loreli_ray.config.schema import Config
from loreli_ray.errors import ConfigError

FILE_NAMES: Final = ("loreli.yml", "loreli.yaml")

NOT_SETTINGS: Final = frozenset(
    f"{PREFIX}{name}"
    for name in (
        "AGENT",
        "CONFIG",
        "EVENTS",
        "MCP_TOKEN_FILE",
        "MCP_URL",
        "PANE",
        "ROLE",
        "TERMINAL",
        "SESSION",
        "TOKEN",
        "WORKSPACE",
    )
)
"""Variables of ours that are no settings: what an agent's program is told of itself, and where things are.

An agent may run our own commands, so they must not be taken for mistakes. Any other unknown `LORELI_*` is one.
"""


def load(
    path: Path | None,
    *,
    environment: Mapping[str, str] = os.environ,
    overrides: Mapping[str, object] = {},
) -> Config:
    """The configuration of the file at `path` (None: without a file), `environment` and `overrides`.

    `overrides` has key paths with dots (`scaling.max_agents`, `scaling.maxAgents`) and values as they stand in a file:
    a plain number of a duration is milliseconds.

    Raises `ConfigError`, one line per mistake: `FILE:LINE: key.path: VALUE: what is wrong; what would be right`, with
    `environment` or `command line` in the file's place where the value came from there.
    """
    draft = Draft()
    broken = _add_file(draft, path) if path is not None else None
    settings = {name: value for name, value in environment.items() if name.startswith(PREFIX) and value}
    for name in sorted(settings.keys() - NOT_SETTINGS):  # so a section comes before its keys, which go over it
        parts = name.removeprefix(PREFIX).split("__")
        draft.add(Source("environment", rank=2, environment=True), given(settings[name]), key=parts)
    for key, value in overrides.items():
        draft.add(Source("command line", rank=3), given(value), key=key.split("."))
    result = draft.judge()
    if isinstance(result, Config) and broken is None:
        return result
    mistakes = [] if isinstance(result, Config) else [str(mistake) for mistake in result]
    raise ConfigError("\n".join([broken, *mistakes] if broken else mistakes))


def find(start: Path) -> Path | None:
    """The nearest `loreli.yml` or `loreli.yaml` at or above the folder `start`, no higher than its git root.

    Outside a repository only `start` itself is looked at: a file in a folder that others may write to must not decide
    which commands run. Raises `ConfigError` when a folder holds both.
    """
    start = start.resolve()
    folders = [start, *start.parents]
    root = next((index for index, folder in enumerate(folders) if (folder / ".git").exists()), 0)
    for folder in folders[: root + 1]:
        found = [folder / name for name in FILE_NAMES if (folder / name).is_file()]
        if len(found) > 1:
            raise ConfigError(escaped(f"{found[1]}: stands beside {found[0].name}; keep one of the two"))
        if found:
            return found[0]
    return None


def _add_file(draft: Draft, path: Path) -> str | None:
    """Adds the file to the draft. When it can't be read, returns the line that says so."""
    try:
        text = path.read_text(encoding="utf-8")
        draft.add(Source(str(path), rank=1), read(text))
    except OSError as error:
        return escaped(f"{path}: can't be read ({error.strerror}); give the path of a {FILE_NAMES[0]}")
    except ValueError as error:
        return escaped(f"{path}: is not text ({error}); YAML in UTF-8")
    except YAMLMistakeError as error:
        place = f"{path}:{error.line}: column {error.column}" if error.line else f"{path}"
        return escaped(f"{place}: is not YAML ({error.what}); YAML, indented with spaces")
    return None
