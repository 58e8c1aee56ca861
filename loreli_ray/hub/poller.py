"""What the git host holds, kept current at the least price (facts of the git host, section 3).

Two doorbells, listings whose address never changes, are asked for at each look: while nothing moves they cost nothing.
Only for the numbers that moved are details asked for, each of them conditionally. Now and then the open ones are listed
as a whole, so that nothing that a doorbell missed stays missed.

Times on the host have a resolution of a second: what moved is looked at once more when that second is surely over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote

from loreli_ray.clock import Clock
from loreli_ray.errors import HubError, NotFound, RateLimited
from loreli_ray.hub import shapes
from loreli_ray.hub.adoption import NOBODY, Adoption, Adoptions
from loreli_ray.hub.transport import Transport

BELL = 50
SETTLED = 2.0
RELISTED = 900.0
AT_ONCE = 8
_NEWEST = {"sort": "updated", "direction": "desc", "per_page": BELL}
_MEMBERS = ("OWNER", "MEMBER", "COLLABORATOR")
T = TypeVar("T")
Entry = TypeVar("Entry", shapes.Issue, shapes.Pull)


@dataclass
class Details:
    """What hangs beneath one number; of a pull request by the team also its own state, its reviews, its checks."""

    comments: tuple[shapes.Comment, ...] = ()
    adoption: Adoption = NOBODY
    pull: shapes.Pull | None = None
    reviews: tuple[shapes.Review, ...] = ()
    remarks: tuple[shapes.Comment, ...] = ()
    runs: tuple[shapes.CheckRun, ...] = ()
    statuses: tuple[shapes.CommitStatus, ...] = ()
    behind: bool = False


@dataclass
class Held:
    """The host's side as last read: open issues with the label, open pull requests, merged ones by the team.

    `required` are the checks without which the host lets nothing into the base.
    """

    issues: dict[int, shapes.Issue] = field(default_factory=dict[int, shapes.Issue])
    pulls: dict[int, shapes.Pull] = field(default_factory=dict[int, shapes.Pull])
    merged: dict[int, shapes.Issue] = field(default_factory=dict[int, shapes.Issue])
    details: dict[int, Details] = field(default_factory=dict[int, Details])
    required: tuple[str, ...] = ()


class Poller:
    """Keeps `held` current. `root` is the repository's address; `ours` tells a pull request of the team's, `compared`
    one of which to know whether its base has moved on.
    """

    def __init__(
        self,
        http: Transport,
        *,
        root: str,
        label: str,
        base: str,
        ours: Callable[[shapes.Issue | shapes.Pull], bool],
        compared: Callable[[Details], bool],
        clock: Clock,
    ) -> None:
        self.held = Held()
        self._http = http
        self._root = root
        self._label = label
        self._adoptions = Adoptions(http, root=root, label=label)
        self._base = base
        self._ours = ours
        self._compared = compared
        self._clock = clock
        self._moved: dict[int, float] = {}  # what is to be looked at, and when it moved
        self._seen: dict[int, datetime | None] = {}
        self._base_head = ""
        self._ruled = True
        self._list_at: float | None = None
        self._whole = False
        self._lock = asyncio.Lock()
        self._lane = asyncio.Semaphore(AT_ONCE)

    @property
    def loaded(self) -> bool:
        """Whether `held` was whole once."""
        return self._whole

    async def ring(self) -> bool:
        """Asks the doorbells only: true when something moved, which the next `refresh` looks at."""
        async with self._lock:
            if not self.loaded:
                return True
            return await self._ring()

    async def refresh(self, *, base_head: str) -> None:
        """Brings `held` up to date. Raises `HubError`; what was not read then is read the next time."""
        async with self._lock:
            await self._ring()
            if self._list_at is None or self._clock.monotonic() >= self._list_at:
                await self._list()
            if base_head != self._base_head:
                self._mark(number for number, pull in self.held.pulls.items() if self._ours(pull))
            await self._all(self._look(number) for number in list(self._moved))
            self._base_head = base_head
            await self._all(self._check(number) for number in self._own())
            self._whole = True

    # ── what moved ──

    async def _ring(self) -> bool:
        asked = {**_NEWEST, "state": "all"}
        issues = await self._http.get(f"{self._root}/issues", list[shapes.Issue], params=asked)
        moved = self._heard(issues, self._take_issue)
        pulls = await self._http.get(f"{self._root}/pulls", list[shapes.Pull], params={**asked, "state": "open"})
        return self._heard(pulls, self._take_pull) or moved

    def _heard(self, entries: list[Entry], take: Callable[[Entry], bool]) -> bool:
        """Whether there was news. Where a page holds nothing else, more may have moved than it shows.

        A page that is the same as before is taken all the same: what an earlier look dropped may be back.
        """
        news = [take(entry) for entry in entries]
        if len(news) == BELL and all(news):
            self._list_at = self._clock.monotonic()
        return any(news)

    async def _list(self) -> None:
        """All that is open, page by page."""
        open_ = {"state": "open"}
        issues = await self._http.pages(f"{self._root}/issues", shapes.Issue, params={**open_, "labels": self._label})
        pulls = await self._http.pages(f"{self._root}/pulls", shapes.Pull, params=open_)
        for issue in issues:
            self._take_issue(issue)
        for pull in pulls:
            self._take_pull(pull)
        self._drop(set(self.held.issues) - {issue.number for issue in issues})
        self._drop(set(self.held.pulls) - {pull.number for pull in pulls})
        self._adoptions.forget()
        self.held.required = await self._required()
        self._list_at = self._clock.monotonic() + RELISTED

    def _take_issue(self, entry: shapes.Issue) -> bool:
        """An issue or a pull request out of the issues' listing. Whether it moved."""
        number = entry.number
        moved = number not in self._seen or self._seen[number] != entry.updated_at
        self._seen[number] = entry.updated_at
        if entry.pull_request is not None:
            if entry.state != "open":
                self._drop({number})
                if entry.pull_request.merged_at is not None and self._ours(entry):
                    self.held.merged[number] = entry
        elif entry.state == "open" and self._label.casefold() in {name.casefold() for name in entry.label_names}:
            known, details = self.held.issues.get(number), self.held.details.get(number)
            moved = moved or known is None
            if details is not None and known is not None and (known.title, known.body) != (entry.title, entry.body):
                details.adoption = NOBODY  # it was of another text: until that is looked at, nobody adopted this
            self.held.issues[number] = entry
        else:
            self._drop({number})
        if moved:
            self._mark([number])
        return moved

    def _take_pull(self, pull: shapes.Pull) -> bool:
        moved = self.held.pulls.get(pull.number) != pull
        self.held.pulls[pull.number] = pull
        if moved:
            self._mark([pull.number])
        return moved

    def _mark(self, numbers: Iterable[int]) -> None:
        now = self._clock.monotonic()
        self._moved.update(dict.fromkeys(numbers, now))

    def _drop(self, numbers: set[int]) -> None:
        for number in numbers:
            for known in (self.held.issues, self.held.pulls, self.held.details, self._moved):
                known.pop(number, None)

    def _own(self) -> list[int]:
        return [number for number, pull in self.held.pulls.items() if self._ours(pull)]

    # ── details ──

    async def _all(self, looks: Iterable[Awaitable[None]]) -> None:
        """All of them, a few at a time; then the first error, so that the rest is not lost with it."""

        async def in_lane(look: Awaitable[None]) -> None:
            async with self._lane:
                await look

        found = await asyncio.gather(*(in_lane(look) for look in looks), return_exceptions=True)
        for error in found:
            if error is not None:
                raise error

    async def _look(self, number: int) -> None:
        """One that moved."""
        moved, began = self._moved[number], self._clock.monotonic()
        undecided = False
        if (issue := self.held.issues.get(number)) is not None:
            await self._look_at_issue(issue)
        elif (pull := self.held.pulls.get(number)) is not None and self._ours(pull):
            undecided = await self._look_at_pull(pull)
        else:
            self.held.details.pop(number, None)
        settled = began - moved >= SETTLED and not undecided  # a slow answer may be an old one
        if settled and self._moved.get(number) == moved:
            del self._moved[number]

    async def _look_at_issue(self, issue: shapes.Issue) -> None:
        details = self.held.details.setdefault(issue.number, Details())
        if issue.comments or details.comments:
            details.comments = await self._beneath("issues", issue.number, "comments", shape=shapes.Comment)
        if issue.author_association not in _MEMBERS:
            details.adoption = await self._adoptions.of(issue.number)

    async def _look_at_pull(self, pull: shapes.Pull) -> bool:
        """True when whether it can be merged is not known yet."""
        number = pull.number
        details = self.held.details.setdefault(number, Details())
        details.pull = await self._http.get(f"{self._root}/pulls/{number}", shapes.Pull)
        details.reviews = await self._beneath("pulls", number, "reviews", shape=shapes.Review)
        details.remarks = await self._beneath("pulls", number, "comments", shape=shapes.Comment)
        details.comments = await self._beneath("issues", number, "comments", shape=shapes.Comment)
        if details.pull.state != "open":
            self._drop({number})
            return False
        return details.pull.mergeable is None

    async def _check(self, number: int) -> None:
        """What others say of the present head, which no doorbell tells; and whether the base has moved on."""
        details = self.held.details.get(number)
        if details is None or details.pull is None:
            return
        head = details.pull.head.sha
        details.runs = await self._runs(head)
        details.statuses = await self._statuses(head)
        details.behind = False
        if self._compared(details):
            span = f"{self._root}/compare/{self._base_head}...{head}"
            details.behind = (await self._http.get(span, shapes.Comparison, params={"per_page": 1})).behind_by > 0

    async def _runs(self, head: str) -> tuple[shapes.CheckRun, ...]:
        runs, page = list[shapes.CheckRun](), 1
        while True:
            asked = {"per_page": 100, "page": page}
            url = f"{self._root}/commits/{head}/check-runs"
            found = await self._http.get(url, shapes.CheckRuns, params=asked)
            runs += found.check_runs
            if not found.check_runs or len(runs) >= found.total_count:
                return tuple(runs)
            page += 1

    async def _statuses(self, head: str) -> tuple[shapes.CommitStatus, ...]:
        url = f"{self._root}/commits/{head}/status"
        try:
            return (await self._http.get(url, shapes.CombinedStatus, params={"per_page": 100})).statuses
        except NotFound:
            return ()  # a host without statuses, or a commit that it has dropped, which it will not merge either

    async def _beneath(self, kind: str, number: int, what: str, *, shape: type[T]) -> tuple[T, ...]:
        return tuple(await self._http.pages(f"{self._root}/{kind}/{number}/{what}", shape))

    async def _required(self) -> tuple[str, ...]:
        """By the protection of the base branch, and by rules."""
        base, names = quote(self._base, safe="/"), set[str]()
        with suppress(NotFound):
            branch = await self._http.get(f"{self._root}/branches/{base}", shapes.Branch)
            if branch.protection is not None and branch.protection.required_status_checks is not None:
                names.update(branch.protection.required_status_checks.contexts)
        for rule in await self._rules(base):
            checks = rule.parameters.required_status_checks if rule.parameters is not None else ()
            names.update(check.context for check in checks)
        return tuple(sorted(names))

    async def _rules(self, base: str) -> list[shapes.Rule]:
        try:
            return await self._http.pages(f"{self._root}/rules/branches/{base}", shapes.Rule) if self._ruled else []
        except HubError as error:
            if error.status not in (403, 404) or isinstance(error, RateLimited):
                raise
            self._ruled = False  # it has none, or none for this repository
            return []
