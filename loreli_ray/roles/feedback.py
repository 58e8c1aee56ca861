"""What comes back on an issue or a pull request, in words for its author, and who is told (SPEC L1, L3).

The same thing has the same key, so it is said once.
"""

from __future__ import annotations

from collections.abc import Iterator

from loreli_ray.config import Config
from loreli_ray.model import CheckState, Comment, Feedback, Forward, Intent, Issue, Outcome, Pull, Review, Snapshot
from loreli_ray.policy import trust
from loreli_ray.roles.tick import Tick

#: The most of people's words that go with new work: the latest.
MOST_REMARKS = 20


def forward(tick: Tick) -> Iterator[Intent]:
    """Hands an author what it has not been told: a verdict without approval, a conflict, red checks, people's words.

    An author who waits for an answer that it was given already handed in while that was on its way: it is told again.
    """
    for pull in tick.pulls:
        author = tick.author_of(pull)
        if author is None or author.assignment is None or tick.worn_out(pull):
            continue
        work = author.assignment
        known = {given.key for given in (*work.feedback, *work.remarks)}
        stopped = _stopper(pull, snapshot=tick.snapshot)
        if stopped is not None and (stopped.key not in known or work.submitted == pull.head):
            yield Forward(agent=author.name, issue=work.issue, feedback=stopped)
        for said in of_people(tick.snapshot.issue(work.issue), pull, config=tick.config):
            if said.key not in known:
                yield Forward(agent=author.name, issue=work.issue, feedback=said)


def listen(tick: Tick) -> Iterator[Intent]:
    """Hands on what people say beneath an issue while it is worked on and has no pull request yet."""
    for issue in tick.workable:
        worker = tick.worker_on(issue.number)
        if worker is None or worker.assignment is None or tick.snapshot.pull_for(issue.number) is not None:
            continue
        known = {given.key for given in (*worker.assignment.feedback, *worker.assignment.remarks)}
        for said in of_people(issue, None, config=tick.config):
            if said.key not in known:
                yield Forward(agent=worker.name, issue=issue.number, feedback=said)


def obstacle(pull: Pull) -> str | None:
    """What the author must mend before anybody looks: `conflict` or `checks`; None when nothing."""
    if pull.mergeable is False:
        return "conflict"
    return "checks" if pull.checks.state is CheckState.RED else None


def answered(pull: Pull, *, tick: Tick) -> bool:
    """Whether its author, as long as there is one, has heard and answered all that people said."""
    author = tick.author_of(pull)
    if author is None or author.assignment is None:
        return True
    work = author.assignment
    said = {word.key for word in of_people(tick.snapshot.issue(work.issue), pull, config=tick.config)}
    heard = said <= {given.key for given in (*work.feedback, *work.remarks)}
    return heard and (work.waits or not work.feedback or work.feedback[-1].key not in said)


def of_review(review: Review) -> Feedback:
    """A person's review that does not ask for changes is a comment: it may be answered in words alone."""
    by = review.by.agent if review.by is not None else review.author
    remarks = [f"- {_place(remark)}: {remark.body}" for remark in review.remarks]
    text = "\n".join(filter(None, [review.body, *remarks]))
    talk = review.by is None and review.outcome is not Outcome.REQUEST_CHANGES
    return Feedback(key=f"review-{review.id}", kind="comment" if talk else "review", text=text, by=by)


def of_conflict(pull: Pull, *, snapshot: Snapshot) -> Feedback:
    """One for each head: that the base moves on while the author merges it is no news."""
    base, head = snapshot.base, snapshot.base_head
    text = (
        f"Your branch conflicts with {base} at {head}. Fetch `origin`, merge `origin/{base}` into your branch, "
        "resolve the conflict, run the tests and submit again."
    )
    return Feedback(key=f"conflict-{pull.head}", kind="conflict", text=text)


def of_checks(pull: Pull) -> Feedback:
    """One for each head, with what the checks say of themselves."""
    failed = "\n".join(f"- {run.name}: {run.said}{f' ({run.url})' if run.url else ''}" for run in pull.checks.failed)
    text = f"Checks of {pull.head[:12]} failed:\n{failed}\nMend what is yours, run the tests and submit again."
    return Feedback(key=f"checks-{pull.head}", kind="checks", text=text)


def of_people(issue: Issue | None, pull: Pull | None, *, config: Config) -> tuple[Feedback, ...]:
    """What trusted people said of an issue and of its pull request, oldest first, the latest of it."""
    comments = [*(issue.comments if issue is not None else ()), *(pull.comments if pull is not None else ())]
    said = [(c.at, c.id, _of_comment(c)) for c in trust.words(comments, config=config)]
    for review in trust.people(pull, config=config) if pull is not None else ():
        if review.body or review.remarks or review.outcome is Outcome.REQUEST_CHANGES:
            said.append((review.at, review.id, of_review(review)))
    ordered = sorted(said, key=lambda entry: entry[:2])
    return tuple(feedback for _, _, feedback in ordered[-MOST_REMARKS:])


def of_takeover(pull: Pull, *, snapshot: Snapshot) -> tuple[Feedback, ...]:
    """For an agent who carries on where the author of `pull` left off."""
    verdict = pull.verdict
    text = of_review(verdict).text if verdict is not None else "It was not finished."
    note = Feedback(key=f"takeover-{pull.number}@{pull.head}", kind="takeover", text=text)
    stopped = _stopper(pull, snapshot=snapshot) if obstacle(pull) is not None else None
    return (note,) if stopped is None else (note, stopped)


def _stopper(pull: Pull, *, snapshot: Snapshot) -> Feedback | None:
    """What keeps a pull request from landing and is its author's to mend."""
    if pull.verdict is not None and not pull.approved:
        return of_review(pull.verdict)
    match obstacle(pull):
        case "conflict":
            return of_conflict(pull, snapshot=snapshot)
        case "checks":
            return of_checks(pull)
        case _:
            return None


def _of_comment(comment: Comment) -> Feedback:
    """An edited comment is another one."""
    return Feedback(key=f"comment-{comment.id}@{comment.at:.0f}", kind="comment", text=comment.body, by=comment.author)


def _place(remark: Comment) -> str:
    return remark.path if remark.line is None else f"{remark.path}:{remark.line}"
