"""Values for the tests of decisions, with what does not matter filled in."""

from __future__ import annotations

from typing import Any

from loreli_ray.identity import Identity, Side
from loreli_ray.model import (
    AgentSpec,
    AgentState,
    Assignment,
    Authorship,
    Claim,
    Comment,
    Facts,
    Fleet,
    Issue,
    Member,
    NodeView,
    Outcome,
    Program,
    Pull,
    Record,
    Review,
    Role,
    Snapshot,
    Status,
)

NOW = 10_000.0
SESSION = "s1"
PROVIDERS = {Side.YIN: "anthropic", Side.YANG: "openai"}
CLAUDE = Program(backend="claude", provider="anthropic")
CODEX = Program(backend="codex", provider="openai")
CURSOR = Program(backend="cursor", provider="cursor-anthropic")
MISTRAL = Program(backend="vibe", provider="mistral")


def down(program: Program) -> Program:
    return program.model_copy(update={"degraded": True})


def node(*programs: Program, slots: int = 8, id: str = "n1") -> NodeView:
    return NodeView(id=id, host=id, slots=slots, programs=programs)


def spec(name: str = "ann", *, side: Side = Side.YIN, role: Role = Role.ACTION, node: str = "n1") -> AgentSpec:
    identity = Identity(name=name, theme="zelda", provider=PROVIDERS[side], side=side)
    return AgentSpec(session=SESSION, identity=identity, incarnation=1, role=role, backend="claude", node=node)


def member(
    name: str = "ann",
    *,
    side: Side = Side.YIN,
    role: Role = Role.ACTION,
    state: AgentState | None = None,
    work: Assignment | None = None,
    node: str = "n1",
) -> Member:
    state = state or (AgentState.READY if work is None else AgentState.WORKING)
    status = Status(state=state, source="program", since=NOW)
    return Member(spec=spec(name, side=side, role=role, node=node), status=status, assignment=work)


def fleet(*members: Member) -> Fleet:
    return Fleet(members=members)


def work(issue: int = 1, *, agent: str = "ann", generation: int = 1, **more: Any) -> Assignment:
    """An action agent's assignment."""
    fields: dict[str, Any] = {
        "role": Role.ACTION,
        "issue": issue,
        "title": f"Task {issue}",
        "generation": generation,
        "branch": f"{agent}/{issue}-task-{issue}",
        "base": "main",
        "start": "base-0",
    }
    return Assignment.model_validate(fields | more)


def review_work(pull: Pull, **more: Any) -> Assignment:
    """A reviewer's assignment of a pull request's present head."""
    assert pull.by is not None
    known: dict[str, Any] = {"role": Role.REVIEWER, "pull": pull.number, "head": pull.head}
    return work(pull.by.issue, **(known | more))


def record(agent: AgentSpec | None = None, *, work: Assignment | None = None, tier: int = 0, **facts: Any) -> Record:
    known: dict[str, Any] = {"registered_at": NOW}
    return Record(spec=agent or spec(), facts=Facts.model_validate(known | facts), assignment=work, tier=tier)


def issue(number: int = 1, *, labels: tuple[str, ...] = ("loreli",), association: str = "OWNER") -> Issue:
    return Issue(number=number, title=f"Task {number}", body="Do it.", association=association, labels=labels)


def by(agent: str = "ann", *, side: Side = Side.YIN, issue: int = 1, generation: int = 1) -> Authorship:
    return Authorship(
        session=SESSION, agent=agent, provider=PROVIDERS[side], side=side, issue=issue, generation=generation
    )


def review(
    outcome: Outcome = Outcome.APPROVE,
    *,
    commit: str = "h1",
    agent: str = "bob",
    side: Side = Side.YANG,
    id: int = 1,
    at: float = NOW - 60,
) -> Review:
    return Review(id=id, outcome=outcome, commit=commit, body=f"{outcome} it", by=by(agent, side=side), at=at)


def said(
    outcome: Outcome = Outcome.REQUEST_CHANGES,
    *,
    who: str = "pat",
    association: str = "MEMBER",
    id: int = 90,
    **more: Any,
) -> Review:
    """A person's review."""
    fields: dict[str, Any] = {"commit": "h1", "body": "Hm.", "at": NOW - 30}
    return Review(id=id, outcome=outcome, author=who, association=association, **(fields | more))


def comment(body: str = "Mind the gap.", *, who: str = "pat", association: str = "MEMBER", **more: Any) -> Comment:
    fields: dict[str, Any] = {"id": 70, "at": NOW - 20}
    return Comment(body=body, author=who, association=association, **(fields | more))


def pull(
    number: int = 10,
    *reviews: Review,
    author: Authorship | None = None,
    head: str = "h1",
    mergeable: bool | None = True,
    draft: bool = False,
) -> Pull:
    author = author or by()
    return Pull(
        number=number,
        title="A change",
        head_ref=f"{author.agent}/{author.issue}-task-{author.issue}",
        head=head,
        base="main",
        mergeable=mergeable,
        draft=draft,
        by=author,
        reviews=reviews,
    )


def claim(
    issue: int = 1,
    *,
    agent: str = "ann",
    generation: int = 1,
    until: float = NOW + 600,
    session: str = SESSION,
) -> Claim:
    return Claim(issue=issue, session=session, agent=agent, generation=generation, until=until, oid=f"oid-{issue}")


def snapshot(*things: Issue | Pull | Claim) -> Snapshot:
    return Snapshot(
        repo="a/b",
        at=NOW,
        base="main",
        base_head="base-0",
        issues=tuple(thing for thing in things if isinstance(thing, Issue)),
        pulls=tuple(thing for thing in things if isinstance(thing, Pull)),
        claims=tuple(thing for thing in things if isinstance(thing, Claim)),
    )
