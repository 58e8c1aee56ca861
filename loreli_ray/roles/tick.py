"""What a role looks at: one moment of the git host and of the team."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from loreli_ray.config import Config
from loreli_ray.model import Fleet, Issue, Member, Merged, Pull, Role, Snapshot
from loreli_ray.policy import claims, trusted


@dataclass(frozen=True, kw_only=True)
class Tick:
    """`single` is true when programs of one side only are found, so that a side may review itself (SPEC S15).

    `deaths` says for each issue when agents died on it unexpectedly since it was last in a human's hands.
    """

    session: str
    snapshot: Snapshot
    fleet: Fleet
    config: Config
    single: bool = False
    deaths: Mapping[int, tuple[float, ...]] = field(default_factory=dict[int, tuple[float, ...]])

    @property
    def now(self) -> float:
        return self.snapshot.at

    @cached_property
    def workable(self) -> tuple[Issue, ...]:
        """Open issues that a trusted author wrote and that no human holds, oldest first."""
        held = self.config.hub.human_label
        found = [i for i in self.snapshot.issues if held not in i.labels and trusted(i, config=self.config)]
        return tuple(sorted(found, key=lambda issue: issue.number))

    @cached_property
    def pulls(self) -> tuple[Pull, ...]:
        """The pull requests that are this session's to bring home, oldest first: no other one holds the claim."""
        return tuple(pull for pull in self.all_pulls if not self.elsewhere(pull))

    @cached_property
    def all_pulls(self) -> tuple[Pull, ...]:
        """Of each workable issue the latest pull request, unless a later claim has made it stale; oldest first."""
        found: list[Pull] = []
        for issue in self.workable:
            pull, claim = self.snapshot.pull_for(issue.number), self.snapshot.claim(issue.number)
            if pull is None or pull.by is None:
                continue
            if claim is None or claim.generation == pull.by.generation:
                found.append(pull)
        return tuple(sorted(found, key=lambda pull: pull.number))

    def elsewhere(self, pull: Pull) -> bool:
        """Whether another session looks after it."""
        claim = self.snapshot.claim(pull.by.issue) if pull.by is not None else None
        return claim is not None and claim.session != self.session and claim.held(self.now)

    def unsettled(self, issue: int) -> Merged | None:
        """The merged pull request of an open issue whose claim is still as it was when it was merged."""
        merged, claim = self._merged.get(issue), self.snapshot.claim(issue)
        return merged if merged is not None and claim is not None and claim.generation == merged.by.generation else None

    def next_generation(self, issue: int) -> int:
        """The number only ever rises, also for an issue that was landed and opened again."""
        merged = self._merged.get(issue)
        landed = merged.by.generation + 1 if merged is not None else 1
        return max(claims.next_generation(self.snapshot.claim(issue)), landed)

    def worn_out(self, pull: Pull) -> bool:
        """Whether the rounds of review are used up without agreement."""
        return pull.objections >= self.config.review.max_rounds and not pull.approved

    def author_of(self, pull: Pull) -> Member | None:
        """The author of a pull request, as long as it can still work on it."""
        member = self.fleet.get(pull.by.agent) if pull.by is not None else None
        if member is None or not member.able or member.assignment is None or pull.by is None:
            return None
        same = member.assignment.issue == pull.by.issue and member.assignment.generation == pull.by.generation
        return member if same and member.spec.role is Role.ACTION else None

    def worker_on(self, issue: int) -> Member | None:
        """The live action agent whose assignment is this issue."""
        return self._workers.get(issue)

    def reviewer_of(self, pull: Pull) -> Member | None:
        """The live reviewer that has this pull request at this head."""
        return self._reviewers.get((pull.number, pull.head))

    def may_review(self, member: Member, pull: Pull) -> bool:
        """Cross-provider review: the other side, or anybody else where there is one side only."""
        if pull.by is None or member.name == pull.by.agent:
            return False
        return self.single or member.spec.side is pull.by.side.opposite

    @cached_property
    def _merged(self) -> dict[int, Merged]:
        return {one.by.issue: one for one in sorted(self.snapshot.merged, key=lambda one: one.by.generation)}

    @cached_property
    def _workers(self) -> dict[int, Member]:
        return {m.assignment.issue: m for m in self.fleet.of(Role.ACTION) if m.assignment is not None}

    @cached_property
    def _reviewers(self) -> dict[tuple[int | None, str | None], Member]:
        busy = [(m, m.assignment) for m in self.fleet.of(Role.REVIEWER) if m.assignment is not None]
        return {(work.pull, work.head): member for member, work in busy}
