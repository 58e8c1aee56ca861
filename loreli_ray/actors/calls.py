"""How actors find and call each other: by name, with a deadline on every call. A time-out is not a death."""

from __future__ import annotations

import asyncio
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayTaskError

from loreli_ray.errors import DeadlineExceeded, LoreliError, SessionError

NAMESPACE = "loreli"


def actor_name(session: str, kind: str, name: str = "") -> str:
    """`<session>/<kind>[/<name>]` (DESIGN section 4)."""
    return "/".join(part for part in (session, kind, name) if part)


class Gone(SessionError):
    """The actor does not exist, or died under the call."""


class Peer:
    """Another actor of the session. It is looked up when it is first called, and again after it was gone.

    `deadline` is the seconds that a call may take unless the call says otherwise.
    """

    def __init__(self, session: str, kind: str, name: str = "", *, deadline: float) -> None:
        self.name = actor_name(session, kind, name)
        self._deadline = deadline
        self._handle: Any = None

    async def call(self, method: str, *arguments: Any, deadline: float | None = None, **named: Any) -> Any:
        """The answer. Raises `DeadlineExceeded`, `Gone`, or what the method raised."""
        handle = self._find()
        allowed = self._deadline if deadline is None else deadline
        try:
            return await asyncio.wait_for(_answer(getattr(handle, method).remote(*arguments, **named)), allowed)
        except TimeoutError as error:
            raise DeadlineExceeded(f"{method} took longer than {allowed:g} s", subject=self.name) from error
        except RayActorError as error:
            self._handle = None
            raise Gone(f"died or is being restarted during {method}", subject=self.name) from error
        except RayTaskError as error:
            raise unwrapped(error, subject=self.name) from error

    def tell(self, method: str, *arguments: Any) -> None:
        """A call whose answer nobody needs: the receiver looks at what is anyway, this makes it look sooner."""
        try:
            getattr(self._find(), method).remote(*arguments)
        except Gone:
            return

    def kill(self) -> None:
        """Ends the actor's process for good; nothing happens when there is none."""
        try:
            ray.kill(self._find())
        except Gone:
            return
        self._handle = None

    def exists(self) -> bool:
        self._handle = None
        try:
            self._find()
        except Gone:
            return False
        return True

    def _find(self) -> Any:
        if self._handle is None:
            try:
                self._handle = ray.get_actor(self.name, namespace=NAMESPACE)
            except ValueError as error:
                raise Gone("there is no such actor", subject=self.name) from error
        return self._handle


async def _answer(reference: Any) -> Any:
    return await reference


def unwrapped(error: RayTaskError, *, subject: str) -> LoreliError:
    """The error that the other side raised, without Ray's wrapping."""
    cause: object = error.cause  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]
    if isinstance(cause, LoreliError):
        return cause
    return SessionError(f"{type(cause).__name__}: {cause}", subject=subject)


def wait(reference: Any, *, deadline: float, subject: str) -> Any:
    """For drivers, which have no event loop: the answer, or `DeadlineExceeded`, `Gone`, or what was raised."""
    try:
        return ray.get(reference, timeout=deadline)
    except GetTimeoutError as error:
        raise DeadlineExceeded(f"no answer in {deadline:g} s", subject=subject) from error
    except RayActorError as error:
        raise Gone("died or is being restarted", subject=subject) from error
    except RayTaskError as error:
        raise unwrapped(error, subject=subject) from error
