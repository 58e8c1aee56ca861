"""What people see of the team's work on the host: labels, an assignee, and one status comment for each issue.

It follows from the claims and the pull requests and decides nothing: whatever is changed or lost here is put right at
the next tick. Only who holds the claim shows it, so two teams on one repository don't write over each other.
"""

from __future__ import annotations

from collections.abc import Iterator

from loreli_ray.model import Claim, Intent, Issue, Pull, Show, Stage
from loreli_ray.policy import stage
from loreli_ray.roles.tick import Tick

_WORKING = (Stage.CLAIMED, Stage.CHANGES_REQUESTED)
_REVIEW = (Stage.IN_REVIEW, Stage.APPROVED)


def show(tick: Tick) -> Iterator[Intent]:
    """What differs from what should be seen."""
    for issue in tick.snapshot.issues:
        claim, pull = tick.snapshot.claim(issue.number), tick.snapshot.pull_for(issue.number)
        if claim is not None and claim.session != tick.session and claim.held(tick.now):
            continue
        begun = claim is not None or pull is not None
        now = stage(issue, snapshot=tick.snapshot, config=tick.config)
        worn = _worn(now, tick=tick)
        wanted = Show(
            issue=issue.number,
            add=tuple(label for label, on in worn.items() if on and label not in issue.labels),
            remove=tuple(label for label, on in worn.items() if not on and label in issue.labels),
            assigned=_assigned(issue, claim, tick=tick),
            note=_note(issue, now, claim=claim, pull=pull, tick=tick) if begun else None,
        )
        if wanted != Show(issue=issue.number):
            yield wanted


def _worn(now: Stage, *, tick: Tick) -> dict[str, bool]:
    """Each of the labels that tell the stage, and whether it should be there."""
    hub = tick.config.hub
    return {hub.working_label: now in _WORKING, hub.review_label: now in _REVIEW}


def _assigned(issue: Issue, claim: Claim | None, *, tick: Tick) -> bool | None:
    """The author's account is assigned as long as an agent has the issue; what people assign is theirs."""
    if not tick.snapshot.assignee or claim is None:
        return None
    is_, should = tick.snapshot.assignee in issue.assignees, claim.held(tick.now)
    return None if is_ == should else should


def _note(issue: Issue, now: Stage, *, claim: Claim | None, pull: Pull | None, tick: Tick) -> str | None:
    """The status comment, if it differs and is not too fresh to be written again."""
    note, text = issue.note("status"), _status(now, claim=claim, pull=pull, now=tick.now)
    if note is None:
        return text if claim is not None and claim.held(tick.now) else None
    fresh = tick.now - note.at < tick.config.hub.note_interval
    return None if note.body == text or fresh else text


def _status(stage: Stage, *, claim: Claim | None, pull: Pull | None, now: float) -> str:
    """One paragraph that changes only when something happened."""
    parts = [f"**{stage.value}**"]
    if claim is not None and claim.held(now):
        parts.append(f"with {claim.agent}")
    if pull is not None and pull.by is not None:
        parts.append(f"#{pull.number} by {pull.by.agent} ({pull.by.provider}, {pull.by.side})")
        if pull.verdicts:
            parts.append(f"{len(pull.verdicts)} review{'s' if len(pull.verdicts) > 1 else ''}")
    return " · ".join(parts)
