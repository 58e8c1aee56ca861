"""What the git host holds, in our own slim models. Reads are conditional and cheap."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from loreli_ray.hub import markers, shapes
from loreli_ray.hub.host import Host
from loreli_ray.model import Authorship, Issue, Outcome, Pull, Review, Snapshot


class Reader(Host):
    """The reading half of the hub."""

    async def snapshot(self) -> Snapshot:
        """Open issues with our label, open pull requests, and claims."""
        claims, base_head = await self._leases.read(self.base)
        listed = await self._author.pages(
            self._url("issues"), shapes.Issue, params={"state": "open", "labels": self._config.label}
        )
        pulls = await self._author.pages(self._url("pulls"), shapes.Pull, params={"state": "open"})
        ours = {pull.number for pull in pulls if self._mark(pull.body, pull.user, "pull") is not None}
        known = [await self.pull(pull.number) if pull.number in ours else self._pull(pull, ()) for pull in pulls]
        return Snapshot(
            repo=self.repo,
            at=self._clock.now(),
            base=self.base,
            base_head=base_head,
            issues=tuple(_issue(issue) for issue in listed if issue.pull_request is None),
            pulls=tuple(pull for pull in known if pull is not None),
            claims=claims,
        )

    async def pull(self, number: int) -> Pull | None:
        """One open pull request with its reviews, as the host holds it now; None when it is not open."""
        found = await self._author.get(self._url("pulls", number), shapes.Pull)
        if found.state != "open":
            return None
        reviews = await self._author.pages(self._url("pulls", number, "reviews"), shapes.Review)
        return self._pull(found, tuple(self._review(review) for review in reviews))

    async def merged_as(self, number: int) -> str | None:
        """The merge commit of a pull request; None when it is not merged."""
        found = await self._author.get(self._url("pulls", number), shapes.Pull)
        return found.merge_commit_sha if found.merged else None

    async def issue_open(self, number: int) -> bool:
        return (await self._author.get(self._url("issues", number), _State)).state == "open"

    def _by(self, fields: dict[str, Any] | None) -> Authorship | None:
        if fields is None:
            return None
        try:
            return Authorship.model_validate(fields)
        except ValidationError:
            return None  # a marker of another version: it says nothing to us

    def _pull(self, pull: shapes.Pull, reviews: tuple[Review, ...]) -> Pull:
        return Pull(
            number=pull.number,
            title=pull.title,
            body=markers.strip(pull.body),
            author=pull.user.login if pull.user else "",
            head_ref=pull.head.ref,
            head=pull.head.sha,
            base=pull.base.ref,
            labels=tuple(label.name for label in pull.labels),
            mergeable=pull.mergeable,
            draft=bool(pull.draft),
            by=self._by(self._mark(pull.body, pull.user, "pull")),
            reviews=reviews,
        )

    def _review(self, review: shapes.Review) -> Review:
        fields = self._mark(review.body, review.user, "review") or {}
        said = fields.pop("outcome", None)
        return Review(
            id=review.id,
            outcome=Outcome(said) if said in tuple(Outcome) else Outcome.COMMENT,
            commit=review.commit_id or "",
            body=markers.strip(review.body),
            author=review.user.login if review.user else "",
            by=self._by(fields or None),
        )


class _State(shapes.Shape):
    state: str


def _issue(issue: shapes.Issue) -> Issue:
    return Issue(
        number=issue.number,
        title=issue.title,
        body=issue.body or "",
        author=issue.user.login if issue.user else "",
        association=issue.author_association,
        labels=issue.label_names,
    )
