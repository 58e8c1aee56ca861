"""Where an issue is on its way, from the snapshot alone."""

from __future__ import annotations

from loreli_ray.config import Config
from loreli_ray.model import Issue, Outcome, Snapshot, Stage
from loreli_ray.policy.trust import objected


def stage(issue: Issue, *, snapshot: Snapshot, config: Config) -> Stage:
    """The stage of an open issue."""
    if config.hub.human_label in issue.labels:
        return Stage.HELD
    pull = snapshot.pull_for(issue.number)
    if pull is not None:
        verdict = pull.verdict
        if objected(pull, config=config):
            return Stage.CHANGES_REQUESTED
        if verdict is None:
            return Stage.IN_REVIEW
        return Stage.APPROVED if verdict.outcome is Outcome.APPROVE else Stage.CHANGES_REQUESTED
    claim = snapshot.claim(issue.number)
    return Stage.CLAIMED if claim is not None and claim.held(snapshot.at) else Stage.OPEN
