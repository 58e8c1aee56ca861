"""The landing line: what the other side has approved is merged, one at a time, each on the base it was judged with.
There is one line for the repository, whatever teams work on it.

Only the head of the line is brought up to date, and keeps its place while the new head is judged: so each pull request
is judged anew once, not once for every other that lands before it. What can't go on leaves the line: a conflict and a
red check go back to the author, what a person holds waits for that person.
"""

from __future__ import annotations

from collections.abc import Iterator

from loreli_ray.model import AskHuman, CheckState, Intent, Land, Outcome, Pull, Settle, Stamp, UpdateBranch
from loreli_ray.policy.trust import objected
from loreli_ray.roles import feedback
from loreli_ray.roles.tick import Tick

#: How long, in seconds, one that is being judged anew, or is another team's, keeps the others waiting.
PATIENCE = 1800.0


def land(tick: Tick) -> Iterator[Intent]:
    """The first that can land, and those behind it should the host refuse it; or the update that the first needs."""
    for pull in tick.all_pulls:
        if not _in_line(pull, tick=tick):
            continue
        assert pull.by is not None
        if tick.elsewhere(pull) or not _ready(pull, tick=tick):
            if _waits_too_long(pull, tick=tick):
                continue
            return
        if pull.behind:
            yield UpdateBranch(pull=pull, issue=pull.by.issue, base_head=tick.snapshot.base_head)
            return
        issue = tick.snapshot.issue(pull.by.issue)
        title = issue.title if issue is not None else pull.title
        base_head = tick.snapshot.base_head
        yield Land(pull=pull, base_head=base_head, issue=pull.by.issue, title=title, rounds=pull.round)


def settle(tick: Tick) -> Iterator[Intent]:
    """Does what follows a merge where whoever merged did not live to do it: of a team that is gone, too."""
    for issue in tick.snapshot.issues:
        merged, claim = tick.unsettled(issue.number), tick.snapshot.claim(issue.number)
        elsewhere = claim is not None and claim.session != tick.session and claim.held(tick.now)
        if merged is not None and not elsewhere:
            yield Settle(issue=issue.number, pull=merged.number)


def escalate(tick: Tick) -> Iterator[Intent]:
    """Asks a human about checks that do not end, or have not begun since the approval."""
    for pull in tick.pulls:
        checks, timeout, verdict = pull.checks, tick.config.hub.check_timeout, pull.verdict
        if pull.by is None or verdict is None or not pull.approved or checks.state is not CheckState.PENDING:
            continue
        if tick.now - (checks.since if checks.since is not None else verdict.at) > timeout:
            names = ", ".join(run.name for run in checks.runs if run.state is CheckState.PENDING)
            why = f"checks of #{pull.number} have not ended after {timeout:g} s: {names}"
            yield AskHuman(issue=pull.by.issue, why=why)


def stamp(tick: Tick) -> Iterator[Intent]:
    """Writes each verdict where the host and people can see it, once; a label that a person takes off stays off.

    Should the last of several verdicts on one head be an approval, it takes the place of what was said before.
    """
    label = tick.config.hub.approved_label
    for pull in tick.pulls:
        verdict = pull.verdict
        assert pull.by is not None
        overruled = pull.approved and pull.stamp is CheckState.RED and label not in pull.labels
        unsaid = verdict is not None and (pull.stamp is CheckState.NONE or overruled)
        if tick.snapshot.stamped and (unsaid or (label in pull.labels and not pull.approved)):
            yield Stamp(pull=pull, issue=pull.by.issue, verdict=verdict)


def _in_line(pull: Pull, *, tick: Tick) -> bool:
    """Approved by the other side at its present head or an earlier one, with nothing since for its author to mend."""
    verdict = pull.last_verdict
    if pull.by is None or verdict is None or verdict.by is None or verdict.outcome is not Outcome.APPROVE:
        return False
    other_side = verdict.by.side is pull.by.side.opposite or tick.single
    stopped = pull.draft or feedback.obstacle(pull) is not None or held(pull, tick=tick)
    return other_side and not stopped and feedback.answered(pull, tick=tick)


def held(pull: Pull, *, tick: Tick) -> bool:
    """The gate that people shut: they want changes, hold the pull request, or took back half of an approval's stamp."""
    hub = tick.config.hub
    labelled = hub.approved_label in pull.labels
    vetoed = pull.approved and pull.stamp is (CheckState.RED if labelled else CheckState.GREEN)
    return hub.human_label in pull.labels or objected(pull, config=tick.config) or (tick.snapshot.stamped and vetoed)


def _ready(pull: Pull, *, tick: Tick) -> bool:
    """Approved at exactly this head, and the host has nothing against it."""
    stamped = pull.stamp is CheckState.GREEN or not tick.snapshot.stamped
    green = pull.checks.state in (CheckState.GREEN, CheckState.NONE)
    return pull.approved and pull.mergeable is True and green and stamped


def _waits_too_long(pull: Pull, *, tick: Tick) -> bool:
    """Nobody waits for ever for what is judged anew, or is another team's; for checks there is `escalate`."""
    verdict = pull.last_verdict
    ours = pull.approved and not tick.elsewhere(pull)
    return verdict is not None and not ours and tick.now - verdict.at > PATIENCE
