"""What can go wrong, as one tree.

    LoreliError
    ├── UsageError            the caller asked for something that can't be meant (exit code 2)
    │   └── ConfigError       loreli.yml or the environment holds a mistake
    ├── IdentityError         no name can be given out
    ├── GitError              a git command failed or took too long
    ├── ForgeError            the embedded git host can't start or its data can't be read
    ├── HubError              the git host refused, or can't be reached
    │   ├── NotFound          404
    │   ├── Refused           401, 403, 405, 422: asking again will not help
    │   ├── Conflict          409, or a compare-and-swap that lost
    │   ├── RateLimited       the budget is used up; `retry_after` says until when
    │   └── Unavailable       5xx, time-out, no connection: worth another try
    ├── TerminalError         tmux failed
    │   └── PaneGone          the pane, or its server, is not there
    ├── WorkspaceError        a mirror or a clone can't be made, pushed or removed
    │   └── RemoteUnavailable  the git host does not answer git: worth another try
    ├── BackendError          an agent program can't be found, launched or spoken to
    ├── LedgerError           the session's record can't be read or written
    ├── ToolRefused           an agent asked for what it may not do; the text tells it why
    └── SessionError          a session can't be started, found or stopped
        ├── NotRunning        it does not run, or does not answer
        └── DeadlineExceeded  an actor did not answer in time (which is not a death)

Every error carries its subject: the agent, pane, issue or file that it is about.
"""

from __future__ import annotations

import re

#: How git (with LC_ALL=C) and the curl beneath it say that nobody answers.
_UNREACHABLE = re.compile(
    r"returned error: (408|429|5\d\d)|HTTP (429|5\d\d)|(failed|could not|couldn't) (to )?(connect|resolve)"
    r"|connection (was )?(refused|reset|timed out|closed)|operation timed out|empty reply|hung up unexpectedly"
    r"|early EOF|expected flush|expected '(packfile|acknowledgments)'|transfer closed|unexpected disconnect"
    r"|RPC failed; curl|not closed cleanly",
    re.IGNORECASE,
)
_REFUSED = re.compile(r"(returned error:|HTTP) (?!408|429)4\d\d")


class LoreliError(Exception):
    """The root of the tree. `str()` is one line: the subject, then what is wrong."""

    def __init__(self, message: str, *, subject: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.subject = subject

    def __str__(self) -> str:
        return f"{self.subject}: {self.message}" if self.subject else self.message

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders; keyword arguments must survive the journey.
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(kind: type[LoreliError], args: tuple[object, ...], state: dict[str, object]) -> LoreliError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class UsageError(LoreliError):
    """The request itself is wrong; the command line ends with exit code 2."""


class ConfigError(UsageError):
    """A mistake in the configuration: file, key path, value, and what would be right."""


class IdentityError(LoreliError):
    """No identity can be given out."""


class GitError(LoreliError):
    """A git command failed. `returncode` is None when it ran out of time."""

    def __init__(self, message: str, *, subject: str = "", returncode: int | None = None, stderr: str = "") -> None:
        super().__init__(message, subject=subject)
        self.returncode = returncode
        self.stderr = stderr

    @property
    def unreachable(self) -> bool:
        """Whether the other side did not answer, or answered that it can't now."""
        return _UNREACHABLE.search(self.stderr) is not None and _REFUSED.search(self.stderr) is None


class ForgeError(LoreliError):
    """The embedded git host can't start, or its data can't be read."""


class HubError(LoreliError):
    """The git host refused, or can't be reached. `status` is the HTTP status, 0 without one."""

    def __init__(self, message: str, *, subject: str = "", status: int = 0) -> None:
        super().__init__(message, subject=subject)
        self.status = status


class NotFound(HubError):
    """404."""


class Refused(HubError):
    """The git host understood and refused; asking again will not help."""


class Conflict(HubError):
    """The state moved under us: 409, or a compare-and-swap that lost."""


class RateLimited(HubError):
    """The budget is used up. `retry_after` is in seconds."""

    def __init__(self, message: str, *, subject: str = "", status: int = 429, retry_after: float = 60.0) -> None:
        super().__init__(message, subject=subject, status=status)
        self.retry_after = retry_after


class Unavailable(HubError):
    """5xx, a time-out or no connection: worth another try."""


class TerminalError(LoreliError):
    """tmux failed."""


class PaneGone(TerminalError):
    """The pane, or the server it lived in, is not there."""


class WorkspaceError(LoreliError):
    """A mirror or a clone can't be made, pushed or removed."""


class RemoteUnavailable(WorkspaceError):
    """The git host does not answer git now: worth another try."""


class BackendError(LoreliError):
    """An agent program can't be found, launched or spoken to."""


class LedgerError(LoreliError):
    """The session's durable record can't be read or written."""


class ToolRefused(LoreliError):
    """An agent asked for what it may not do. The text goes back to the agent."""


class SessionError(LoreliError):
    """A session can't be started, found or stopped."""


class NotRunning(SessionError):
    """The session does not run, or its API does not answer."""


class DeadlineExceeded(SessionError):
    """An actor did not answer in time. A time-out is not a death."""
