"""The team's accounts, from the environment: nowhere else would a secret be safe from being committed or listed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from loreli_ray.errors import UsageError

if TYPE_CHECKING:
    from loreli_ray.model import AppKey, Credentials

AUTHOR, REVIEWER = "GITHUB_", "GITHUB_REVIEWER_"


def credentials(environment: Mapping[str, str]) -> Credentials:
    """The accounts that the environment names. Raises `UsageError` for what can't be used.

    `GITHUB_TOKEN`, or `GITHUB_APP_ID` with `GITHUB_APP_PRIVATE_KEY` (PEM, or the path of a file with it) and, where it
    is not to be looked up, `GITHUB_APP_INSTALLATION_ID`; an App goes before a token, which many environments have. The
    same with `GITHUB_REVIEWER_…` for the second account. `GITHUB_WEBHOOK_SECRET` is what deliveries are signed with.
    """
    from loreli_ray.model import Credentials

    app, reviewer_app = _app(environment, AUTHOR), _app(environment, REVIEWER)
    token = environment.get(f"{AUTHOR}TOKEN") or None
    if app is None and token is None:
        raise UsageError("is not set: the team needs a token that may push to the repository", subject=f"{AUTHOR}TOKEN")
    return Credentials(
        token=None if app else token,
        app=app,
        reviewer_token=None if reviewer_app else environment.get(f"{REVIEWER}TOKEN") or None,
        reviewer_app=reviewer_app,
        webhook_secret=environment.get("GITHUB_WEBHOOK_SECRET") or None,
    )


def _app(environment: Mapping[str, str], prefix: str) -> AppKey | None:
    from loreli_ray.model import AppKey

    identifier = environment.get(f"{prefix}APP_ID", "").strip()
    if not identifier:
        return None
    installation = environment.get(f"{prefix}APP_INSTALLATION_ID", "").strip()
    if installation and not installation.isdecimal():
        subject = f"{prefix}APP_INSTALLATION_ID"
        raise UsageError("is no number: it is the last part of the installation's URL", subject=subject)
    key = _private_key(environment.get(f"{prefix}APP_PRIVATE_KEY", ""), name=f"{prefix}APP_PRIVATE_KEY")
    return AppKey(app_id=identifier, private_key=key, installation_id=int(installation) if installation else None)


def _private_key(value: str, *, name: str) -> str:
    """The key in PEM; line ends may be written as `\\n`, as many a CI system needs them."""
    if "-----BEGIN" in value:
        return value.replace("\\n", "\n")
    if not value.strip():
        raise UsageError("is not set: the App's private key in PEM, or the path of a file with it", subject=name)
    try:
        text = Path(value.strip()).expanduser().read_text()
    except (OSError, ValueError, RuntimeError) as error:
        wrong = "is neither a private key in PEM nor the path of a file that can be read"
        raise UsageError(wrong, subject=name) from error
    if "-----BEGIN" not in text:
        raise UsageError("is the path of a file that holds no private key in PEM", subject=name)
    return text
