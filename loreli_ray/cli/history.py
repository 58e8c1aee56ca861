"""What a session has on record: the session is asked when it answers, else its files are read.

So events and last screens can be seen while a supervisor is being restarted, after `down`, and when Ray is dead.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loreli_ray.actors.client import SessionClient
from loreli_ray.cli.output import note, pause
from loreli_ray.errors import LedgerError, NotRunning, SessionError

if TYPE_CHECKING:
    from loreli_ray.ledger import Ledger

_POLL = 0.5
_PAGE = 1000


class History:
    """The history of the session whose folder this is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def events(self, *, follow: bool, limit: int, **query: Any) -> Iterator[list[dict[str, Any]]]:
        """The last `limit` events as JSON; with `follow` then those that come, in order, none left out.

        `query` holds fields of `EventQuery`. Raises `SessionError` for an agent that never was, and `LedgerError`.
        """
        found, answered = self._events(limit=limit, **query)
        seq, told = 0, False
        while True:
            seq = found[-1]["seq"] if found else seq
            yield found
            if not follow:
                return
            if not answered and not told:
                note(f"{self._folder.name} does not answer: following its ledger")
                told = True
            if len(found) < _PAGE:
                pause(_POLL)
            found, answered = self._events(after=seq, limit=_PAGE, **query)

    def screens(self, name: str, *, lines: int, follow: bool) -> Iterator[str]:
        """The last lines on an agent's screen, or of its death log; with `follow` again and again until it is gone."""
        ran = told = False
        while True:
            try:
                screen, live = SessionClient.of(self._folder).screen(name, lines=lines)
                ran = True
            except NotRunning as error:
                if not (ran and (self._folder / "endpoint.json").exists()):
                    yield self._last_screen(name, lines=lines)
                    if follow:
                        note("its session does not run")
                    return
                if not told:
                    note(f"{error}: waiting for it")
                    told = True
            else:
                yield screen
                if follow and not live:
                    note(f"{name} is gone")
                if not follow or not live:
                    return
            pause(_POLL)

    def _events(self, **query: Any) -> tuple[list[dict[str, Any]], bool]:
        """One answer, and whether it is the session's own."""
        try:
            return SessionClient.of(self._folder).events(**query), True
        except NotRunning:
            pass
        try:
            return self._recorded(query), False
        except LedgerError:  # a session may have begun to write just now: a second look sees it whole
            return self._recorded(query), False

    def _recorded(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        from loreli_ray.model import EventQuery

        asked = EventQuery.model_validate(query)
        with closing(self._ledger()) as ledger:
            if asked.agent:
                ledger.expect(asked.agent)
            return [event.model_dump(mode="json") for event in ledger.events(**dict(asked))]

    def _last_screen(self, name: str, *, lines: int) -> str:
        from loreli_ray.ledger import read_death_log

        try:
            return read_death_log(self._folder / "logs", name, lines=lines)
        except SessionError:
            with closing(self._ledger()) as ledger:
                ledger.expect(name)
            raise

    def _ledger(self) -> Ledger:
        from loreli_ray.ledger import Ledger

        return Ledger.read(self._folder / "ledger.db")
