"""What the supervisor makes of agents that misbehave, with real programs in real panes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]
Make = Callable[..., Any]
SHORT = {"stall": 4.0, "rapid_death": 1.0}


def odd(how: str, provider: str, **more: Any) -> dict[str, Any]:
    """A backend whose program is an odd agent."""
    return {
        "command": [sys.executable, str(Path(__file__).with_name("odd_agent.py")), how],
        "provider": f"scripted-{provider}",
        **more,
    }


def severities(working: Any, agent: str) -> list[str]:
    return [event["data"]["severity"] for event in working.events("stall", agent)]


def test_motion_is_no_progress_and_silence_is_no_stall(team: Make) -> None:
    issues = (("Task", "Do it."), ("Other task", "Do it."))
    backends = {"yin": odd("spin", "yin"), "yang": odd("compile", "yang")}
    working = team(issues=issues, agents=4, timeouts=SHORT, backends=backends)
    spinner = working.until(
        lambda s: next((a["name"] for a in s["agents"] if a["backend"] == "yin" and a["issue"]), None), "one spins"
    )
    working.until(lambda _: working.events("removed", spinner), "who only spins is removed")
    assert severities(working, spinner) == ["nudge", "warning", "critical"]
    (removed,) = working.events("removed", spinner)
    assert (removed["data"]["reason"], removed["data"]["unexpected"]) == ("stalled", True)
    (compiler,) = [a for a in working.status()["agents"] if a["backend"] == "yang"]
    assert compiler["state"] == "working"
    assert compiler["age"] > SHORT["stall"], "it has not said a word for longer than that"
    assert severities(working, compiler["name"]) == []


def test_what_a_hook_writes_down_is_progress(team: Make) -> None:
    backends = {name: odd("hooks", name) for name in ("yin", "yang")}
    working = team(issues=(("Task", "Do it."),), agents=2, timeouts=SHORT, backends=backends)
    agent = working.until(
        lambda s: next((a for a in s["agents"] if a["source"] == "event" and a["issue"]), None), "its hook is seen"
    )
    found = working.client.health(agent["name"])
    assert (found["status"], found["alive"]) == ("healthy", True)
    assert {sign["source"] for sign in found["evidence"]} >= {"process", "program", "progress", "screen"}
    assert found["output_length"] > 0
    assert working.client.health("nobody")["status"] == "not-found"
    began = working.status()["now"]
    working.until(lambda s: s["now"] - began > 2 * SHORT["stall"], "two stall times go by")
    assert severities(working, agent["name"]) == []


def test_a_backend_that_says_it_cannot_go_on_is_left_for_another(team: Make) -> None:
    failures = {"quota": r"\* usage limit reached.*"}
    issues = (("Task", "Do it."),)
    backends = {"yin": odd("limit", "yin", failures=failures), "yang": odd("hooks", "yang")}
    working = team(issues=issues, agents=4, timeouts=SHORT, backends=backends, scaling={"max_per_role": {"action": 1}})

    def breaker(status: dict[str, Any]) -> dict[str, Any] | None:
        found = [b for node in status["nodes"] for b in node["breakers"] if b["backend"] == "yin"]
        return found[0] if found and found[0]["state"] == "open" else None

    opened = working.until(breaker, "after three such deaths it is not used any more")
    assert opened["failures"] == 3
    assert 0 < opened["retry_in"] <= 30
    deaths = working.events("rapid-death")
    assert {event["data"]["reason"] for event in deaths} == {"stuck-alive"}
    assert all("usage limit reached" in event["text"] for event in deaths)
    working.until(
        lambda s: [a for a in s["agents"] if a["backend"] == "yang" and a["role"] == "action"], "the other one is used"
    )
    assert working.client.reset_backend("yin") == 1
    assert not breaker(working.status())
    assert [event["data"]["state"] for event in working.events("breaker")] == ["open", "closed"]


def test_an_issue_on_which_agents_keep_dying_waits_for_a_human_and_the_others_go_on(team: Make) -> None:
    issues = (("A cursed task", "Whoever reads this dies: cursed."), ("A plain task", "Do it."))
    backends = {name: odd("cursed", name) for name in ("yin", "yang")}
    working = team(
        issues=issues,
        agents=3,
        timeouts={"rapid_death": 0.0},
        backends=backends,
        supervision={"max_restarts": 2},
    )
    (escalated,) = working.until(lambda _: working.events("escalated"), "a human is asked")
    cursed, plain = working.stage.issues
    assert escalated["issue"] == cursed
    assert escalated["text"].startswith("3 agents died on it unexpectedly")
    removed = [event for event in working.events("removed") if event["issue"] == cursed]
    assert [event["data"]["unexpected"] for event in removed] == [True] * 3
    labels, texts = working.issue(cursed)
    assert labels == {"loreli", "loreli:human"}
    assert any("3 agents died on it" in text for text in texts)
    working.until(lambda _: [e for e in working.events("claimed") if e["issue"] == plain], "the other issue is taken")
