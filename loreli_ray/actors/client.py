"""The client of a session's HTTP API, with the standard library alone: it starts in no time and joins nothing."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loreli_ray.errors import NotRunning, SessionError

_TIMEOUT = 30.0
_EVENTS_TIMEOUT = 5.0  # they are in a file, too


class SessionClient:
    """Requests to one session. Every method raises `SessionError` with the session's own words when it fails.

    It is `NotRunning` when nobody answered.
    """

    def __init__(self, *, url: str, token: str, session: str) -> None:
        self._url = url
        self._token = token
        self._session = session
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    @classmethod
    def of(cls, folder: Path) -> SessionClient:
        """The client of the session whose folder this is."""
        try:
            endpoint = json.loads((folder / "endpoint.json").read_text())
        except (OSError, ValueError) as error:
            raise NotRunning("it is not running: `loreli-ray up` starts it", subject=folder.name) from error
        return cls(url=endpoint["url"], token=endpoint["token"], session=folder.name)

    def status(self) -> dict[str, Any]:
        return self._ask("/status")

    def events(
        self,
        *,
        after: int | None = None,
        agent: str = "",
        issue: int = 0,
        kinds: Sequence[str] = (),
        since: float = 0.0,
        limit: int = 1000,
    ) -> list[dict[str, Any]]:
        """The last `limit` events, or with `after` the first `limit` of a higher number; oldest first."""
        query: dict[str, object] = {"agent": agent, "issue": issue, "kinds": kinds, "since": since, "limit": limit}
        if after is not None:
            query["after"] = after
        return self._ask(f"/events?{urllib.parse.urlencode(query, doseq=True)}", timeout=_EVENTS_TIMEOUT)

    def screen(self, agent: str, *, lines: int) -> tuple[str, bool]:
        """The last lines on its screen, and whether it lives; when it does not, they are of its death log."""
        answer = self._ask(f"/agents/{urllib.parse.quote(agent, safe='')}/screen?lines={lines}")
        return str(answer["screen"]), bool(answer["live"])

    def attach_command(self, agent: str) -> list[str]:
        return [str(word) for word in self._ask(f"/agents/{urllib.parse.quote(agent)}/attach")["command"]]

    def send(self, agent: str, text: str) -> None:
        self._ask(f"/agents/{urllib.parse.quote(agent)}/send", body=text.encode())

    def stop(self, agent: str) -> None:
        self._ask(f"/agents/{urllib.parse.quote(agent)}/stop", body=b"")

    def kill(self, agent: str) -> None:
        self._ask(f"/agents/{urllib.parse.quote(agent)}/kill", body=b"")

    def health(self, agent: str) -> dict[str, Any]:
        """How an agent fares, and on what evidence."""
        return self._ask(f"/agents/{urllib.parse.quote(agent)}/health")

    def reset_backend(self, name: str) -> int:
        """Closes a backend's breakers; how many were not closed."""
        return int(self._ask(f"/backends/{urllib.parse.quote(name)}/reset", body=b"")["closed"])

    def _ask(self, path: str, *, body: bytes | None = None, timeout: float = _TIMEOUT) -> Any:
        request = urllib.request.Request(self._url + path, data=body)
        request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with self._open(request, timeout=timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            try:
                said = str(json.load(error)["error"])
            except (ValueError, KeyError):
                said = f"HTTP {error.code}"
            raise SessionError(said, subject=self._session) from error
        except (OSError, ValueError) as error:
            raise NotRunning(f"it does not answer ({error})", subject=self._session) from error
