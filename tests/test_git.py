"""The runner of git: its credentials, its deadline, and what it keeps git from doing."""

from __future__ import annotations

import os
import socket
import stat
import time
from pathlib import Path

import pytest

from loreli_ray.errors import GitError
from loreli_ray.git import GitCredential, environment, git, git_async

TOKEN = "s3cret-token"
AUTHOR = {
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.invalid",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.invalid",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "repository"
    git("init", "--quiet", str(path))
    git("commit", "--quiet", "--allow-empty", "-m", "Begin", cwd=path, extra_env=AUTHOR)
    return path


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_output_and_input(repository: Path) -> None:
    assert git("branch", "--show-current", cwd=repository) == "main"
    oid = git("hash-object", "-w", "--stdin", cwd=repository, stdin="one\n\n")
    assert git("cat-file", "blob", oid, cwd=repository) == "one\n"
    assert git("hash-object", "--stdin", cwd=repository) == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


async def test_the_same_for_event_loops(repository: Path) -> None:
    assert await git_async("branch", "--show-current", cwd=repository) == "main"
    with pytest.raises(GitError):
        await git_async("rev-parse", "--verify", "nothing", cwd=repository)


def test_failures(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(GitError) as caught:
        git("rev-parse", "--verify", "nothing", cwd=repository)
    error = caught.value
    assert (error.returncode, error.subject) == (128, "git rev-parse")
    assert error.message in error.stderr
    assert error.stderr.startswith("fatal:")
    assert "\n" not in str(error)
    with pytest.raises(GitError, match="can't be run") as caught:
        git("status", cwd=tmp_path / "nowhere")
    assert caught.value.returncode is None
    with pytest.raises(GitError, match="exit status 1"):
        git("diff", "--quiet", "--no-index", "/dev/null", str(repository / ".git" / "HEAD"))


def test_a_message_never_holds_the_arguments(repository: Path) -> None:
    with pytest.raises(GitError) as caught:
        git("--no-pager", "fetch", "--quiet", f"file:///nowhere?{TOKEN}", cwd=repository, timeout=30)
    assert caught.value.subject == "git fetch"


def test_no_credential_where_others_can_see_it(repository: Path, tmp_path: Path) -> None:
    """A git that writes down its own arguments and environment stands in for the process list."""
    real = git("--exec-path")
    seen = tmp_path / "seen"
    body = f'tr "\\0" "\\n" < /proc/$$/cmdline > {seen}.argv; env > {seen}.env; exec {real}/git "$@"'
    script(tmp_path / "bin" / "git", body)
    credential = GitCredential(url="http://127.0.0.1:9/", username="x", token=TOKEN)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    before = os.environ["PATH"]
    os.environ["PATH"] = path
    try:
        with pytest.raises(GitError) as caught:
            git("fetch", "--quiet", "http://127.0.0.1:9/x.git", cwd=repository, credential=credential, timeout=30)
    finally:
        os.environ["PATH"] = before
    header = credential.settings()["http.http://127.0.0.1:9/.extraHeader"].rpartition(" ")[2]
    argv, env = (Path(f"{seen}.{kind}").read_text() for kind in ("argv", "env"))
    assert "fetch" in argv
    assert header in env
    places = [argv, repr(credential), str(credential), repr(caught.value), caught.value.stderr]
    places.append((repository / ".git" / "config").read_text())
    for place in places:
        assert header not in place
        assert TOKEN not in place


def test_nothing_of_the_repository_or_the_user_runs(repository: Path, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    for hook in ("pre-commit", "post-commit", "post-checkout", "reference-transaction", "fsmonitor"):
        script(repository / ".git" / "hooks" / hook, f"echo {hook} >> {trace}")
    git("config", "core.fsmonitor", str(repository / ".git" / "hooks" / "fsmonitor"), cwd=repository)
    git("config", "core.hooksPath", str(repository / ".git" / "hooks"), cwd=repository)
    git("status", cwd=repository)
    git("commit", "--quiet", "--allow-empty", "-m", "More", cwd=repository, extra_env=AUTHOR)
    git("checkout", "--quiet", "-b", "other", cwd=repository)
    with pytest.raises(GitError):
        git("fetch", f"ext::touch {trace}", cwd=repository)
    assert not trace.exists()


def test_configuration_of_the_user_is_not_read(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".gitconfig").write_text("[alias]\n\tstatus-of = status\n[user]\n\tname = Somebody\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'user.name=Somebody'")
    assert git("rev-parse", "--is-inside-work-tree", cwd=repository) == "true"
    with pytest.raises(GitError):
        git("config", "user.name", cwd=repository)
    assert git("config", "user.name", cwd=repository, settings={"user.name": "We"}) == "We"


def test_proxies_and_certificates_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {
        "https_proxy": "http://proxy.invalid:3128",
        "HTTP_PROXY": "http://proxy.invalid:3129",
        "no_proxy": "localhost",
        "ALL_PROXY": "socks5://proxy.invalid",
        "SSL_CERT_FILE": "/etc/ca.pem",
        "SSH_AUTH_SOCK": "/run/agent",
    }
    for name, value in kept.items():
        monkeypatch.setenv(name, value)
    for name in ("GIT_SSH_COMMAND", "GIT_ASKPASS", "GITHUB_TOKEN", "LD_PRELOAD"):
        monkeypatch.setenv(name, "x")
    env = environment()
    assert {name: env.get(name) for name in kept} == kept
    assert not {"GIT_SSH_COMMAND", "GIT_ASKPASS", "GITHUB_TOKEN", "LD_PRELOAD"} & set(env)
    assert env["GIT_TERMINAL_PROMPT"] == "0"


def test_a_host_that_never_answers(repository: Path) -> None:
    """git and its helpers end together; a helper left behind would hold its connection for ever."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x.git"
        began = time.monotonic()
        with pytest.raises(GitError, match=r"took longer than 0\.5 s") as caught:
            git("fetch", url, cwd=repository, timeout=0.5)
        assert caught.value.returncode is None
        assert time.monotonic() - began < 10
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(10)
            while connection.recv(4096):
                pass  # the request; then the end, which comes when the helper is gone
