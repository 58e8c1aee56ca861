from __future__ import annotations

import json
from pathlib import Path

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
    assert "MISS GITHUB_TOKEN: not set" in done.stdout


def test_mistakes_in_the_configuration_are_findings(shell: Shell) -> None:
    (shell.cwd / "loreli.yml").write_text("scaling: {maxAgents: many}")
    done = shell.run("doctor")
    assert done.returncode == 1
    assert "scaling.maxAgents" in done.stdout
