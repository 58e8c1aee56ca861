"""The one way out of every agent (SPEC B3, B4): which steps, in which order, and what a failure holds back.

Every step is tried, whatever happened to the others, with two exceptions that protect what can't be had back: no
workspace is removed before its work is rescued, and no identity is given out again while its program may still run.

The event is the last step and ends it. To stop the work and to take a snapshot are courtesies, tried again for as long
as the rest takes: once the program is gone they may never succeed, and must not keep the name from being used again.
"""

from __future__ import annotations

from collections.abc import Collection

from loreli_ray.model import Step

ORDER = tuple(Step)
_NEEDS: dict[Step, frozenset[Step]] = {
    Step.RESCUE: frozenset({Step.STOP_PROGRAM}),
    Step.WORKSPACE: frozenset({Step.STOP_PROGRAM, Step.RESCUE}),
    Step.CLAIM: frozenset({Step.STOP_PROGRAM}),
    Step.IDENTITY: frozenset({Step.STOP_PROGRAM, Step.WORKSPACE, Step.CLAIM}),
    Step.LEDGER: frozenset({Step.IDENTITY}),
    Step.EVENT: frozenset({Step.LEDGER}),
}


def next_step(*, done: Collection[Step], failed: Collection[Step]) -> Step | None:
    """The next step of this round; None when the round is over. `failed` are the steps that failed in this round."""
    for step in ORDER:
        if step in done or step in failed:
            continue
        if _NEEDS.get(step, frozenset()) <= set(done):
            return step
    return None


def finished(done: Collection[Step]) -> bool:
    return Step.EVENT in done


def pause(attempt: int) -> float:
    """Seconds until the next round of what failed: doubling, half a minute at most."""
    return min(0.25 * 2 ** min(attempt, 16), 30.0)
