"""What the git host holds, in our own slim models: foreign text made fit to be read, each thing with who wrote it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from loreli_ray.errors import RateLimited, Unavailable
from loreli_ray.hub import markers, shapes
from loreli_ray.hub.host import VERDICT, Host
from loreli_ray.hub.poller import Details, Poller
from loreli_ray.hub.text import clean
from loreli_ray.model import (
    Authorship,
    Check,
    Checks,
    CheckState,
    Claim,
    Comment,
    Issue,
    Merged,
    Note,
    Outcome,
    Pull,
    Review,
    Snapshot,
)

_SAID = {
    "APPROVED": Outcome.APPROVE,
    "CHANGES_REQUESTED": Outcome.REQUEST_CHANGES,
    "COMMENTED": Outcome.COMMENT,
}
_GOOD = ("success", "neutral", "skipped")
_EVIDENCE = 2000


class Reader(Host):
    """The reading half of the hub."""

    _poller: Poller | None = None
    _assignable = True

    async def open(self) -> None:
        await super().open()
        self._poller = Poller(
            self._author.transport,
            root=self._url(),
            label=self._config.label,
            base=self.base,
            ours=lambda entry: self._mark(entry.body, entry.user, "pull") is not None,
            compared=lambda details: self._config.up_to_date and self._known(details).approved,
            clock=self._clock,
        )

    async def ring(self) -> bool:
        """Whether something moved on the host since the last look. Costs nothing when nothing did."""
        return await self._polled.ring()

    async def snapshot(self) -> Snapshot:
        """Open issues with our label, open pull requests, and claims; each look costs only what moved.

        While the host limits or refuses to answer, the last look is told again as stale, and be it that there was none;
        the claims never are, for they come through git. Raises `HubError` when git gives no answer.
        """
        claims, base_head = await self._leases.read(self.base)
        return await self.look(claims=claims, base_head=base_head)

    async def look(self, *, claims: tuple[Claim, ...], base_head: str) -> Snapshot:
        """A snapshot but for what comes through git, which is given: the claims, and the head of the base."""
        poller, stale = self._polled, False
        try:
            await poller.refresh(base_head=base_head)
        except (RateLimited, Unavailable):
            stale = True
        held = poller.held
        return Snapshot(
            repo=self.repo,
            at=self._clock.now(),
            base=self.base,
            base_head=base_head,
            assignee=self._author.login if self._assignable else "",
            stamped=self._stamps,
            stale=stale,
            issues=tuple(self._issue(issue, held.details.get(n)) for n, issue in sorted(held.issues.items())),
            pulls=tuple(self._as_known(pull, held.details.get(n)) for n, pull in sorted(held.pulls.items())),
            claims=claims,
            merged=tuple(self._merged(pull for _, pull in sorted(held.merged.items()))),
        )

    async def pull(self, number: int) -> Pull | None:
        """One open pull request with its reviews, as the host holds it now; None when it is not open."""
        found = await self._author.get(self._url("pulls", number), shapes.Pull)
        if found.state != "open":
            return None
        reviews = await self._author.pages(self._url("pulls", number, "reviews"), shapes.Review)
        return self._known(Details(pull=found, reviews=tuple(reviews)))

    async def merged_as(self, number: int) -> str | None:
        """The merge commit of a pull request; None when it is not merged."""
        found = await self._author.get(self._url("pulls", number), shapes.Pull)
        return found.merge_commit_sha if found.merged else None

    async def issue_open(self, number: int) -> bool:
        return (await self._author.get(self._url("issues", number), shapes.Issue)).state == "open"

    # ── from the host's shapes to ours ──

    @property
    def _polled(self) -> Poller:
        if self._poller is None:
            raise Unavailable("not opened yet", subject=self.repo)
        return self._poller

    @property
    def _stamps(self) -> bool:
        return len(self._logins) == 1 or VERDICT in {*self._polled.held.required, *self._config.required_checks}

    def _issue(self, issue: shapes.Issue, details: Details | None) -> Issue:
        details = details or Details()
        return Issue(
            number=issue.number,
            title=self._line(issue.title),
            body=self._text(issue.body),
            author=_login(issue.user),
            association=issue.author_association,
            adopted_by=details.adoption.by,
            unadopted=details.adoption.void,
            labels=self._spelled(issue.label_names),
            assignees=tuple(person.login for person in issue.assignees),
            comments=tuple(self._said(details.comments)),
            notes=tuple(self._notes(details.comments)),
        )

    def _as_known(self, pull: shapes.Pull, details: Details | None) -> Pull:
        return self._known(Details(pull=pull) if details is None or details.pull is None else details)

    def _known(self, details: Details) -> Pull:
        pull = details.pull
        assert pull is not None
        return Pull(
            number=pull.number,
            title=self._line(pull.title),
            body=self._text(pull.body),
            author=_login(pull.user),
            head_ref=pull.head.ref,
            head=pull.head.sha,
            base=pull.base.ref,
            labels=self._spelled(label.name for label in pull.labels),
            mergeable=pull.mergeable,
            behind=details.behind,
            draft=bool(pull.draft),
            by=self._by(self._mark(pull.body, pull.user, "pull")),
            reviews=tuple(self._judged(details)),
            comments=tuple(self._said(details.comments)),
            notes=tuple(self._notes(details.comments)),
            checks=self._checks(details),
            stamp=next((_of_status(s).state for s in details.statuses if s.context == VERDICT), CheckState.NONE),
        )

    def _judged(self, details: Details) -> Iterable[Review]:
        """Those that stand, neither dismissed nor still being written, with their remarks on lines."""
        for review in details.reviews:
            if review.state not in _SAID:
                continue
            fields = self._mark(review.body, review.user, "review")
            said = fields.pop("outcome", None) if fields is not None else None
            outcome = _SAID[review.state] if fields is None else Outcome.COMMENT
            yield Review(
                id=review.id,
                outcome=Outcome(said) if said in tuple(Outcome) else outcome,
                commit=review.commit_id or "",
                body=self._text(review.body),
                author=_login(review.user),
                association=review.author_association,
                at=_seconds(review.submitted_at),
                remarks=tuple(self._comment(r) for r in details.remarks if r.pull_request_review_id == review.id),
                by=self._by(fields),
            )

    def _said(self, comments: Iterable[shapes.Comment]) -> Iterable[Comment]:
        """What people wrote: without a marker it is a person's, also from an account that the team uses."""
        unmarked = (c for c in comments if self._mark(c.body, c.user, "comment") is None)
        return (self._comment(comment) for comment in unmarked)

    def _comment(self, comment: shapes.Comment) -> Comment:
        return Comment(
            id=comment.id,
            author=_login(comment.user),
            association=comment.author_association,
            body=self._text(comment.body),
            at=_seconds(comment.updated_at),
            path=self._line(comment.path),
            line=comment.line,
        )

    def _notes(self, comments: Iterable[shapes.Comment]) -> Iterable[Note]:
        for comment in comments:
            mark = self._mark(comment.body, comment.user, "comment")
            if mark is not None:
                yield Note(
                    key=str(mark.get("key", "")), body=markers.strip(comment.body), at=_seconds(comment.updated_at)
                )

    def _merged(self, merged: Iterable[shapes.Issue]) -> Iterable[Merged]:
        for pull in merged:
            by = self._by(self._mark(pull.body, pull.user, "pull"))
            if by is not None:
                yield Merged(number=pull.number, by=by)

    def _checks(self, details: Details) -> Checks:
        """What the host's checks amount to. One that is required and not there yet is still to come."""
        statuses = [_of_status(status) for status in details.statuses if status.context != VERDICT]
        found = [*(_of_run(run) for run in details.runs), *statuses]
        required = {*self._polled.held.required, *self._config.required_checks} - {VERDICT}
        missing = sorted(required - {check.name for check in found})
        found += [Check(name=name, state=CheckState.PENDING, said="it has not begun") for name in missing]
        begun = [_seconds(run.started_at) for run in details.runs if run.status != "completed" and run.started_at]
        begun += [_seconds(s.updated_at) for s in details.statuses if s.state == "pending" and s.updated_at]
        states = {check.state for check in found}
        worst = (CheckState.RED, CheckState.PENDING, CheckState.GREEN)
        return Checks(
            state=next((state for state in worst if state in states), CheckState.NONE),
            runs=tuple(
                check.model_copy(update={"said": clean(check.said, limit=_EVIDENCE), "name": self._line(check.name)})
                for check in found
            ),
            since=min(begun, default=None),
        )

    def _by(self, fields: dict[str, Any] | None) -> Authorship | None:
        if fields is None:
            return None
        try:
            return Authorship.model_validate(fields)
        except ValidationError:
            return None  # a marker of another version: it says nothing to us

    def _spelled(self, labels: Iterable[str]) -> tuple[str, ...]:
        """Our own labels as we spell them: to the host, case makes no difference."""
        hub = self._config
        ours = (hub.label, hub.human_label, hub.working_label, hub.review_label, hub.approved_label)
        known = {name.casefold(): name for name in ours}
        return tuple(known.get(name.casefold(), name) for name in labels)

    def _text(self, text: str | None) -> str:
        return clean(markers.strip(text or ""), limit=self._config.max_text)

    def _line(self, text: str) -> str:
        return " ".join(self._text(text).split())


def _of_run(run: shapes.CheckRun) -> Check:
    state = CheckState.GREEN if run.conclusion in _GOOD else CheckState.RED
    said = "\n".join(filter(None, [run.conclusion, run.output.title, run.output.summary]))
    return Check(
        name=run.name,
        state=state if run.status == "completed" else CheckState.PENDING,
        said=said,
        url=run.html_url or "",
    )


def _of_status(status: shapes.CommitStatus) -> Check:
    states = {"success": CheckState.GREEN, "pending": CheckState.PENDING}
    said = status.description or status.state
    state = states.get(status.state, CheckState.RED)
    return Check(name=status.context, state=state, said=said, url=status.target_url or "")


def _login(user: shapes.User | None) -> str:
    return user.login if user is not None else ""


def _seconds(at: datetime | None) -> float:
    return at.timestamp() if at is not None else 0.0
