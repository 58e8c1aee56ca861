"""The forge of each test, and people to use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from loreli_ray.forge import Forge, ForgeServer
from tests.forge.api_judge import Judge
from tests.forge.forge_kit import COLLABORATOR, OWNER, REPOSITORY, STRANGER, Checkout, House, run_git


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A local repository with one commit on main."""
    path = tmp_path_factory.mktemp("source")
    run_git("init", "-q", "-b", "main", cwd=path)
    Checkout(path).commit("main", {"README.md": "one\ntwo\nthree\n", "src/a.py": "a = 1\n"}, message="Begin")
    return path


@pytest.fixture
def forge(tmp_path: Path, source: Path) -> Iterator[Forge]:
    opened = Forge.open(tmp_path / "data")
    opened.add_repository(REPOSITORY, source=source)
    opened.add_collaborator(REPOSITORY, COLLABORATOR)
    opened.add_user(STRANGER)
    yield opened
    opened.close()


@pytest.fixture
def house(forge: Forge, tmp_path: Path) -> Iterator[House]:
    judge = Judge()
    with ForgeServer(forge, around=judge) as server:
        yield House(forge, server, tmp_path)
    assert not judge.complaints


@pytest.fixture
def owner(house: House) -> Iterator[httpx.Client]:
    with house.http(OWNER) as client:
        yield client


@pytest.fixture
def ci(house: House) -> Iterator[httpx.Client]:
    """An app that reports on commits."""
    with house.app() as client:
        yield client


@pytest.fixture
def collaborator(house: House) -> Iterator[httpx.Client]:
    with house.http(COLLABORATOR) as client:
        yield client


@pytest.fixture
def stranger(house: House) -> Iterator[httpx.Client]:
    with house.http(STRANGER) as client:
        yield client
