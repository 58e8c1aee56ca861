"""What an agent may do through its tools, and why not (DESIGN section 6). A refusal's text is for the agent."""

from __future__ import annotations

from loreli_ray.errors import ToolRefused
from loreli_ray.model import Assignment, Claim, Pull, Record, Role

MAX_TEXT = 60_000


def assigned(record: Record, role: Role) -> Assignment:
    """The agent's assignment, if it is one of `role`; else `ToolRefused`."""
    if record.spec.role is not role:
        raise ToolRefused(f"this tool is for the role {role}; yours is {record.spec.role}", subject=record.name)
    if record.assignment is None:
        raise ToolRefused("you have no assignment: call `assignment` and wait for one", subject=record.name)
    if record.facts.stop_at is not None:
        raise ToolRefused("you were asked to shut down: call `finish`", subject=record.name)
    return record.assignment


def may_submit(record: Record, *, claim: Claim | None, session: str) -> Assignment:
    """Whether an action agent may hand in its branch: its claim is the present one.

    Whether its lease has ended is no matter: the push renews it by compare-and-swap, and fails when somebody took it.
    """
    work = assigned(record, Role.ACTION)
    held = claim is not None and claim.session == session and claim.agent == record.name
    if claim is None or not held or claim.generation != work.generation or claim.released:
        raise ToolRefused(f"the claim on issue #{work.issue} is no longer yours: stop this work", subject=record.name)
    if not work.branch.startswith(f"{record.name}/"):
        raise ToolRefused(f"the branch {work.branch} is not yours", subject=record.name)
    return work


def may_review(record: Record, *, pull: Pull | None, single: bool) -> Assignment:
    """Whether a reviewer may judge: the pull request is open at the head that it was given, and by the other side."""
    work = assigned(record, Role.REVIEWER)
    if pull is None:
        raise ToolRefused(f"pull request #{work.pull} is not open any more: call `finish`", subject=record.name)
    if pull.head != work.head:
        raise ToolRefused(
            f"pull request #{work.pull} has moved to {pull.head[:12]}; you were given {(work.head or '')[:12]}: "
            "call `finish`, the new head will be given out again",
            subject=record.name,
        )
    if pull.by is None or pull.by.agent == record.name:
        raise ToolRefused("nobody reviews their own work", subject=record.name)
    if pull.by.side is record.spec.side and not single:
        raise ToolRefused(
            f"the author is of your own side ({record.spec.side}): the other side reviews", subject=record.name
        )
    return work


def bounded(text: str, *, what: str, agent: str) -> str:
    """`text`, if it may be posted; else `ToolRefused`."""
    if not text.strip():
        raise ToolRefused(f"{what} is empty", subject=agent)
    if len(text) > MAX_TEXT:
        raise ToolRefused(f"{what} has {len(text)} characters; {MAX_TEXT} are allowed", subject=agent)
    return text
