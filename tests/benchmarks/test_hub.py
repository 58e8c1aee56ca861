"""What an hour of the hub costs at the git host, by the host's own account."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmarks.__main__ import app
from benchmarks.hub import ground, spend


async def test_an_idle_hour_costs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Sixty ticks, a doorbell every quarter of a minute, and everything listed anew four times."""
    async with ground() as made:
        hour = await spend(made, ticks=60, changes=0, workflows=())
    with capsys.disabled():
        print(f"\n{hour.ticks} idle ticks: {hour.hub.wire} requests, {hour.hub.paid} of them paid")
    assert hour.first.paid > 2 + 30 + 3 * 10, "the first look reads everything"
    assert hour.hub.wire > 4 * 60 * 2, "it did ask"
    assert (hour.hub.paid, hour.told) == (0, 0)


def test_the_hub_pays_for_what_changed_and_a_poller_for_everything() -> None:
    result: Any = CliRunner().invoke(app, ["hub", "--ticks", "8", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    idle, busy = found["hours"]
    assert (idle["changes"], busy["changes"]) == (0, 10)
    assert (idle["hub"]["paid"], idle["first_look"]["paid"] > 0) == (0, True)
    assert 10 < busy["hub"]["paid"] == busy["hub"]["told"]
    for hour, ratios in ((idle, [None] * 3), (busy, [busy_of["ratio"] for busy_of in busy["naive"]])):
        assert [one["ratio"] for one in hour["naive"]] == ratios
    for one in idle["naive"]:
        assert one["paid"] == one["wire"] == 8 * one["workflows"] * (2 + 30 + 3 * 10)
    assert busy["naive"][0]["ratio"] == pytest.approx(busy["naive"][0]["paid"] / busy["hub"]["paid"], abs=0.05)
    assert busy["naive"][0]["ratio"] > 2
