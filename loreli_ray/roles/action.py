"""The action role: claims open issues, works on a branch, answers what comes back until it is landed (SPEC L1).

Each function looks at one tick and says what should be so; none remembers anything. A claim of ours without a worker is
handed out again or given up, whatever interrupted the tick that made it.
"""

from __future__ import annotations

from collections.abc import Iterator

from loreli_ray.identity import branch_name
from loreli_ray.model import (
    AskHuman,
    Assignment,
    Claim,
    ClaimIssue,
    ClosePull,
    Complete,
    Demand,
    Dispatch,
    Intent,
    Issue,
    Member,
    ReleaseClaim,
    RenewClaim,
    Role,
)
from loreli_ray.policy import claims, trust
from loreli_ray.roles import feedback
from loreli_ray.roles.tick import Tick


def keep(tick: Tick) -> Iterator[Intent]:
    """Looks after the claims that are ours: renewed while their agent has the work, given up when it has not.

    Of what is stale nothing follows but that who works goes on.
    """
    workable = {issue.number for issue in tick.workable}
    for claim in tick.snapshot.claims:
        if claim.session != tick.session or claim.until == 0:
            continue
        member = tick.fleet.get(claim.agent)
        work = member.assignment if member is not None else None
        doing = member is not None and member.live and member.spec.role is Role.ACTION
        mine = doing and (work is None or work.issue == claim.issue)
        if not tick.snapshot.stale and (not mine or claim.issue not in workable):
            yield ReleaseClaim(claim=claim)
        elif mine and claims.due(claim, now=tick.now, claims=tick.config.claims):
            yield RenewClaim(claim=claim)


def finish(tick: Tick) -> Iterator[Intent]:
    """Takes back assignments that are over: the issue is closed, a human has it, or the claim was lost."""
    workable = {issue.number for issue in tick.workable}
    for member in tick.fleet.of(Role.ACTION):
        work = member.assignment
        if work is None:
            continue
        claim = tick.snapshot.claim(work.issue)
        mine = claim is not None and _owns(claim, member, tick=tick) and claim.generation == work.generation
        if tick.snapshot.issue(work.issue) is None:
            why = "the issue is closed, or no longer the team's"
        elif work.issue not in workable:
            why = "a human has the issue now"
        elif not mine:
            why = "the claim is no longer ours"
        else:
            continue
        yield Complete(agent=member.name, issue=work.issue, assignment_key=work.key, why=why)


def escalate(tick: Tick) -> Iterator[Intent]:
    """Puts an issue into a human's hands when somebody closed its pull request: how to go on is for a human to say."""
    workable = {issue.number for issue in tick.workable}
    open_ = {pull.number for pull in tick.snapshot.pulls}
    for member in tick.fleet.of(Role.ACTION):
        work, claim = member.assignment, tick.snapshot.claim(member.assignment.issue) if member.assignment else None
        if work is None or claim is None or work.pull is None or work.pull in open_ or work.issue not in workable:
            continue
        if _owns(claim, member, tick=tick) and claim.generation == work.generation:
            yield AskHuman(issue=work.issue, why=f"#{work.pull} was closed, but the issue is still open")


def scan(tick: Tick) -> Iterator[Intent]:
    """Gives work to idle agents: first claims of ours that wait for their agent, then free issues."""
    idle, given = {member.name: member for member in tick.fleet.idle(Role.ACTION)}, set[int]()
    for issue in tick.workable:
        claim = tick.snapshot.claim(issue.number)
        owner = idle.get(claim.agent) if claim is not None else None
        if owner is not None and claim is not None and _owns(claim, owner, tick=tick):
            del idle[owner.name]
            given.add(issue.number)
            work = _assignment(issue, agent=owner.name, generation=claim.generation, tick=tick)
            yield Dispatch(agent=owner.name, assignment=work)
    waiting = (issue for issue in _unclaimed(tick) if issue.number not in given)
    for agent, issue in zip(idle.values(), waiting, strict=False):
        claim = tick.snapshot.claim(issue.number)
        work = _assignment(issue, agent=agent.name, generation=tick.next_generation(issue.number), tick=tick)
        yield ClaimIssue(agent=agent.name, assignment=work, replaces=claim)


def supersede(tick: Tick) -> Iterator[Intent]:
    """Closes the pull requests of an earlier generation once a later one stands for the same issue."""
    for pull in tick.snapshot.ours:
        assert pull.by is not None
        latest = tick.snapshot.pull_for(pull.by.issue)
        if latest is not None and latest.number != pull.number:
            why = f"#{latest.number} carries on with this work"
            yield ClosePull(pull=pull, issue=pull.by.issue, why=why)


def demand(tick: Tick) -> Demand:
    """Issues to be worked on, against the agents that work or could (SPEC S14)."""
    agents = tick.fleet.of(Role.ACTION)
    busy = sum(member.assignment is not None for member in agents)
    workload = busy + sum(1 for _ in _unclaimed(tick))
    free = [member.name for member in agents if member.idle]
    surplus = free[: max(0, len(agents) - workload)]
    return Demand(
        role=Role.ACTION,
        workload=workload,
        supply=len(agents),
        deficit=max(0, workload - len(agents)),
        surplus=tuple(surplus),
    )


def _unclaimed(tick: Tick) -> Iterator[Issue]:
    return (issue for issue in tick.workable if _needs_author(issue, tick=tick))


def _needs_author(issue: Issue, *, tick: Tick) -> bool:
    """Whether an issue is free to take: no lease on it, and no pull request that can do without its author."""
    claim = tick.snapshot.claim(issue.number)
    if not claims.free(claim, now=tick.now, claims=tick.config.claims) or tick.worker_on(issue.number) is not None:
        return False
    if tick.unsettled(issue.number) is not None:
        return False
    pull = tick.snapshot.pull_for(issue.number)
    if pull is None or pull.by is None:
        return True
    if claim is not None and claim.generation > pull.by.generation:
        return True  # who took it over is gone, too
    objected = (pull.verdict is not None and not pull.approved) or trust.objected(pull, config=tick.config)
    return (objected or feedback.obstacle(pull) is not None) and not tick.worn_out(pull)


def _owns(claim: Claim, member: Member, *, tick: Tick) -> bool:
    """Whether the claim was last ours for this agent; a lease that has run out is only late, and `keep` renews it."""
    return claim.session == tick.session and claim.agent == member.name and claim.until > 0


def _assignment(issue: Issue, *, agent: str, generation: int, tick: Tick) -> Assignment:
    """The work on an issue; begun at the head of an earlier pull request for it, so that nothing is done twice.

    A later generation gets a branch of its own: what an earlier one left on the remote can't be in its way.
    """
    branch = branch_name(agent, issue.number, issue.title)
    work = Assignment(
        role=Role.ACTION,
        issue=issue.number,
        title=issue.title,
        body=issue.body,
        generation=generation,
        branch=branch if generation == 1 else f"{branch}-{generation}",
        base=tick.snapshot.base,
        start=tick.snapshot.base_head,
        remarks=feedback.of_people(issue, tick.snapshot.pull_for(issue.number), config=tick.config),
    )
    earlier = tick.snapshot.pull_for(issue.number)
    if earlier is None or earlier.by is None:
        return work
    notes = feedback.of_takeover(earlier, snapshot=tick.snapshot)
    update: dict[str, object] = {"start": earlier.head, "feedback": notes}
    if earlier.by.agent == agent:
        update |= {"branch": earlier.head_ref}
        update |= {"pull": earlier.number} if earlier.by.generation == generation else {}
    return work.model_copy(update=update)
