"""What the git host holds at a tick, in our own slim models. Times are seconds since the epoch."""

from __future__ import annotations

from functools import cached_property

from loreli_ray.identity import Side
from loreli_ray.model.claim import Claim
from loreli_ray.model.states import Outcome
from loreli_ray.model.values import Value


class Issue(Value):
    """An open issue. `association` is GitHub's author_association."""

    number: int
    title: str
    body: str = ""
    author: str = ""
    association: str = "NONE"
    labels: tuple[str, ...] = ()


class Authorship(Value):
    """Who of the team wrote something: the marker in what the team writes on the git host (SPEC L12)."""

    session: str
    agent: str
    provider: str
    side: Side
    issue: int
    generation: int


class Review(Value):
    """A review by the team (`by` set) or by somebody else. `commit` is the head that it saw."""

    id: int
    outcome: Outcome
    commit: str
    body: str = ""
    author: str = ""
    by: Authorship | None = None


class Pull(Value):
    """An open pull request. `by` is None for one that the team did not open."""

    number: int
    title: str
    body: str = ""
    author: str = ""
    head_ref: str
    head: str
    base: str
    labels: tuple[str, ...] = ()
    mergeable: bool | None = None
    draft: bool = False
    by: Authorship | None = None
    reviews: tuple[Review, ...] = ()

    @property
    def verdicts(self) -> tuple[Review, ...]:
        """The team's own reviews, oldest first. A mere comment is one too: it approves of nothing."""
        return tuple(review for review in self.reviews if review.by is not None)

    @property
    def verdict(self) -> Review | None:
        """The last verdict on exactly the present head; else None."""
        return next((review for review in reversed(self.verdicts) if review.commit == self.head), None)

    @property
    def approved(self) -> bool:
        return self.verdict is not None and self.verdict.outcome is Outcome.APPROVE

    @property
    def objections(self) -> int:
        """The rounds without agreement: how many heads were judged and not approved."""
        return len({review.commit for review in self.verdicts if review.outcome is not Outcome.APPROVE})


class Snapshot(Value):
    """The repository at `at`: open issues with our label, open pull requests, claims."""

    repo: str
    at: float
    base: str
    base_head: str
    issues: tuple[Issue, ...] = ()
    pulls: tuple[Pull, ...] = ()
    claims: tuple[Claim, ...] = ()

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
