"""The demo's agent program: an ordinary MCP client without a model.

It reads messages from its terminal, asks for its assignment, and works. As an author it applies the next attempt of a
playbook and runs the tests; as a reviewer it runs the project's tests and the examples in the issue's text on what was
written, and judges by what they say. It knows neither which attempts are good nor what the other side will find.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import TextContent

from loreli_ray.demo.brief import Brief
from loreli_ray.demo.playbook import Playbook
from loreli_ray.errors import UsageError

_CALL_TIMEOUT = 120.0
_RECONNECTS = 8  # with growing pauses: the gateway may be away for a minute
_TEST_TIMEOUT = 300.0
_SHOWN = 3000


class ScriptedAgent:
    """One agent at its terminal. `pace` is the seconds between two steps, so that people can follow."""

    def __init__(self, client: Client, *, workspace: Path, playbook: Playbook, pace: float) -> None:
        self._client = client
        self._workspace = workspace
        self._playbook = playbook
        self._pace = pace
        self._done: set[str] = set()

    async def look(self) -> bool:
        """Asks what to do, and does it; false when it was asked to shut down and goes."""
        text = await self._call("assignment")
        if "shut down" in text.splitlines()[0]:
            await self._call("finish", summary="Nothing is left undone.")
            return False
        brief = Brief.read(text)
        if brief is not None and text not in self._done:
            self._done.add(text)
            await (self._review(brief) if brief.review else self._work(brief))
        return True

    async def _work(self, brief: Brief) -> None:
        await self._step(f"reading issue #{brief.number}")
        attempts = self._playbook.attempts(brief.title)
        tried = sum(kind in ("review", "takeover") for kind in brief.feedback)
        if brief.feedback[-1:] == ("conflict",):
            await self._step("merging the base")
            self._git("fetch", "--quiet", "origin")
            self._git("merge", "--no-edit", f"origin/{brief.base}")
        elif tried < len(attempts):
            attempt = attempts[tried]
            await self._step(f"writing: {attempt.summary}")
            for edit in attempt.edit:
                edit.apply(self._workspace)
        else:
            await self._call("finish", summary="I know nothing more that I could try.")
            return
        await self._step("running the tests")
        passed, output = self._run(brief.test)
        if not passed:
            await self._call("finish", summary=f"My change breaks the tests:\n\n```\n{output}\n```")
            return
        summary = attempts[tried].summary if tried < len(attempts) else "Merge the base"
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message", f"{summary} (#{brief.number})")
        await self._step("handing in")
        body = f"{summary}.\n\nThe tests pass: `{brief.test}`."
        if brief.hand_in == "answer_review":
            await self._call("answer_review", message=body)
        else:
            await self._call("submit_pull_request", title=summary, body=body)

    async def _review(self, brief: Brief) -> None:
        await self._step(f"reading pull request #{brief.number}")
        if not self._git("diff", "--name-only", f"origin/{brief.base}...HEAD"):
            await self._call("submit_review", verdict="request_changes", summary="Nothing is changed.")
            return
        await self._step("running the tests")
        passed, output = self._run(brief.test)
        if not passed:
            await self._judge("request_changes", "The tests fail", output)
            return
        await self._step("trying the issue's examples")
        agreed, output = self._examples(brief.body)
        if agreed:
            await self._judge("approve", "The tests pass, and so does every example of the issue", "")
        else:
            await self._judge("request_changes", "An example of the issue does not hold", output)

    async def _judge(self, verdict: str, reason: str, evidence: str) -> None:
        summary = f"{reason}." + (f"\n\n```\n{evidence}\n```" if evidence else "")
        print(f"{verdict}: {reason}", flush=True)
        await self._call("submit_review", verdict=verdict, summary=summary)

    async def _step(self, message: str) -> None:
        print(f"· {message}", flush=True)
        await self._call("progress", message=message)
        await asyncio.sleep(self._pace)

    async def _call(self, tool: str, **arguments: str) -> str:
        result = await self._client.call_tool(tool, dict(arguments))
        text = "\n".join(part.text for part in result.content if isinstance(part, TextContent))
        if result.is_error:
            print(f"! {tool}: {text}", flush=True)
        return text

    def _run(self, command: str | None) -> tuple[bool, str]:
        """Runs the project's tests; a project without any passes."""
        return self._process(shlex.split(command)) if command else (True, "")

    def _examples(self, body: str) -> tuple[bool, str]:
        """Runs the examples of a text against the workspace; a text without any passes."""
        if ">>>" not in body:
            return True, ""
        with tempfile.NamedTemporaryFile("w", suffix=".md", encoding="utf-8") as file:
            # doctest takes a closing fence for expected output
            file.write("\n".join(line for line in body.splitlines() if not line.startswith("```")))
            file.flush()
            return self._process([sys.executable, "-m", "doctest", "-o", "REPORT_ONLY_FIRST_FAILURE", file.name])

    def _process(self, command: list[str]) -> tuple[bool, str]:
        env = {**os.environ, "PYTHONPATH": str(self._workspace), "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            done = subprocess.run(
                command,
                cwd=self._workspace,
                env=env,
                capture_output=True,
                text=True,
                timeout=_TEST_TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return False, str(error)
        output = (done.stdout + done.stderr).strip()
        print(output[-_SHOWN:], flush=True)
        return done.returncode == 0, output[-_SHOWN:]

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self._workspace, capture_output=True, text=True, check=True)
        return done.stdout.strip()


@asynccontextmanager
async def connected() -> AsyncGenerator[Client]:
    """The MCP client of this agent, from what its environment names."""
    try:
        url, token_file = os.environ["LORELI_MCP_URL"], os.environ["LORELI_MCP_TOKEN_FILE"]
    except KeyError as error:
        raise UsageError(
            "is not set: this program is started by the team, not by hand", subject=error.args[0]
        ) from error
    headers = {"Authorization": f"Bearer {Path(token_file).read_text(encoding='utf-8').strip()}"}
    transport = httpx2.AsyncHTTPTransport(retries=_RECONNECTS)
    async with (
        httpx2.AsyncClient(headers=headers, timeout=_CALL_TIMEOUT, transport=transport) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


async def main(arguments: argparse.Namespace) -> None:
    """Works until it is asked to shut down, or its terminal closes."""
    playbook = Playbook.read(arguments.playbook)
    lines = await terminal()
    async with connected() as client:
        workspace = Path(os.environ["LORELI_WORKSPACE"])
        agent = ScriptedAgent(client, workspace=workspace, playbook=playbook, pace=arguments.pace)
        print(f"{os.environ['LORELI_AGENT']} ({os.environ['LORELI_ROLE']}) is ready", flush=True)
        while await agent.look():
            if not await lines.readline():
                return


async def terminal() -> asyncio.StreamReader:
    """Standard input, line by line."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A scripted agent for demonstrations and tests.")
    parser.add_argument("--playbook", type=Path, required=True)
    parser.add_argument("--pace", type=float, default=0.0, help="seconds between two steps")
    asyncio.run(main(parser.parse_args()))
