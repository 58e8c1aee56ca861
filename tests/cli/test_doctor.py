from __future__ import annotations

import json
from pathlib import Path

from loreli_ray.forge import Forge, ForgeServer
from tests.cli.conftest import Shell


def test_all_is_there(shell: Shell) -> None:
    done = shell.run("doctor", "--json")
    assert done.returncode == 0, done.stdout
    found = {finding["what"]: finding["ok"] for finding in json.loads(done.stdout)}
    assert [found[what] for what in ("Python", "git", "tmux", "Ray")] == [True] * 4


def test_what_is_missing_is_named_with_the_command_that_installs_it(shell: Shell, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "git").symlink_to("/usr/bin/git")
    (tools / "apt-get").write_text("#!/bin/sh\n")
    (tools / "apt-get").chmod(0o755)
    (shell.cwd / "loreli.yml").write_text("repo: a/b\nbackends: {mine: {command: [no-such-program], provider: openai}}")
    done = shell.run("doctor", PATH=str(tools))
    assert done.returncode == 1
    assert "MISS tmux: not found → apt-get install tmux" in done.stdout
    assert "MISS backend mine: not found" in done.stdout
    assert "MISS GITHUB_TOKEN: is not set" in done.stdout


def test_mistakes_in_the_configuration_are_findings(shell: Shell) -> None:
    (shell.cwd / "loreli.yml").write_text("scaling: {maxAgents: many}")
    done = shell.run("doctor")
    assert done.returncode == 1
    assert "scaling.maxAgents" in done.stdout


def test_the_git_host_is_asked(shell: Shell, tmp_path: Path) -> None:
    forge = Forge.open(tmp_path / "data")
    try:
        forge.add_repository("me/mine", source=None)
        with ForgeServer(forge) as server:
            (shell.cwd / "loreli.yml").write_text(f"repo: me/mine\nhub: {{apiUrl: '{server.url}'}}")
            token = forge.token("me")
            done = shell.run("doctor", "--json", GITHUB_TOKEN=token)
            found = {one["what"]: (one["ok"], one["needed"]) for one in json.loads(done.stdout)}
            assert found["author"] == found["author may push"] == (True, True)
            assert found["reviewer"] == (False, False)
            assert token not in done.stdout + done.stderr
            wrong = shell.run("doctor", GITHUB_TOKEN="no-such-token")
            assert wrong.returncode == 1
            assert "MISS author: the git host does not take it → make a fine-grained token" in wrong.stdout
    finally:
        forge.close()
    away = shell.run("doctor", GITHUB_TOKEN="x")
    assert away.returncode == 1
    assert "MISS git host: " in away.stdout
    assert "MISS git host" not in shell.run("doctor", "--offline", GITHUB_TOKEN="x").stdout


def test_a_key_is_never_shown(shell: Shell) -> None:
    (shell.cwd / "loreli.yml").write_text("repo: me/mine")
    done = shell.run("doctor", GITHUB_APP_ID="7", GITHUB_APP_PRIVATE_KEY="c2VjcmV0")
    assert done.returncode == 1
    assert "MISS GITHUB_APP_PRIVATE_KEY: is neither" in done.stdout
    assert "c2VjcmV0" not in done.stdout + done.stderr
