"""The benchmark in virtual time: it runs in small, and it says so when what must hold does not."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmarks.__main__ import app
from benchmarks.simulation import Broken, Dice, Host
from benchmarks.simulation import team as simulated
from benchmarks.simulation.roster import Roster
from benchmarks.simulation.scenario import large
from loreli_ray.config import ScalingConfig
from loreli_ray.identity import Side
from loreli_ray.model import AskHuman, Authorship, Claim, Intent, Land, Outcome, Pull, Role, ScalePlan
from loreli_ray.policy import plan
from loreli_ray.roles import HANDLERS, Tick
from tests.policy.kit import NOW, by, record, spec, work

SMALL = ["simulation", "--agents", "30", "--issues", "200"]
PARTS = {"roles", "scaling", "judging", "fleet", "decisions", "rest", "tick"}


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize("seed", [1, 2, 5])
def test_all_holds_and_every_issue_ends(seed: int) -> None:
    result = run(*SMALL, "--seed", str(seed), "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["landed"] + found["held"] == found["issues"] == 200
    assert found["landed"] > 150
    assert found["tick_ms"].keys() == PARTS
    assert found["most_agents"] == 30, "the cap was reached, so that it was tried"


def test_the_same_seed_is_the_same_story() -> None:
    stories = [json.loads(run(*SMALL, "--seed", "4", "--json").stdout) for _ in range(2)]
    for story in stories:
        del story["tick_ms"], story["seconds"]
    assert stories[0] == stories[1]
    assert {"rapid-death", "nudge", "lost", "node lost"} <= stories[0]["happened"].keys()


def test_people_get_a_table() -> None:
    result = run("simulation", "--agents", "8", "--issues", "5")
    assert result.exit_code == 0
    assert "5 issues" in result.stdout
    assert "judging all agents" in result.stdout


# ── a rule that is broken is noticed, and said ──


def greedy(*arguments: Any, **options: Any) -> ScalePlan:
    """A plan that forgets the caps."""
    return plan(*arguments, **options | {"scaling": ScalingConfig(max_agents=10_000, max_per_tick=10)})


def hasty(tick: Tick) -> Iterator[Intent]:
    """Lands what nobody has judged."""
    for pull in tick.pulls[:1]:
        assert pull.by is not None
        yield Land(base_head="base-0", pull=pull, issue=pull.by.issue, title=pull.title, rounds=0)


def mute(tick: Tick) -> Iterator[Intent]:
    """Gives an issue to a human without a word."""
    for issue in tick.workable[:1]:
        yield AskHuman(issue=issue.number, why="")


def test_a_plan_that_forgets_the_caps_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated, "plan", greedy)
    result = run(*SMALL, "--seed", "5")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "seed 5, step " in result.stderr
    assert "more than max" in result.stderr


@pytest.mark.parametrize(
    ("name", "handler", "what"),
    [
        ("landing.land", hasty, "landed without a verdict"),
        ("action.escalate", mute, "no human was told why"),
    ],
)
def test_a_role_that_breaks_a_rule_is_caught(
    name: str, handler: Any, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(HANDLERS, name, handler)
    with pytest.raises(Broken, match=what):
        for _ in large(agents=8, issues=10, seed=1).run():
            pass


def host() -> Host:
    return Host(3, dice=Dice(1, frozenset()), single=False, closes=True, files=3)


def opened(host: Host, author: Authorship) -> Pull:
    """A pull request by `author`, who holds the claim."""
    claim(host, author)
    host.push("ann/1", host.commit(host.base_head, merge_base=True))
    pull = host.pull(host.open_pull(branch="ann/1", by=author))
    assert pull is not None
    return pull


def claim(host: Host, who: Authorship, *, seen: Claim | None = None) -> Claim:
    return host.take(
        who.issue, session=who.session, agent=who.agent, generation=who.generation, until=host.now + 60, seen=seen
    )


def test_the_host_knows_its_rules() -> None:
    ours = host()
    pull = opened(ours, by("ann"))
    with pytest.raises(Broken, match="a side reviewed itself"):
        ours.review(pull, outcome=Outcome.APPROVE, by=by("cid", side=Side.YIN))
    ours.review(pull, outcome=Outcome.REQUEST_CHANGES, by=by("bob", side=Side.YANG))
    with pytest.raises(Broken, match="without approval"):
        ours.merge(pull)
    with pytest.raises(Broken, match="changed hands"):
        claim(ours, by("eve"), seen=ours.claims[1])
    with pytest.raises(Broken, match="handed in without the claim"):
        ours.open_pull(branch="ann/1", by=by("eve"))
    claim(ours, by("ann", generation=2), seen=ours.claims[1])
    ours.review(pull, outcome=Outcome.APPROVE, by=by("dan", side=Side.YANG))
    with pytest.raises(Broken, match="stale generation"):
        ours.merge(pull)


def test_nothing_lands_twice() -> None:
    ours = host()
    for _ in range(2):
        pull = opened(ours, by("ann"))
        ours.review(pull, outcome=Outcome.APPROVE, by=by("bob", side=Side.YANG))
        if ours.landed:
            with pytest.raises(Broken, match="landed twice"):
                ours.merge(pull)
        else:
            ours.merge(pull)
            ours.drop(1)


def test_the_roster_knows_its_rules() -> None:
    roster = Roster(scaling=ScalingConfig(max_agents=2, max_per_role={"reviewer": 0}), slots={"n1": 3})
    roster.add(record(work=work(1), connected_at=NOW))
    with pytest.raises(Broken, match="one name"):
        roster.add(record())
    with pytest.raises(Broken, match="two agents work on issue #1: ann and bob"):
        roster.add(record(spec("bob"), work=work(1), connected_at=NOW))
    with pytest.raises(Broken, match="maxAgents"):
        roster.add(record(spec("cid")))
    with pytest.raises(Broken, match="more agents than slots: dan on n1"):
        roster.add(record(spec("dan")))
    roster.remove("ann")
    roster.remove("bob")
    roster.remove("cid")
    with pytest.raises(Broken, match="maxPerRole"):
        roster.add(record(spec("eve", role=Role.REVIEWER)))


def test_ctrl_c_ends_it_without_noise() -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "benchmarks", "simulation", "--agents", "100", "--issues", "50000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs) as running:
        os.close(theirs)
        seen = b""
        try:
            while b"issues done" not in seen:  # the progress is shown
                seen += os.read(ours, 4096)
            running.send_signal(signal.SIGINT)
            assert running.communicate(timeout=20)[0] == b""
        finally:
            running.kill()
            os.set_blocking(ours, False)
            with suppress(OSError):
                seen += os.read(ours, 1 << 16)
            os.close(ours)
    assert running.returncode == 130
    assert b"Traceback" not in seen
