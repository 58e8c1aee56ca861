"""What an agent is told, rendered from templates beside this module.

Text from the git host is fenced by a line that its author can't know, and named as data (DESIGN section 6). What is
pasted into a pane is one short line: it begins with `[loreli]`, so that no program takes it for a command.
"""

from __future__ import annotations

import hashlib
from itertools import count

from jinja2 import Environment, PackageLoader, StrictUndefined

from loreli_ray.model import AgentSpec, Assignment, Record, Role

_templates = Environment(
    loader=PackageLoader("loreli_ray.roles", "templates"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=False,
    keep_trailing_newline=False,
)


def introduction(spec: AgentSpec) -> str:
    """The role's instructions: the system prompt of a new agent."""
    return _templates.get_template("introduction.md.j2").render(spec=spec, role=spec.role.value)


def notice(assignment: Assignment) -> str:
    """The line that is pasted when there is new work or feedback."""
    if assignment.feedback and assignment.role is Role.ACTION:
        return f"[loreli] Feedback on issue #{assignment.issue}: call the tool `assignment` and act on it."
    what = f"pull request #{assignment.pull}" if assignment.role is Role.REVIEWER else f"issue #{assignment.issue}"
    return f"[loreli] New work, {what}: call the tool `assignment` and begin."


def due(record: Record) -> tuple[str, str] | None:
    """What an agent should have been told by now: a key that changes with it, and the text; None when nothing.

    Being asked to go comes before work; work that is handed in needs no word.
    """
    facts, work = record.facts, record.assignment
    if facts.connected_at is None or facts.dormant_at is not None:
        return None
    if facts.stop_at is not None:
        request = f"shutdown-{round(facts.stop_at * 1000)}@{record.name}"
        return request, shutdown(request=request, reason=facts.stop_reason)
    if work is None or work.waits:
        return None
    return f"{work.key}/{len(work.feedback)}/{work.head}", notice(work)


def nudge(silent: float) -> str:
    """The first tier of a stall (SPEC S18); `silent` is in seconds."""
    minutes = max(1, round(silent / 60))
    return f"[loreli] No progress for {minutes} min. Report with the tool `progress`, or carry on with your assignment."


def shutdown(*, request: str, reason: str) -> str:
    """The structured request of a graceful shutdown (SPEC S5)."""
    return f"[loreli] Shutdown request {request}: {reason}. Stop your work and call the tool `finish`."


def brief(assignment: Assignment, *, session: str, test: str | None) -> str:
    """The whole assignment, as the tool `assignment` returns it."""
    name = "review.md.j2" if assignment.role is Role.REVIEWER else "work.md.j2"
    fence = _fence(assignment, session=session)
    return _templates.get_template(name).render(work=assignment, fence=fence, test=test)


def _fence(assignment: Assignment, *, session: str) -> str:
    """A line that is nowhere in the texts it stands around: it hangs on all of them, so none can hold it on purpose."""
    said = [feedback.text for feedback in (*assignment.feedback, *assignment.remarks)]
    foreign = [assignment.title, assignment.body, *said]
    for salt in count():
        seed = "\0".join([str(salt), session, assignment.key, *foreign])
        fence = "data-" + hashlib.sha256(seed.encode("utf-8", "replace")).hexdigest()[:16]
        if not any(fence in text for text in foreign):
            return fence
    raise AssertionError  # count() has no end
