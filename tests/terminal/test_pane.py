"""Panes of a real tmux server: input, output, and the ways a program ends."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loreli_ray.errors import PaneGone, UsageError
from loreli_ray.terminal import MAX_INPUT, Pane, TerminalServer, alive, clean_input, descendants, start_time
from loreli_ray.terminal.tmux import Tmux

Start = Callable[..., Pane]
Wait = Callable[..., None]


@pytest.mark.parametrize(
    ("code", "exit_code", "number"),
    [
        ("pass", 0, None),
        ("raise SystemExit(7)", 7, None),
        ("raise SystemExit(127)", 127, None),
        ("import os; os.kill(os.getpid(), 9)", None, signal.SIGKILL),
        ("import os; os.kill(os.getpid(), 11)", None, signal.SIGSEGV),
    ],
)
def test_how_it_ended_can_be_read_afterwards(
    start: Start, wait_until: Wait, code: str, exit_code: int | None, number: int | None
) -> None:
    pane = start(code)
    wait_until(lambda: not pane.alive())
    status = pane.exit_status()
    assert status is not None
    assert (status.exit, status.signal, status.reason) == (exit_code, number, "exited")
    with pytest.raises(PaneGone):
        pane.send("too late")


def test_a_program_that_is_not_there(server: TerminalServer, tmp_path: Path, wait_until: Wait) -> None:
    pane = server.launch(
        agent="kira",
        incarnation=1,
        argv=["/no/such/program"],
        cwd=tmp_path,
        environment={},
        status_file=tmp_path / "status",
        grace=1,
    )
    wait_until(lambda: not pane.alive())
    status = pane.exit_status()
    assert status is not None
    assert (status.exit, status.reason) == (127, "launch-failed")
    assert pane.capture() == "/no/such/program: No such file or directory"


def test_the_last_output_outlives_the_program(start: Start, wait_until: Wait) -> None:
    panes = [start("for n in range(2000): print(n)", agent=f"a{n}") for n in range(4)]
    for pane in panes:
        wait_until(lambda pane=pane: not pane.alive())
        assert pane.capture(1500) == "\n".join(str(n) for n in range(500, 2000))


def test_the_leader_stays_while_tmux_reads_the_rest(start: Start, wait_until: Wait) -> None:
    # tmux throws away what it has not read when the leader exits; 0.15 s is what measurements asked for.
    pane = start("print('last words')")
    wait_until(lambda: not pane.alive())
    noticed = time.time()
    status = pane.exit_status()
    assert status is not None
    assert noticed - status.ended >= 0.15


def test_capture_is_the_screen_or_the_last_lines(start: Start, wait_until: Wait) -> None:
    pane = start(
        "print('\\n'.join(map(str, range(100))) + '\\x1b[31m red  \\x1b[0m ', end=''); import time; time.sleep(60)"
    )
    wait_until(lambda: "red" in pane.capture())
    assert pane.capture() == "\n".join([*map(str, range(50, 99)), "99 red"])
    assert pane.capture(2) == "98\n99 red"
    assert pane.capture(90).startswith("10\n11\n")
    with pytest.raises(UsageError):
        pane.capture(0)


def test_ctrl_c_reaches_the_program_though_our_thread_blocks_sigint(start: Start, wait_until: Wait) -> None:
    code = """
import signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit(42))
print("up", flush=True)
while True: time.sleep(60)
"""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD})
    try:
        pane = start(code)
        assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    wait_until(lambda: pane.capture() == "up")
    pane.interrupt()
    wait_until(lambda: not pane.alive())
    status = pane.exit_status()
    assert status is not None
    assert (status.exit, status.reason) == (42, "exited")


def test_ctrl_z_does_not_put_a_program_to_sleep(start: Start, wait_until: Wait) -> None:
    pane = start("import sys\nfor line in sys.stdin: print('got', line, flush=True)")
    wait_until(lambda: len(descendants(pane.pid)) == 1)
    pane.press("C-z")
    pane.send("hello")
    wait_until(lambda: "got hello" in pane.capture())


def test_only_names_of_keys_are_pressed(start: Start) -> None:
    pane = start("import time; time.sleep(60)")
    for key in ("Enter ; kill-server", "", "'", "a b"):
        with pytest.raises(UsageError):
            pane.press(key)
    with pytest.raises(UsageError):
        pane.press()


# Input


TRAPS = [
    "-t",
    ";",
    "a;",
    "~",
    "$HOME",
    '"',
    "\\",
    "#{pane_id}",
    "#(touch x)",
    "`x`",
    "'",
    "\t",
    "ä€😀👩‍👧",
    "é",
    "{",
    "x\n\ny",
]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(st.text(min_size=1, max_size=300), st.sampled_from(TRAPS)))
def test_text_arrives_as_cleaned(reader: Any, text: str) -> None:
    expected = clean_input(text).encode()
    reader.pane.send(text, enter=False)
    assert reader.read(len(expected)) == expected


def test_a_paste_is_one_block_and_enter_is_apart(paste_reader: Any) -> None:
    paste_reader.pane.send("two\nlines", settle=0)
    assert paste_reader.read_until(b"\r") == b"\x1b[200~two\nlines\x1b[201~\r"


def test_a_paste_can_not_end_itself(paste_reader: Any) -> None:
    paste_reader.pane.send("x\x1b[201~\r!rm -rf /\x9b201~\x1b[20\x1b[201~1~\x03\x7f\x00\x85", enter=False)
    assert paste_reader.read_until(b"\x1b[201~") == b"\x1b[200~x\n!rm -rf /[201~\x1b[201~"


def test_a_long_text_arrives_whole(reader: Any) -> None:
    text = "".join(f"{n:07d}\n" for n in range(8192))
    reader.pane.send(text, enter=False)
    assert reader.read(65536) == text.encode()


def test_a_text_that_is_too_long_is_refused(reader: Any) -> None:
    with pytest.raises(UsageError):
        reader.pane.send("é" * (MAX_INPUT // 2 + 1))
    reader.pane.send("", settle=0)
    assert reader.read(1) == b"\r"


def test_messages_of_many_senders_are_not_mixed(reader: Any, server: TerminalServer) -> None:
    pane = server.find("kira")
    assert pane is not None
    messages = {f"{name}{n}-" + name * 200 for name in "abc" for n in range(10)}

    def send(name: str) -> None:
        sender = server.find("kira")
        assert sender is not None
        for message in sorted(messages):
            if message.startswith(name):
                sender.send(message, settle=0.02)

    threads = [threading.Thread(target=send, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    arrived = reader.read(sum(len(message) + 1 for message in messages)).decode()
    assert set(arrived.removesuffix("\r").split("\r")) == messages


def test_copy_mode_does_not_swallow_a_message(reader: Any, server: TerminalServer) -> None:
    Tmux(server.socket).run("copy-mode", "-t", reader.pane.pane_id)
    reader.pane.send("hello", settle=0)
    assert reader.read_until(b"\r") == b"hello\r"


# Whose pane it is


def test_a_stale_incarnation_is_refused(server: TerminalServer, start: Start, wait_until: Wait) -> None:
    code = "import sys\nfor line in sys.stdin: print('got', line, flush=True)"
    stale = start(code)
    stale.stop(2)
    fresh = start(code, incarnation=2)
    # As after a crash of tmux, when pane ids start again: the old handle points at the new pane.
    stale.pane_id = fresh.pane_id
    for act in (lambda: stale.send("for another"), stale.interrupt, stale.capture):
        with pytest.raises(PaneGone):
            act()
    stale.close()
    fresh.send("for me")
    wait_until(lambda: "got for me" in fresh.capture())
    assert "another" not in fresh.capture()


def test_a_pane_without_a_server_is_gone(server: TerminalServer, start: Start) -> None:
    pane = start("import time; time.sleep(60)")
    server.kill(grace=1)
    assert not pane.alive()
    for act in (lambda: pane.send("x"), pane.capture, pane.interrupt):
        with pytest.raises(PaneGone):
            act()
    pane.close()
    pane.stop(1)


# The end


def test_stop_is_graceful(start: Start, wait_until: Wait, server: TerminalServer) -> None:
    code = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
print("up", flush=True)
while True: time.sleep(60)
"""
    pane = start(code)
    wait_until(lambda: pane.capture() == "up")
    status = pane.stop(2)
    assert status is not None
    assert (status.exit, status.reason) == (5, "terminated")
    assert pane.stop(2) == status  # again is harmless
    assert pane.capture() == "up", "what it showed is kept"
    pane.close()
    assert server.panes() == []


def test_stop_ends_a_pane_that_takes_too_long(start: Start, wait_until: Wait) -> None:
    code = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork()
print("up", flush=True)
while True: time.sleep(60)
"""
    pane = start(code, grace=60)
    wait_until(lambda: pane.capture() == "up\nup")
    family = [(pid, start_time(pid) or 0) for pid in descendants(pane.pid)]
    assert pane.stop(0) is None
    assert not pane.alive()
    assert not any(alive(pid, started) for pid, started in family)
