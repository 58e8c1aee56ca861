"""The team's accounts, as the environment names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from loreli_ray.cli.credentials import credentials
from loreli_ray.errors import UsageError
from loreli_ray.model import AppKey

PEM = "-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0\n-----END RSA PRIVATE KEY-----\n"


def test_tokens() -> None:
    one = credentials({"GITHUB_TOKEN": "t", "GITHUB_REVIEWER_TOKEN": ""})
    assert (one.author, one.reviewer) == ("t", None)
    two = credentials({"GITHUB_TOKEN": "t", "GITHUB_REVIEWER_TOKEN": "r"})
    assert (two.author, two.reviewer) == ("t", "r")


def test_apps(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(PEM)
    key = AppKey(app_id="7", private_key=PEM)
    for text in (PEM, PEM.replace("\n", "\\n"), str(file)):
        found = credentials({"GITHUB_TOKEN": "t", "GITHUB_APP_ID": "7", "GITHUB_APP_PRIVATE_KEY": text})
        assert (found.author, found.reviewer) == (key, None)
    found = credentials(
        {
            "GITHUB_TOKEN": "t",
            "GITHUB_REVIEWER_TOKEN": "r",
            "GITHUB_REVIEWER_APP_ID": "7",
            "GITHUB_REVIEWER_APP_PRIVATE_KEY": str(file),
            "GITHUB_REVIEWER_APP_INSTALLATION_ID": "12",
        }
    )
    assert (found.author, found.reviewer) == ("t", key.model_copy(update={"installation_id": 12}))
    assert "c2VjcmV0" not in f"{found!r} {found} {found.reviewer!r} {[found.reviewer]}"
    assert type(found).model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "GITHUB_TOKEN: is not set"),
        ({"GITHUB_TOKEN": ""}, "GITHUB_TOKEN: is not set"),
        ({"GITHUB_APP_ID": "7"}, "GITHUB_APP_PRIVATE_KEY: is not set"),
        ({"GITHUB_APP_ID": "7", "GITHUB_APP_PRIVATE_KEY": "/no/such"}, "GITHUB_APP_PRIVATE_KEY: is neither"),
        ({"GITHUB_APP_ID": "7", "GITHUB_APP_PRIVATE_KEY": "c2VjcmV0" * 900}, "GITHUB_APP_PRIVATE_KEY: is neither"),
        ({"GITHUB_APP_ID": "7", "GITHUB_APP_PRIVATE_KEY": __file__ + "\0"}, "GITHUB_APP_PRIVATE_KEY: is neither"),
        (
            {"GITHUB_APP_ID": "7", "GITHUB_APP_PRIVATE_KEY": PEM, "GITHUB_APP_INSTALLATION_ID": "x"},
            "GITHUB_APP_INSTALLATION_ID: is no number",
        ),
    ],
)
def test_what_cannot_be_used(given: dict[str, str], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint) as caught:
        credentials(given)
    assert "c2VjcmV0" not in str(caught.value)


def test_a_file_without_a_key(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("no key")
    with pytest.raises(UsageError, match="holds no private key"):
        credentials({"GITHUB_APP_ID": "7", "GITHUB_APP_PRIVATE_KEY": str(tmp_path / "key")})
