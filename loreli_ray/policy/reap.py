"""When the team can go home (SPEC S16, B10).

Who is free rests as much as who is dormant: here no agent goes dormant only because its work is done.
"""

from __future__ import annotations

from loreli_ray.model import AgentState, Fleet, Snapshot

_RESTING = frozenset({AgentState.DORMANT, AgentState.READY})


def reapable(fleet: Fleet, *, snapshot: Snapshot) -> tuple[str, ...]:
    """The agents that rest while no issue of ours and no pull request of the team's own is open."""
    if snapshot.issues or snapshot.ours:
        return ()
    return tuple(m.name for m in fleet.members if m.status.state in _RESTING and m.assignment is None)
