"""What a role wants done. Each intent is idempotent and has a key: the same wish twice is one deed."""

from __future__ import annotations

from typing import Literal

from loreli_ray.model.agent import Assignment, Feedback
from loreli_ray.model.claim import Claim
from loreli_ray.model.snapshot import Pull, Review
from loreli_ray.model.values import Value


class _OfAssignment(Value):
    agent: str
    assignment: Assignment

    @property
    def issue(self) -> int:
        return self.assignment.issue


class _OfClaim(Value):
    claim: Claim

    @property
    def issue(self) -> int:
        return self.claim.issue


class ClaimIssue(_OfAssignment):
    """Take the lease on an issue for an agent, then hand it the work. `replaces` is the ended claim, if any."""

    kind: Literal["claim"] = "claim"
    replaces: Claim | None = None

    @property
    def key(self) -> str:
        return f"claim/{self.issue}/{self.assignment.generation}"


class RenewClaim(_OfClaim):
    kind: Literal["renew"] = "renew"

    @property
    def key(self) -> str:
        return f"renew/{self.issue}/{self.claim.oid}"


class ReleaseClaim(_OfClaim):
    """End a lease. Its generation is kept, so that the number only ever rises."""

    kind: Literal["release"] = "release"

    @property
    def key(self) -> str:
        return f"release/{self.issue}/{self.claim.oid}"


class Dispatch(_OfAssignment):
    """Hand an agent its work."""

    kind: Literal["dispatch"] = "dispatch"

    @property
    def key(self) -> str:
        return f"dispatch/{self.agent}/{self.assignment.key}"


class Forward(Value):
    """Hand feedback to the author of a pull request."""

    kind: Literal["forward"] = "forward"
    agent: str
    issue: int
    feedback: Feedback

    @property
    def key(self) -> str:
        return f"forward/{self.agent}/{self.feedback.key}"


class Land(Value):
    """Merge a pull request, if its head and the base are still these; then tidy up after it."""

    kind: Literal["land"] = "land"
    pull: Pull
    base_head: str
    issue: int
    title: str
    rounds: int

    @property
    def key(self) -> str:
        return f"land/{self.pull.number}/{self.pull.head}"


class Settle(Value):
    """Do what follows the merge of pull request `pull`: its branch and its claim go, its issue is closed."""

    kind: Literal["settle"] = "settle"
    issue: int
    pull: int

    @property
    def key(self) -> str:
        return f"settle/{self.issue}/{self.pull}"


class UpdateBranch(Value):
    """Have the host merge the present base into a pull request's head."""

    kind: Literal["update"] = "update"
    pull: Pull
    issue: int
    base_head: str

    @property
    def key(self) -> str:
        return f"update/{self.pull.number}/{self.pull.head}/{self.base_head}"


class Stamp(Value):
    """Write the team's verdict on a pull request's head as label and commit status; None takes the label off."""

    kind: Literal["stamp"] = "stamp"
    pull: Pull
    issue: int
    verdict: Review | None

    @property
    def key(self) -> str:
        return f"stamp/{self.pull.number}/{self.pull.head}"


class Show(Value):
    """Show people how an issue stands: labels of ours, whether the team is assigned, the one status comment.

    What is None stays as it is.
    """

    kind: Literal["show"] = "show"
    issue: int
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    assigned: bool | None = None
    note: str | None = None

    @property
    def key(self) -> str:
        return f"show/{self.issue}"


class ClosePull(Value):
    """Close a pull request that nobody will finish, and say why."""

    kind: Literal["close"] = "close"
    pull: Pull
    issue: int
    why: str

    @property
    def key(self) -> str:
        return f"close/{self.pull.number}"


class Complete(Value):
    """Take back an assignment that is over, so that the agent is free."""

    kind: Literal["complete"] = "complete"
    agent: str
    issue: int
    assignment_key: str
    why: str

    @property
    def key(self) -> str:
        return f"complete/{self.agent}/{self.assignment_key}"


class AskHuman(Value):
    """Put an issue into a human's hands: a label and one comment."""

    kind: Literal["ask"] = "ask"
    issue: int
    why: str

    @property
    def key(self) -> str:
        return f"ask/{self.issue}"


Intent = (
    ClaimIssue
    | RenewClaim
    | ReleaseClaim
    | Dispatch
    | Forward
    | Land
    | Settle
    | UpdateBranch
    | Stamp
    | Show
    | ClosePull
    | Complete
    | AskHuman
)
