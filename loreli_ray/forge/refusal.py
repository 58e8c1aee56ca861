"""What the forge refuses, with the status and the words GitHub uses for it.

A refusal is part of the answer, not a failure of the forge: the REST layer turns it into GitHub's error form
(https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api), callers of the core see an exception.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loreli_ray.errors import ForgeError


class Refusal(ForgeError):
    """`status` is the HTTP status, `errors` the details that GitHub lists beneath a 422, `retry_after` how many seconds
    to wait before asking again."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.errors = [dict(error) for error in errors]


def not_found() -> Refusal:
    """404, also for what the asker may not see."""
    return Refusal(404, "Not Found")


def forbidden(message: str = "Must have push access to the repository.") -> Refusal:
    """403: known, but not allowed."""
    return Refusal(403, message)


def invalid(resource: str, *, field: str, code: str = "invalid", message: str = "") -> Refusal:
    """422 for one field; `code` is GitHub's: missing, missing_field, invalid, already_exists, custom."""
    error = {"resource": resource, "field": field, "code": code}
    return Refusal(422, "Validation Failed", errors=[error | ({"message": message} if message else {})])


def unprocessable(message: str) -> Refusal:
    """422 with nothing but a sentence."""
    return Refusal(422, message)
