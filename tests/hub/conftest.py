"""The forge of each test, with a team of two accounts and a stranger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from loreli_ray.forge import Forge, ForgeServer
from loreli_ray.git import git
from loreli_ray.hub import Hub
from tests.hub.hub_kit import AUTHOR, JUDGE, REPOSITORY, STRANGER, House


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A local repository with one commit on main."""
    path = tmp_path_factory.mktemp("source")
    git("init", "--quiet", cwd=path)
    (path / "README.md").write_text("one\ntwo\nthree\n")
    git("add", "--all", cwd=path)
    git("commit", "--quiet", "-m", "Begin", cwd=path, extra_env=AUTHOR)
    return path


@pytest.fixture
def house(tmp_path: Path, source: Path) -> Iterator[House]:
    forge = Forge.open(tmp_path / "data")
    try:
        forge.add_repository(REPOSITORY, source=source)
        forge.add_collaborator(REPOSITORY, JUDGE)
        forge.add_user(STRANGER)
        with ForgeServer(forge) as server:
            yield House(forge, server, tmp_path)
    finally:
        forge.close()


@pytest.fixture
async def hub(house: House) -> AsyncIterator[Hub]:
    """The team with one account."""
    opened = house.hub()
    try:
        await opened.open()
        yield opened
    finally:
        await opened.close()


@pytest.fixture
async def two(house: House) -> AsyncIterator[Hub]:
    """The team with an account for each side."""
    opened = house.hub(reviewer=JUDGE)
    try:
        await opened.open()
        yield opened
    finally:
        await opened.close()
