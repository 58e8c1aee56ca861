"""Structured log, one JSON object a line (SPEC L11): `<folder>/<kind>.log` for each control actor.

The standard library's logging writes it: every actor's process has that already, and there is one for each agent.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

_SIZE = 5_000_000
_KEPT = 3


class Log:
    """What happened, each time with fields of its own beside those that say who speaks."""

    def __init__(self, sink: logging.Logger, subject: dict[str, object]) -> None:
        self._sink = sink
        self._subject = subject

    def info(self, event: str, /, **fields: object) -> None:
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, /, **fields: object) -> None:
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, /, *, trace: bool = False, **fields: object) -> None:
        """`trace` adds the traceback of the error that is being handled."""
        self._write(logging.ERROR, event, fields, trace=trace)

    def _write(self, level: int, event: str, fields: dict[str, object], *, trace: bool = False) -> None:
        said = {"fields": {**self._subject, **fields}}
        self._sink.log(level, "%s", event, exc_info=trace, extra=said)


class _JSONLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **vars(record)["fields"],
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def logger(kind: str, *, folder: Path, **subject: str) -> Log:
    """A logger whose every line carries `kind` and `subject`. The files rotate at 5 MB; three old ones are kept."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    sink = logging.getLogger(f"loreli.{folder}.{kind}")
    if not sink.handlers:
        handler = RotatingFileHandler(folder / f"{kind}.log", maxBytes=_SIZE, backupCount=_KEPT, delay=True)
        handler.setFormatter(_JSONLines())
        sink.addHandler(handler)
        sink.setLevel(logging.INFO)
        sink.propagate = False
    return Log(sink, {"kind": kind, **subject})
