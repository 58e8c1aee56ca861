"""The forge of each test, with a team of two accounts and a stranger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loreli_ray.clock import Clock, ManualClock, SystemClock
from loreli_ray.forge import Forge, ForgeServer
from loreli_ray.git import git
from loreli_ray.hub import Hub
from tests.hub.hub_kit import AUTHOR, JUDGE, REPOSITORY, STRANGER, House, Trouble


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
    with _house(tmp_path, source, SystemClock()) as house:
        yield house


@pytest.fixture
def still(tmp_path: Path, source: Path) -> Iterator[House]:
    """A house where time stands still for the host as well."""
    with _house(tmp_path, source, ManualClock()) as house:
        yield house


@contextmanager
def _house(folder: Path, source: Path, time: Clock) -> Generator[House]:
    forge = Forge.open(folder / "data", clock=time)
    try:
        forge.add_repository(REPOSITORY, source=source)
        forge.add_collaborator(REPOSITORY, JUDGE)
        forge.add_user(STRANGER)
        trouble = Trouble()
        with ForgeServer(forge, rate_limit=10**6, around=trouble.around) as server:
            yield House(forge, server, folder, time if isinstance(time, ManualClock) else ManualClock(), trouble)
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
