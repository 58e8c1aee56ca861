"""What the git host holds at a tick, in our own slim models. Times are seconds since the epoch."""

from __future__ import annotations

from functools import cached_property

from loreli_ray.identity import Side
from loreli_ray.model.claim import Claim
from loreli_ray.model.states import CheckState, Outcome
from loreli_ray.model.values import Value


class Comment(Value):
    """What a person wrote beneath an issue or a pull request; `path` and `line` where it points at the change."""

    id: int
    author: str
    association: str
    body: str
    at: float
    path: str = ""
    line: int | None = None


class Note(Value):
    """The team's own comment: there once for its `key`, edited in place. `at` is when it was last written."""

    key: str
    body: str
    at: float


class Issue(Value):
    """An open issue. `association` is GitHub's author_association.

    `adopted_by` is who gave it the team's label, if they may: a stranger's issue is work then. `unadopted` is why that
    no longer counts.
    """

    number: int
    title: str
    body: str = ""
    author: str = ""
    association: str = "NONE"
    adopted_by: str = ""
    unadopted: str = ""
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    comments: tuple[Comment, ...] = ()
    notes: tuple[Note, ...] = ()

    def note(self, key: str) -> Note | None:
        return next((note for note in self.notes if note.key == key), None)


class Authorship(Value):
    """Who of the team wrote something: the marker in what the team writes on the git host (SPEC L12)."""

    session: str
    agent: str
    provider: str
    side: Side
    issue: int
    generation: int


class Review(Value):
    """A review by the team (`by` set) or by somebody else. `commit` is the head that it saw.

    One that was dismissed is not there. `remarks` are on lines of the change.
    """

    id: int
    outcome: Outcome
    commit: str
    body: str = ""
    author: str = ""
    association: str = "NONE"
    at: float = 0.0
    remarks: tuple[Comment, ...] = ()
    by: Authorship | None = None


class Check(Value):
    """A check run or a commit status, as it last stood. `said` is what it tells of itself, `url` where more is."""

    name: str
    state: CheckState
    said: str = ""
    url: str = ""


class Checks(Value):
    """What others say of a head: nothing, that some still run, that all are green, or that one is red.

    `since` is when the oldest of those that still run began.
    """

    state: CheckState = CheckState.NONE
    runs: tuple[Check, ...] = ()
    since: float | None = None

    @property
    def failed(self) -> tuple[Check, ...]:
        return tuple(run for run in self.runs if run.state is CheckState.RED)


class Pull(Value):
    """An open pull request. `by` is None for one that the team did not open. `behind`: the base has moved on since.

    `stamp` is the commit status at its head that says the team's verdict; `checks` are all others.
    """

    number: int
    title: str
    body: str = ""
    author: str = ""
    head_ref: str
    head: str
    base: str
    labels: tuple[str, ...] = ()
    mergeable: bool | None = None
    behind: bool = False
    draft: bool = False
    by: Authorship | None = None
    reviews: tuple[Review, ...] = ()
    comments: tuple[Comment, ...] = ()
    notes: tuple[Note, ...] = ()
    checks: Checks = Checks()
    stamp: CheckState = CheckState.NONE

    @property
    def verdicts(self) -> tuple[Review, ...]:
        """The team's own reviews, oldest first. A mere comment is one too: it approves of nothing."""
        return tuple(review for review in self.reviews if review.by is not None)

    @property
    def verdict(self) -> Review | None:
        """The last verdict on exactly the present head; else None."""
        return next((review for review in reversed(self.verdicts) if review.commit == self.head), None)

    @property
    def last_verdict(self) -> Review | None:
        """The last verdict on any head."""
        return self.verdicts[-1] if self.verdicts else None

    @property
    def approved(self) -> bool:
        return self.verdict is not None and self.verdict.outcome is Outcome.APPROVE

    @property
    def objections(self) -> int:
        """The rounds without agreement: how many heads were judged and not approved."""
        return len({review.commit for review in self.verdicts if review.outcome is not Outcome.APPROVE})

    @property
    def round(self) -> int:
        """Which round of review it is in, from 1. That the base was merged in, and judged with it, opens no new one."""
        return self.objections + 1


class Merged(Value):
    """A pull request of the team's that is merged."""

    number: int
    by: Authorship


class Snapshot(Value):
    """The repository at `at`: open issues with our label, open pull requests, claims; `merged` are recent ones.

    `assignee` is the account that can be assigned for the team. `stamped`: verdicts are also a commit status and a
    label, as there is one account only or the host asks for them. `stale`: only the claims are new, the rest is as it
    last was.
    """

    repo: str
    at: float
    base: str
    base_head: str
    assignee: str = ""
    stamped: bool = False
    stale: bool = False
    issues: tuple[Issue, ...] = ()
    pulls: tuple[Pull, ...] = ()
    claims: tuple[Claim, ...] = ()
    merged: tuple[Merged, ...] = ()

    @cached_property
    def ours(self) -> tuple[Pull, ...]:
        """The team's own pull requests (SPEC B10)."""
        return tuple(pull for pull in self.pulls if pull.by is not None)

    def issue(self, number: int) -> Issue | None:
        return self._issues.get(number)

    def claim(self, issue: int) -> Claim | None:
        return self._claims.get(issue)

    def pull_for(self, issue: int) -> Pull | None:
        """The team's open pull request for an issue: the one of the highest generation."""
        return self._latest.get(issue)

    @cached_property
    def _issues(self) -> dict[int, Issue]:
        return {issue.number: issue for issue in self.issues}

    @cached_property
    def _claims(self) -> dict[int, Claim]:
        return {claim.issue: claim for claim in self.claims}

    @cached_property
    def _latest(self) -> dict[int, Pull]:
        known = [(pull.by.generation, pull.number, pull) for pull in self.ours if pull.by is not None]
        return {pull.by.issue: pull for _, _, pull in sorted(known, key=lambda one: one[:2]) if pull.by is not None}
