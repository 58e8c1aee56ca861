"""Structured log, one JSON object a line (SPEC L11): `<folder>/<kind>.log` for each control actor."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

import structlog

_SIZE = 5_000_000
_KEPT = 3


def logger(kind: str, *, folder: Path, **subject: str) -> structlog.typing.FilteringBoundLogger:
    """A logger whose every line carries `kind` and `subject`. The files rotate at 5 MB; three old ones are kept."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    sink = logging.getLogger(f"loreli.{folder}.{kind}")
    if not sink.handlers:
        handler = RotatingFileHandler(folder / f"{kind}.log", maxBytes=_SIZE, backupCount=_KEPT, delay=True)
        handler.setFormatter(logging.Formatter("%(message)s"))
        sink.addHandler(handler)
        sink.setLevel(logging.INFO)
        sink.propagate = False
    log: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        sink,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
    )
    return log.bind(kind=kind, **subject)
