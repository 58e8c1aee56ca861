"""The edge of an actor: the one place where any exception is caught, because a loop must go on."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from loreli_ray.clock import Clock
from loreli_ray.errors import LoreliError
from loreli_ray.observe import Log

if TYPE_CHECKING:
    from loreli_ray.observe.metrics import Metrics


class Edge:
    """What an actor logs of the errors that reach its edge, and counts where somebody reads its `metrics`."""

    def __init__(self, actor: str, *, log: Log, metrics: Metrics | None = None) -> None:
        self._actor = actor
        self._log = log
        self._metrics = metrics

    @contextmanager
    def guard(self, what: str, **subject: object) -> Generator[None]:
        """Logs and counts what is raised within, and carries on after it."""
        try:
            yield
        except LoreliError as error:
            self._note(what, error, subject, trace=False)
        except Exception as error:  # noqa: BLE001
            self._note(what, error, subject, trace=True)

    async def forever(self, what: str, step: Callable[[], Coroutine[Any, Any, float]], clock: Clock) -> None:
        """Calls `step` again and again; it returns the seconds until its next call. An error costs one second."""
        while True:
            pause = 1.0
            with self.guard(what):
                pause = await step()
            await clock.sleep(pause)

    def _note(self, what: str, error: Exception, subject: dict[str, object], *, trace: bool) -> None:
        if self._metrics is not None:
            self._metrics.errors.labels(actor=self._actor, kind=type(error).__name__).inc()
        self._log.error(what, error=str(error), error_kind=type(error).__name__, trace=trace, **subject)
