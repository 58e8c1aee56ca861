"""What comes back on a pull request, in words for its author. The same thing has the same key, so it is said once."""

from __future__ import annotations

from loreli_ray.model import Feedback, Pull, Review, Snapshot


def of_review(review: Review) -> Feedback:
    by = review.by.agent if review.by is not None else review.author
    return Feedback(key=f"review-{review.id}", kind="review", text=review.body, by=by)


def of_conflict(pull: Pull, *, snapshot: Snapshot) -> Feedback:
    """One for each head: that the base moves on while the author merges it is no news."""
    base, head = snapshot.base, snapshot.base_head
    text = (
        f"Your branch conflicts with {base} at {head}. Fetch `origin`, merge `origin/{base}` into your branch, "
        "resolve the conflict, run the tests and submit again."
    )
    return Feedback(key=f"conflict-{pull.head}", kind="conflict", text=text)


def of_takeover(pull: Pull, *, snapshot: Snapshot) -> tuple[Feedback, ...]:
    """For an agent who carries on where the author of `pull` left off."""
    verdict = pull.verdict
    text = verdict.body if verdict is not None else "It was not finished."
    note = Feedback(key=f"takeover-{pull.number}@{pull.head}", kind="takeover", text=text)
    return (note, of_conflict(pull, snapshot=snapshot)) if pull.mergeable is False else (note,)
