"""The values that cross boundaries. They are frozen and carry no behaviour beyond what follows from their fields."""

from loreli_ray.model.agent import (
    AgentSpec,
    Assignment,
    Exit,
    Facts,
    Feedback,
    Fleet,
    Member,
    Observation,
    Record,
    Status,
)
from loreli_ray.model.demand import Demand, NodeView, Placement, Program, ScalePlan
from loreli_ray.model.events import Event, EventKind, Landed
from loreli_ray.model.intent import (
    AskHuman,
    ClaimIssue,
    ClosePull,
    Complete,
    Dispatch,
    Forward,
    Intent,
    Land,
    ReleaseClaim,
    RenewClaim,
    Retire,
)
from loreli_ray.model.snapshot import Authorship, Claim, Issue, Pull, Review, Snapshot
from loreli_ray.model.states import ABLE, GONE, PATIENT, AgentState, Cause, Outcome, Role, Stage
from loreli_ray.model.values import Value
from loreli_ray.model.verdict import Action, Step, Verdict

__all__ = [
    "ABLE", "GONE", "PATIENT",
    "Action", "AgentSpec", "AgentState", "AskHuman", "Assignment", "Authorship", "Cause", "Claim", "ClaimIssue",
    "ClosePull", "Complete", "Demand", "Dispatch", "Event", "EventKind", "Exit", "Facts", "Feedback", "Fleet",
    "Forward", "Intent", "Issue", "Land", "Landed", "Member", "NodeView", "Observation", "Outcome", "Placement", "Program", "Pull",
    "Record", "ReleaseClaim", "RenewClaim", "Retire", "Review", "Role", "ScalePlan", "Snapshot", "Stage", "Status",
    "Step", "Value", "Verdict",
]  # fmt: skip
