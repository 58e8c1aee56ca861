"""What the tests of the hub talk to: the forge with a team on it, and a small HTTP server that does as it is told."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from loreli_ray.clock import Clock, ManualClock
from loreli_ray.config import HubConfig
from loreli_ray.forge import Forge, ForgeServer
from loreli_ray.git import GitCredential, git
from loreli_ray.hub import Claims, Hub
from loreli_ray.identity import Side
from loreli_ray.model import Authorship, Credentials

TEAM, JUDGE, STRANGER = "team", "judge", "sam"
REPOSITORY = f"{TEAM}/garden"
AUTHOR = {
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.invalid",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.invalid",
}


def by(agent: str = "kira", *, issue: int = 1, generation: int = 1, side: Side = Side.YIN) -> Authorship:
    provider = "anthropic" if side is Side.YIN else "openai"
    return Authorship(session="s", agent=agent, provider=provider, side=side, issue=issue, generation=generation)


async def no_keys() -> GitCredential | None:
    """For a remote that asks for none."""
    return None


class Trouble:
    """Stands between the network and the forge: `strikes` says how to answer a request of the API in its stead.

    A number is a status; None lets the forge answer.
    """

    def __init__(self) -> None:
        self.strikes: Callable[[str, str], int | None]
        self.strike(None)

    def strike(self, status: int | None, *, at: str = "") -> None:
        """From now on all whose path ends so are answered with this status."""
        self.strikes = lambda method, path: status if method and path.endswith(at) else None

    def around(self, app: ASGIApp) -> ASGIApp:
        async def between(scope: Scope, receive: Receive, send: Send) -> None:
            path: str = scope["path"]
            status = None if ".git/" in path else self.strikes(scope["method"], path)
            if status is None:
                await app(scope, receive, send)
                return
            said = {"message": "You have exceeded a secondary rate limit"} if status == 403 else {"message": "Sorry"}
            headers = {"retry-after": "600"} if status in (403, 429) else {}
            await JSONResponse(said, status_code=status, headers=headers)(scope, receive, send)

        return between


@dataclass
class House:
    """A forge that serves one repository, and its people."""

    forge: Forge
    server: ForgeServer
    folder: Path
    clock: ManualClock = field(default_factory=ManualClock)
    trouble: Trouble = field(default_factory=Trouble)

    @property
    def bare(self) -> Path:
        return self.forge.repository_path(REPOSITORY)

    @property
    def remote(self) -> str:
        return f"{self.server.url}/{REPOSITORY}.git"

    def credential(self, login: str = TEAM, *, url: str | None = None) -> GitCredential:
        return GitCredential(url=url or self.server.url, username="x", token=self.forge.token(login))

    def hub(
        self,
        *,
        repo: str = REPOSITORY,
        reviewer: str | None = None,
        config: HubConfig | None = None,
        token: str | None = None,
        session: str = "s",
        clock: Clock | None = None,
    ) -> Hub:
        """A hub that is not opened yet."""
        credentials = Credentials(
            token=token or self.forge.token(TEAM), reviewer_token=self.forge.token(reviewer) if reviewer else None
        )
        return Hub(
            repo,
            config=config or HubConfig(api_url=self.server.url, min_write_interval=0.0),
            credentials=credentials,
            session=session,
            home=self.folder / f"home-{session}",
            clock=clock or self.clock,
        )

    def claims(
        self,
        name: str = "claims",
        *,
        remote: str | None = None,
        session: str = "s",
        login: str | None = TEAM,
        ahead: float = 0.0,
    ) -> Claims:
        """The claims as an orchestrator sees them; the host's clock is `ahead` of its own."""
        url = remote or self.remote

        async def keys() -> GitCredential | None:
            return self.credential(login, url=url) if login else None

        return Claims(self.folder / name, remote=url, keys=keys, session=session, offset=lambda: ahead)

    @contextmanager
    def http(self, login: str) -> Generator[httpx.Client]:
        """The REST API of the repository, as `login`."""
        headers = {"Authorization": f"Bearer {self.forge.token(login)}"}
        url = f"{self.server.url}/repos/{REPOSITORY}"
        with httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False) as client:
            yield client

    def branch(self, name: str, files: dict[str, str], *, start: str = "main") -> str:
        """Pushes a branch with one more commit, or one more commit on it; the commit."""
        copy = self.folder / "copy"
        if not copy.exists():
            git("clone", "--quiet", self.remote, str(copy), credential=self.credential())
        git("fetch", "--quiet", "--prune", "origin", cwd=copy, credential=self.credential())
        there = git("for-each-ref", f"refs/remotes/origin/{name}", cwd=copy)
        git("checkout", "--quiet", "-B", name, f"origin/{name if there else start}", cwd=copy)
        for path, text in files.items():
            (copy / path).write_text(text)
        git("add", "--all", cwd=copy)
        git("commit", "--quiet", "-m", f"Work on {name}", cwd=copy, extra_env=AUTHOR)
        git("push", "--quiet", "origin", name, cwd=copy, credential=self.credential())
        return git("rev-parse", "HEAD", cwd=copy)

    def commit(self, message: str) -> str:
        """A commit with an empty tree, in the host's own repository."""
        tree = git("hash-object", "-t", "tree", "-w", os.devnull, cwd=self.bare)
        return git("commit-tree", tree, cwd=self.bare, stdin=message, extra_env=AUTHOR)


@dataclass(frozen=True)
class Asked:
    """A request; `at` is when, by the server's clock."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    drip: float = 0.0
    """Seconds between two bytes."""


class Wire:
    """Answers each request as `respond` says (None: hangs up without an answer), and remembers what was asked.

    Its own clock is `ahead` of the test's, in seconds.
    """

    def __init__(self, respond: Callable[[Asked], Answer | None], *, clock: Clock) -> None:
        self.asked: list[Asked] = []
        self.over = threading.Event()
        self.ahead = 0.0
        wire = self

        class Handler(BaseHTTPRequestHandler):
            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, headers, body, clock.monotonic())
                wire.asked.append(asked)
                answer = respond(asked)
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.status != 304 and "content-length" not in answer.headers:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                with suppress(ConnectionError):  # who asked has given up
                    for size in range(len(answer.body)) if answer.drip else ():
                        self.wfile.write(answer.body[size : size + 1])
                        if wire.over.wait(answer.drip):
                            break
                    else:
                        self.wfile.write(b"" if answer.drip else answer.body)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _any  # noqa: N815

            def date_time_string(self, timestamp: float | None = None) -> str:
                """The server's time is that of the test."""
                return formatdate(clock.now() + wire.ahead, usegmt=True)

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Wire:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def forward(asked: Asked, *, to: str) -> Answer:
    """What the server at `to` answers."""
    passed = {name: value for name, value in asked.headers.items() if name not in ("host", "connection")}
    with httpx.Client(trust_env=False, timeout=30, verify=False) as client:  # plain HTTP: no certificates to load
        answer = client.request(asked.method, f"{to}{asked.path}", headers=passed, content=asked.body)
    return Answer(answer.status_code, answer.content, {"content-type": answer.headers.get("content-type", "")})
