"""`python -m benchmarks simulation`: a large team through days of work and trouble, in a minute or two."""

from __future__ import annotations

from typing import Annotated

import typer


def simulation(
    agents: Annotated[int, typer.Option(help="How many agents there may be at once.", min=2)] = 1000,
    issues: Annotated[int, typer.Option(help="How many issues are to be done.", min=1)] = 10_000,
    seed: Annotated[int, typer.Option(help="What chance begins with: the same seed, the same story.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """A team in virtual time: what a tick costs, and whether what must always hold does."""
    raise NotImplementedError
