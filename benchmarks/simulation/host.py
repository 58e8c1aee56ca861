"""A git host in memory: issues, branches, pull requests, reviews and claims, with the rules of the real one.

A head remembers how much of the base it holds, so that a pull request conflicts when something that changes the same
file has landed since. What must never happen on the host is checked at the moment of the write.
"""

from __future__ import annotations

from itertools import count

from benchmarks.simulation.faults import Dice, Fault
from benchmarks.simulation.invariants import must
from loreli_ray.errors import Conflict, Refused, ToolRefused
from loreli_ray.model import Authorship, Claim, Issue, Merged, Note, Outcome, Pull, Review, Snapshot

LABEL, HUMAN = "loreli", "loreli:human"
_RECENT = 50  # how many merged pull requests a snapshot tells


class Host:
    """One repository. `landed` maps an issue to its merged pull request, `held` one to why a human has it.

    With `Fault.CONFLICT`, the issues change `files` files between them; else each changes one of its own.
    """

    def __init__(
        self, issues: int, *, dice: Dice, single: bool, closes: bool, files: int, up_to_date: bool = False
    ) -> None:
        self.now = 1_000_000.0
        self.dice = dice
        self.single = single
        self.closes = closes  # whether a merge closes the issue, as it does on the default branch
        self.issues = {
            n: Issue(number=n, title=f"Task {n}", body="Do it.", association="OWNER", labels=(LABEL,))
            for n in range(1, issues + 1)
        }
        self.pulls: dict[int, Pull] = {}
        self.branches: dict[str, str] = {}
        self.claims: dict[int, Claim] = {}
        self.landed: dict[int, Pull] = {}
        self.held: dict[int, str] = {}
        self._files = files
        self._up_to_date = up_to_date
        self._landings = 0
        self._changed: dict[int, int] = {}  # the last landing that changed a file
        self._heads: dict[str, int] = {self.base_head: 0}  # how many landings a head holds
        self._parents: dict[str, str] = {}
        self._updated: dict[str, str] = {}  # a head that only merges the base into another one
        self._pull_of: dict[str, int] = {}  # the open pull request of a branch
        self._numbers = count(issues + 1)
        self._names = count(1)

    # ── reading ──

    @property
    def base_head(self) -> str:
        return f"base-{self._landings}"

    def snapshot(self) -> Snapshot:
        return Snapshot(
            repo="a/b",
            at=self.now,
            base="main",
            base_head=self.base_head,
            issues=tuple(issue for issue in self.issues.values() if LABEL in issue.labels),
            pulls=tuple(
                pull.model_copy(update={"mergeable": self._said_mergeable(pull), "behind": self._behind(pull)})
                for pull in self.pulls.values()
            ),
            claims=tuple(self.claims.values()),
            merged=tuple(
                Merged(number=pull.number, by=pull.by)
                for pull in list(self.landed.values())[-_RECENT:]
                if pull.by is not None
            ),
        )

    def pull(self, number: int | None) -> Pull | None:
        return self.pulls.get(number or 0)

    def _said_mergeable(self, pull: Pull) -> bool | None:
        if self.dice.strikes(Fault.UNDECIDED, one_in=6):
            return None
        return self._mergeable(pull) and not self.dice.strikes(Fault.MISTAKEN, one_in=6)

    def _behind(self, pull: Pull) -> bool:
        return self._up_to_date and self._heads[pull.head] < self._landings

    def _mergeable(self, pull: Pull) -> bool:
        assert pull.by is not None
        return self._changed.get(self._file(pull.by.issue), 0) <= self._heads[pull.head]

    def _file(self, issue: int) -> int:
        return issue % self._files if Fault.CONFLICT in self.dice.faults else issue

    # ── branches ──

    def commit(self, parent: str, *, merge_base: bool) -> str:
        """A new commit on top of `parent`, on somebody's disk."""
        head = f"head-{next(self._names)}"
        self._heads[head] = self._landings if merge_base else self._heads[parent]
        self._parents[head] = parent
        return head

    def push(self, branch: str, head: str) -> None:
        there = self.branches.get(branch)
        while there is not None and there in self._updated and not self._descends(head, there):
            there = self._updated[there]
        if there is not None and not self._descends(head, there):
            raise ToolRefused("not a fast-forward", subject=branch)
        self.branches[branch] = head
        if (number := self._pull_of.get(branch)) is not None:
            self.pulls[number] = self.pulls[number].model_copy(update={"head": head})

    def _descends(self, head: str | None, ancestor: str) -> bool:
        while head is not None and head != ancestor:
            head = self._parents.get(head)
        return head is not None

    # ── writing ──

    def open_pull(self, *, branch: str, by: Authorship) -> int:
        claim = self.claims.get(by.issue)
        mine = claim is not None and claim.held(self.now) and claim.session == by.session and claim.agent == by.agent
        must(mine, f"handed in without the claim: issue #{by.issue}, {by.agent} of {by.session}")
        if (known := self._pull_of.get(branch)) is not None:
            self.pulls[known] = self.pulls[known].model_copy(update={"by": by})
            return known
        number = self._pull_of[branch] = next(self._numbers)
        self.pulls[number] = Pull(
            number=number, title=branch, head_ref=branch, head=self.branches[branch], base="main", by=by
        )
        return number

    def review(self, pull: Pull, *, outcome: Outcome, by: Authorship) -> None:
        now = self.pulls[pull.number]
        must(by.side is not (now.by or by).side or self.single, f"a side reviewed itself: #{pull.number}, {by.agent}")
        if any(r.by is not None and r.by.agent == by.agent and r.commit == pull.head for r in now.reviews):
            return
        review = Review(id=next(self._names), outcome=outcome, commit=pull.head, body=outcome.value, at=self.now, by=by)
        self.pulls[pull.number] = now.model_copy(update={"reviews": (*now.reviews, review)})

    def update(self, pull: Pull) -> None:
        """Merges the base into the head that was seen."""
        now = self.pulls.get(pull.number)
        if now is None or now.head != pull.head or not self._mergeable(now):
            raise Conflict("the head moved", subject=f"#{pull.number}")
        head = self.commit(now.head, merge_base=True)
        self.push(now.head_ref, head)
        self._updated[head] = now.head

    def merge(self, pull: Pull) -> None:
        now = self.pulls.get(pull.number)
        if now is None or now.head != pull.head or not self._mergeable(now):
            raise Refused("can't be merged", subject=f"#{pull.number}")
        if self._behind(now):
            raise Conflict("the base has moved on", subject=f"#{pull.number}")
        self._check_merge(now)
        assert now.by is not None
        self.landed[now.by.issue] = now
        self._landings += 1
        self._changed[self._file(now.by.issue)] = self._heads[self.base_head] = self._landings
        self.close_pull(now.number, delete=True)
        if self.closes:
            self.close_issue(now.by.issue)

    def _check_merge(self, pull: Pull) -> None:
        assert pull.by is not None
        seen = [review for review in pull.reviews if review.commit == pull.head and review.by is not None]
        verdict = seen[-1] if seen else None
        by = verdict.by if verdict is not None else None
        what = f"issue #{pull.by.issue}, #{pull.number} at {pull.head}"
        must(verdict is not None and by is not None, f"landed without a verdict on exactly its head: {what}")
        assert verdict is not None
        assert by is not None
        must(verdict.outcome is Outcome.APPROVE, f"landed without approval: {what}")
        must(by.side is pull.by.side.opposite or self.single, f"landed without the other side's approval: {what}")
        claim = self.claims.get(pull.by.issue)
        must(claim is None or claim.generation == pull.by.generation, f"landed though of a stale generation: {what}")
        must(pull.by.issue not in self.landed, f"landed twice: {what}")

    def close_pull(self, number: int, *, delete: bool) -> None:
        if (pull := self.pulls.pop(number, None)) is None:
            return
        del self._pull_of[pull.head_ref]
        if delete:
            self.branches.pop(pull.head_ref, None)

    def close_issue(self, number: int) -> None:
        self.issues.pop(number, None)

    def hold(self, issue: int, why: str) -> None:
        """Puts an issue into a human's hands; why is written down."""
        self.held[issue] = why
        self.label(issue, HUMAN)

    def label(self, issue: int, label: str) -> None:
        if (found := self.issues.get(issue)) is not None and label not in found.labels:
            self.issues[issue] = found.model_copy(update={"labels": (*found.labels, label)})

    def unlabel(self, issue: int, label: str) -> None:
        if (found := self.issues.get(issue)) is not None:
            labels = tuple(name for name in found.labels if name != label)
            self.issues[issue] = found.model_copy(update={"labels": labels})

    def show(self, issue: int, *, add: tuple[str, ...], remove: tuple[str, ...], note: str | None) -> None:
        """The labels and the status comment of an issue."""
        for label in add:
            self.label(issue, label)
        for label in remove:
            self.unlabel(issue, label)
        if note is not None and (found := self.issues.get(issue)) is not None:
            said = Note(key="status", body=note, at=self.now)
            self.issues[issue] = found.model_copy(update={"notes": (said,)})

    def retitle(self, issue: int) -> None:
        if (found := self.issues.get(issue)) is not None:
            self.issues[issue] = found.model_copy(update={"title": f"Task {issue}, take {next(self._names)}"})

    # ── claims, by compare-and-swap ──

    def take(self, issue: int, *, session: str, agent: str, generation: int, until: float, seen: Claim | None) -> Claim:
        now = self.claims.get(issue)
        if (now.oid if now else None) != (seen.oid if seen else None):
            raise Conflict("somebody else moved the claim", subject=f"#{issue}")
        known = (now.generation, now.session, now.agent) if now is not None else (0, "", "")
        given = (generation, session, agent)
        must(given == known or generation > known[0], f"a claim changed hands in one generation: {known} to {given}")
        oid = f"oid-{next(self._names)}"
        claim = Claim(issue=issue, session=session, agent=agent, generation=generation, until=until, oid=oid)
        self.claims[issue] = claim
        return claim

    def move(self, claim: Claim, *, until: float) -> Claim:
        return self.take(
            claim.issue,
            session=claim.session,
            agent=claim.agent,
            generation=claim.generation,
            until=until,
            seen=claim,
        )

    def drop(self, issue: int) -> None:
        self.claims.pop(issue, None)
