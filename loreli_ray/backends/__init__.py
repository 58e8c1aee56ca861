"""Agent programs: one module for each kind, and which of them this node has."""

from __future__ import annotations

from loreli_ray.backends.backend import EVENTS, Backend, Launch, LaunchContext
from loreli_ray.backends.command import CommandBackend
from loreli_ray.config import Config
from loreli_ray.errors import BackendError
from loreli_ray.model import Program

__all__ = ["EVENTS", "Backend", "CommandBackend", "Launch", "LaunchContext", "backend", "configured", "discover"]


def configured(config: Config) -> tuple[Backend, ...]:
    """The backends of a configuration, in its order."""
    return tuple(CommandBackend(name, entry) for name, entry in config.backends.items())


def backend(name: str, *, config: Config) -> Backend:
    """The backend called `name`; `BackendError` when the configuration has none."""
    for candidate in configured(config):
        if candidate.name == name:
            return candidate
    raise BackendError("no such backend in the configuration", subject=name)


def discover(config: Config) -> tuple[Program, ...]:
    """The programs that this node has."""
    return tuple(program for candidate in configured(config) if (program := candidate.find()) is not None)
