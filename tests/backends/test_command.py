"""Any program as a backend: how it is found, what its arguments become, and what nobody else may see."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loreli_ray.backends import CommandBackend, Launch, LaunchContext, backend, configured, discover
from loreli_ray.config import PLACEHOLDERS, BackendConfig, Config
from loreli_ray.errors import BackendError
from loreli_ray.identity import Identity, Side
from loreli_ray.model import AgentSpec, Role

SAYS_WHAT_IT_GOT = """#!/bin/sh
for argument in "$@"; do printf '%s\\0' "$argument"; done
"""
TOKEN = "s3cret-token"
_BRACED = [f"{{{name}}}" for name in PLACEHOLDERS]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on PATH with the program `echoer`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    install(folder, "echoer")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def install(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text(SAYS_WHAT_IT_GOT)
    path.chmod(0o755)
    return path


def config(*command: str, **fields: Any) -> BackendConfig:
    return BackendConfig(command=command, provider=fields.pop("provider", "anthropic"), **fields)


def context(tmp_path: Path, **fields: Any) -> LaunchContext:
    identity = Identity(name="kira", theme="scifi", provider="anthropic", side=Side.YIN)
    spec = AgentSpec(session="s", identity=identity, incarnation=1, role=Role.REVIEWER, backend="echoer", node="n")
    folder = tmp_path / "agent"
    folder.mkdir(exist_ok=True)
    (folder / "token").write_text(TOKEN)
    values = {
        "spec": spec,
        "workspace": tmp_path / "clone",
        "folder": folder,
        "mcp_url": "http://127.0.0.1:1/mcp",
        "token_file": folder / "token",
        "model": "balanced",
        "introduction": "You review.",
        "first": "[loreli] Begin.",
        **fields,
    }
    return LaunchContext.model_validate(values)


def arguments(launch: Launch) -> list[str]:
    """What the program itself gets."""
    done = subprocess.run(launch.argv, env=launch.environment, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.split("\0")[:-1]


def test_find(programs: Path) -> None:
    program = CommandBackend("mine", config("echoer", "-x", roles=("action",))).find()
    assert program is not None
    assert (program.backend, program.provider, program.path) == ("mine", "anthropic", str(programs / "echoer"))
    assert program.roles == (Role.ACTION,)
    assert CommandBackend("mine", config("no-such-program")).find() is None
    (programs / "plain").write_text("not for running")
    assert CommandBackend("mine", config("plain")).find() is None
    assert CommandBackend("mine", config(str(programs / "echoer"))).find() is not None


def test_every_placeholder(programs: Path, tmp_path: Path) -> None:
    command = ["echoer", *(f"{name}={{{name}}}" for name in PLACEHOLDERS), "${HOME}", '{"a": 1}', "{}"]
    launch = CommandBackend("echoer", config(*command, models={"balanced": "model-7"})).launch(context(tmp_path))
    assert launch.argv[0] == str(programs / "echoer")
    assert arguments(launch) == [
        f"workspace={tmp_path / 'clone'}",
        "prompt=You review.\n\n[loreli] Begin.",
        f"prompt_file={tmp_path / 'agent' / 'prompt.md'}",
        "mcp_url=http://127.0.0.1:1/mcp",
        f"mcp_token_file={tmp_path / 'agent' / 'token'}",
        "agent=kira",
        "role=reviewer",
        "model=model-7",
        "${HOME}",
        '{"a": 1}',
        "{}",
    ]


def test_a_model_by_its_own_name(programs: Path, tmp_path: Path) -> None:
    mine = CommandBackend("mine", config("echoer", "{model}", models={"fast": "model-1"}))
    assert arguments(mine.launch(context(tmp_path, model="fast"))) == ["model-1"]
    assert arguments(mine.launch(context(tmp_path, model="model-9"))) == ["model-9"]


@pytest.mark.parametrize(
    ("style", "command", "pastes"),
    [
        ("paste", ("echoer",), True),
        ("argument", ("echoer", "{prompt}"), False),
        ("file", ("echoer", "{prompt_file}"), False),
    ],
)
def test_prompt_styles(programs: Path, tmp_path: Path, style: str, command: tuple[str, ...], pastes: bool) -> None:
    launch = CommandBackend("mine", config(*command, prompt=style)).launch(context(tmp_path))
    assert launch.pastes_first is pastes
    prompt = "You review.\n\n[loreli] Begin."
    file = tmp_path / "agent" / "prompt.md"
    assert file.exists() is (style == "file")
    expected = {"paste": [], "argument": [prompt], "file": [str(file)]}
    assert arguments(launch) == expected[style]
    if style == "file":
        assert file.read_text() == prompt


def test_the_prompt_file_is_private(programs: Path, tmp_path: Path) -> None:
    ask = context(tmp_path, first="Grüße\n")
    file = ask.folder / "prompt.md"
    file.write_text("an old one that is longer than the new one, and open to all" * 3)
    file.chmod(0o644)
    CommandBackend("mine", config("echoer", "{prompt_file}", prompt="file")).launch(ask)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes() == "You review.\n\nGrüße\n".encode()


def test_no_secret_in_arguments_or_environment(programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp-of-the-user")
    mine = config("echoer", *(f"{{{name}}}" for name in PLACEHOLDERS), env={"LANG": "C", "LORELI_AGENT": "nobody"})
    launch = CommandBackend("mine", mine).launch(context(tmp_path))
    assert launch.environment == {
        "LANG": "C",
        "LORELI_AGENT": "kira",
        "LORELI_ROLE": "reviewer",
        "LORELI_MCP_URL": "http://127.0.0.1:1/mcp",
        "LORELI_MCP_TOKEN_FILE": str(tmp_path / "agent" / "token"),
        "LORELI_WORKSPACE": str(tmp_path / "clone"),
        "LORELI_EVENTS": str(tmp_path / "agent" / "events.jsonl"),
    }
    assert TOKEN not in json.dumps(launch.model_dump())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.lists(st.sampled_from([*_BRACED, "{", "}", "$", "\\1", "\\g<0>", "$(id)", " "])).map("".join),
)
def test_what_is_filled_in_stays_what_it_is(programs: Path, tmp_path: Path, text: str) -> None:
    command = config("echoer", "{prompt}", "a{model}b", prompt="argument")
    launch = CommandBackend("mine", command).launch(context(tmp_path, first=text, model=text or "x"))
    assert list(launch.argv[1:]) == [f"You review.\n\n{text}", f"a{text or 'x'}b"]


def test_a_program_that_is_not_here(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="mine: 'no-such-program' is not on PATH"):
        CommandBackend("mine", config("no-such-program")).launch(context(tmp_path))


def test_discover(programs: Path) -> None:
    install(programs, "other")
    given_ = Config(
        backends={
            "zeta": config("other", provider="openai"),
            "gone": config("no-such-program"),
            "alpha": config("echoer"),
        }
    )
    assert [one.name for one in configured(given_)] == ["zeta", "gone", "alpha"]
    assert [(one.backend, one.provider) for one in discover(given_)] == [("zeta", "openai"), ("alpha", "anthropic")]
    assert discover(Config()) == ()
    found = backend("alpha", config=given_)
    assert (found.name, found.provider) == ("alpha", "anthropic")
    with pytest.raises(BackendError, match="delta: no such backend"):
        backend("delta", config=given_)
