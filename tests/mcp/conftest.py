"""A gateway on a free port, and what its agents' calls come to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.mcp.mcp_kit import Counter, House


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        yield await House.open(Counter(), tmp_path, stack)
