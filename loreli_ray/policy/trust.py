"""Whose words steer work (DESIGN section 6): the rest is data from strangers, left aside and said so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from loreli_ray.config import Config
from loreli_ray.model import Comment, Issue, Outcome, Pull, Review, Snapshot, Value


class Ignored(Value):
    """Something that steers nothing: what it is (the same words each time), and why."""

    what: str
    why: str


def trusted(issue: Issue, *, config: Config) -> bool:
    """Whether an issue may start work: by its author, or by who gave it the label."""
    return listens(issue.association, config=config) or (config.trust.adoption and bool(issue.adopted_by))


def listens(association: str, *, config: Config) -> bool:
    return association in config.trust.associations


def words(comments: Iterable[Comment], *, config: Config) -> tuple[Comment, ...]:
    """The comments that count."""
    return tuple(comment for comment in comments if listens(comment.association, config=config))


def people(pull: Pull, *, config: Config) -> tuple[Review, ...]:
    """The reviews by trusted people, not by the team."""
    return tuple(r for r in pull.reviews if r.by is None and listens(r.association, config=config))


def objected(pull: Pull, *, config: Config) -> bool:
    """Whether a trusted person wants changes and has not approved since, as the host itself would see it."""
    last: dict[str, Outcome] = {}
    for review in people(pull, config=config):
        if review.outcome is not Outcome.COMMENT:
            last[review.author] = review.outcome
    return Outcome.REQUEST_CHANGES in last.values()


def ignored(snapshot: Snapshot, *, config: Config) -> Iterator[Ignored]:
    """All that is on the host and steers nothing."""
    for issue in snapshot.issues:
        where = f"issue #{issue.number}"
        if not trusted(issue, config=config):
            ignored = _ignored(where, author=issue.author, association=issue.association)
            void = issue.unadopted if config.trust.adoption else ""
            yield Ignored(what=where, why=f"{ignored.why}; {void}: set it again") if void else ignored
        yield from _comments(issue.comments, where=where, config=config)
    for pull in snapshot.ours:
        where = f"pull request #{pull.number}"
        yield from _comments(pull.comments, where=where, config=config)
        for review in pull.reviews:
            if review.by is None and not listens(review.association, config=config):
                yield _ignored(f"review {review.id} of {where}", author=review.author, association=review.association)


def _comments(comments: Iterable[Comment], *, where: str, config: Config) -> Iterator[Ignored]:
    for comment in comments:
        if not listens(comment.association, config=config):
            yield _ignored(f"comment {comment.id} on {where}", author=comment.author, association=comment.association)


def _ignored(what: str, *, author: str, association: str) -> Ignored:
    return Ignored(what=what, why=f"its author {author or 'unknown'} is {association}, which trust.associations lacks")
