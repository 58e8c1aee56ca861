"""The entry: `python -m benchmarks NAME [options]`. A benchmark is one import and one line here."""

from __future__ import annotations

import sys

import typer

from benchmarks.hub.command import hub
from benchmarks.simulation.command import simulation
from benchmarks.supervision.command import supervision
from loreli_ray.errors import LoreliError, UsageError

app = typer.Typer(
    name="python -m benchmarks",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.command("hub")(hub)
app.command("simulation")(simulation)
app.command("supervision")(supervision)


@app.callback(help="Measures what the control plane costs.")
def _benchmarks() -> None: ...


def main() -> None:
    """Exit codes: 0 done, 1 failed, 2 asked wrongly, 130 Ctrl-C."""
    try:
        app()
    except LoreliError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
