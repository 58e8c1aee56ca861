"""The forge of one measurement, with a team's work on it, and the counts of what is asked there."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from loreli_ray.clock import ManualClock
from loreli_ray.config import HubConfig
from loreli_ray.forge import Forge, ForgeServer
from loreli_ray.git import git
from loreli_ray.hub import Hub
from loreli_ray.identity import Side
from loreli_ray.model import Authorship, Credentials, Outcome

OWNER, AUTHOR, REVIEWER = "people", "team-author", "team-reviewer"
REPO = f"{OWNER}/garden"
ISSUES, PULLS = 30, 10
_CLAIMED = 5  # without a pull request yet
_TTL = 600.0
_PLENTY = 10**6  # requests an hour, so that nobody is stopped
_COMMITTER = {f"GIT_{who}_{what}": value
              for who in ("AUTHOR", "COMMITTER")
              for what, value in (("NAME", "people"), ("EMAIL", "people@loreli.invalid"))}  # fmt: skip


@dataclass
class Count:
    """Requests: to the API, those of them that the host counts against the account's hour, and git's."""

    wire: int = 0
    paid: int = 0
    git: int = 0


class Meter:
    """Stands before the forge and counts what comes over the wire."""

    def __init__(self) -> None:
        self.api = 0
        self.git = 0

    def around(self, app: ASGIApp) -> ASGIApp:
        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                self.git += ".git/" in scope["path"]
                self.api += ".git/" not in scope["path"]
            await app(scope, receive, send)

        return counted


class Ground:
    """A repository with issues and the team's pull requests. Only `clock` makes time pass."""

    def __init__(self, folder: Path, forge: Forge, asking: httpx.Client, *, clock: ManualClock, meter: Meter) -> None:
        """`asking` leads to the forge's API."""
        self.clock = clock
        self.issues: list[int] = []
        self.pulls: list[int] = []
        self._folder = folder
        self._forge = forge
        self._asking = asking
        self._meter = meter
        self._written = 0

    def client(self, login: str) -> httpx.AsyncClient:
        """The REST API of the repository, as `login`."""
        self._forge.add_collaborator(REPO, login)
        return httpx.AsyncClient(
            base_url=self._asking.base_url.join(f"/repos/{REPO}"),
            headers={"Authorization": f"Bearer {self._forge.token(login)}"},
            timeout=60,
            trust_env=False,
        )

    @asynccontextmanager
    async def hub(self, session: str) -> AsyncGenerator[Hub]:
        """The team's hub, opened, with its two accounts."""
        credentials = Credentials(token=self._forge.token(AUTHOR), reviewer_token=self._forge.token(REVIEWER))
        hub = Hub(
            REPO,
            config=HubConfig(api_url=str(self._asking.base_url), min_write_interval=0.0),
            credentials=credentials,
            session=session,
            home=self._folder / session,
            clock=self.clock,
        )
        try:
            await hub.open()
            yield hub
        finally:
            await hub.close()

    @contextmanager
    def counting(self, login: str, count: Count) -> Generator[None]:
        """Adds to `count` what is asked meanwhile, and what the host's own account of `login` says that it cost."""
        used, api, git_ = self._used(login), self._meter.api, self._meter.git
        yield
        count.wire += self._meter.api - api
        count.git += self._meter.git - git_
        count.paid += self._used(login) - used

    def _used(self, login: str) -> int:
        """What the host says was used of the account's hour. It tells for nothing, and this is not counted."""
        api = self._meter.api
        answer = self._asking.get("/rate_limit", headers={"Authorization": f"Bearer {self._forge.token(login)}"})
        answer.raise_for_status()
        self._meter.api = api
        return int(answer.json()["resources"]["core"]["used"])

    # ── what is on it ──

    async def plant(self) -> None:
        """Issues with comments; some of them claimed, and pull requests of the team with reviews."""
        async with self.client(OWNER) as people, self.hub("team") as team:
            for _ in range(ISSUES):
                await self.open_issue(people)
            for number in list(self.issues[: PULLS + _CLAIMED]):
                await team.take_claim(number, agent=f"author-{number}", generation=1, ttl=_TTL, replaces=None)
            for number in self.issues[:PULLS]:
                await self.open_pull(people, team, issue=number)

    async def open_issue(self, people: httpx.AsyncClient) -> int:
        title = f"Plant number {len(self.issues) + 1}"
        made = await ask(people, "POST", "/issues", title=title, body="Where there is sun.", labels=["loreli"])
        for text in ("By the wall, please.", "Or by the pond."):
            await ask(people, "POST", f"/issues/{made['number']}/comments", body=text)
        self.issues.append(made["number"])
        return made["number"]

    async def open_pull(self, people: httpx.AsyncClient, team: Hub, *, issue: int) -> int:
        """A pull request by the team, with its status comment, a remark of a person and a review."""
        branch = f"author-{issue}/{issue}-work"
        base = await ask(people, "GET", "/git/ref/heads/main")
        await ask(people, "POST", "/git/refs", ref=f"refs/heads/{branch}", sha=base["object"]["sha"])
        await self.push(people, branch)
        author = _who(issue, Side.YIN)
        number = await team.submit_pull(head=branch, title=f"Work on #{issue}", body="Done.", by=author)
        await team.comment(issue, key="status", text=f"**in review** · #{number}")
        await ask(people, "POST", f"/issues/{number}/comments", body="How nice.")
        pull = await team.pull(number)
        assert pull is not None
        await team.submit_review(
            pull,
            outcome=Outcome.REQUEST_CHANGES if number % 2 else Outcome.APPROVE,
            text="I have looked at all of it.",
            comments=[{"path": f"beds/{self._written}.txt", "line": 1, "side": "RIGHT", "body": "Here."}],
            by=_who(issue, Side.YANG),
        )
        self.pulls.append(number)
        return number

    async def push(self, people: httpx.AsyncClient, branch: str) -> None:
        """One more commit on a branch."""
        self._written += 1
        content = base64.b64encode(f"bed {self._written}\n".encode()).decode()
        path = f"/contents/beds/{self._written}.txt"
        await ask(people, "PUT", path, message=f"Bed {self._written}", content=content, branch=branch)


@asynccontextmanager
async def ground() -> AsyncGenerator[Ground]:
    """A planted forge in a folder of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="loreli-bench-") as name:
        folder, clock, meter = Path(name), ManualClock(), Meter()
        forge = Forge.open(folder / "forge", clock=clock)
        try:
            _found(forge, folder / "source")
            with (
                ForgeServer(forge, rate_limit=_PLENTY, around=meter.around) as server,
                httpx.Client(base_url=server.url, timeout=60, trust_env=False) as asking,
            ):
                made = Ground(folder, forge, asking, clock=clock, meter=meter)
                await made.plant()
                yield made
        finally:
            forge.close()


async def ask(client: httpx.AsyncClient, method: str, path: str, **fields: object) -> Any:
    """One request and its answer. Raises `httpx.HTTPStatusError`."""
    answer = await client.request(method, path, json=fields or None)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def _found(forge: Forge, source: Path) -> None:
    """The repository and the accounts."""
    git("init", "--quiet", "--initial-branch=main", str(source), cwd=source.parent)
    git("commit", "--quiet", "--allow-empty", "--message", "Begin", cwd=source, extra_env=_COMMITTER)
    forge.add_repository(REPO, source=source)
    for login in (AUTHOR, REVIEWER):
        forge.add_collaborator(REPO, login)


def _who(issue: int, side: Side) -> Authorship:
    role = "author" if side is Side.YIN else "reviewer"
    return Authorship(
        session="team", agent=f"{role}-{issue}", provider=f"scripted-{side}", side=side, issue=issue, generation=1
    )
