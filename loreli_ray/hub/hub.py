"""The git host of one repository: what it holds as a snapshot, and what the team writes there.

Reads are conditional and cheap; every write either carries a marker that lets it be found again, or is guarded by the
state it expects. The host forbids approving one's own pull request, so a verdict is a real approval where a second
account reviews, and a marked comment with one account; the marker is what the team reads in both cases.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError

from loreli_ray.clock import Clock
from loreli_ray.config import HubConfig
from loreli_ray.errors import Conflict, NotFound, Refused, Unavailable
from loreli_ray.hub import markers, shapes
from loreli_ray.hub.claims import Claims
from loreli_ray.hub.transport import Transport
from loreli_ray.model import (
    Authorship,
    Budget,
    Claim,
    Credentials,
    Issue,
    Outcome,
    Pull,
    Remote,
    Review,
    Snapshot,
)


class Hub:
    """One repository on one git host. Call `open` before anything else."""

    def __init__(
        self, repo: str, *, config: HubConfig, credentials: Credentials, session: str, home: Path, clock: Clock
    ) -> None:
        self.repo = repo
        self._config = config
        self._session = session
        self._home = home
        self._clock = clock
        self._token = credentials.token
        self._author = self._transport(credentials.token)
        reviewer = credentials.reviewer_token
        self._reviewer = self._transport(reviewer) if reviewer else self._author
        self._accounts: frozenset[str] = frozenset()
        self._repository: shapes.Repository | None = None
        self._claims: Claims | None = None

    async def open(self) -> None:
        """Learns the repository and the accounts. Raises `HubError` when one of them is not there."""
        try:
            self._repository = await self._author.get(f"/repos/{self.repo}", shapes.Repository)
        except NotFound as error:
            raise NotFound("no such repository, or the token may not see it", subject=self.repo, status=404) from error
        logins = [(await account.get("/user", shapes.User)).login for account in (self._author, self._reviewer)]
        self._accounts = frozenset(logins)
        remote = self.push_remote()
        path = self._home / "claims.git"
        self._claims = Claims(path, remote=remote.url, credential=remote.credential, session=self._session)
        await self._claims.open()

    async def close(self) -> None:
        await self._author.close()
        if self._reviewer is not self._author:
            await self._reviewer.close()

    @property
    def base(self) -> str:
        """The branch that everything is merged into."""
        return self._config.base or self._opened.default_branch

    def push_remote(self) -> Remote:
        return Remote(url=self._opened.clone_url, username="x-access-token", token=self._token)

    @property
    def budget(self) -> Budget:
        return self._author.budget

    # ── reading ──

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

    # ── claims ──

    async def claim(self, issue: int) -> Claim | None:
        return await self._leases.get(issue)

    async def take_claim(self, issue: int, *, agent: str, generation: int, ttl: float, replaces: Claim | None) -> Claim:
        """A lease of `ttl` seconds. `Conflict` when somebody else was faster."""
        until = self._clock.now() + ttl
        return await self._leases.take(issue, agent=agent, generation=generation, until=until, replaces=replaces)

    async def renew_claim(self, claim: Claim, *, ttl: float) -> Claim:
        return await self._leases.renew(claim, until=self._clock.now() + ttl)

    async def release_claim(self, claim: Claim) -> Claim:
        return await self._leases.release(claim)

    async def remove_claim(self, issue: int) -> None:
        """Removes the claim on a closed issue; nothing happens when there is none."""
        claim = await self._leases.get(issue)
        if claim is not None:
            await self._leases.remove(claim)

    # ── writing ──

    async def submit_pull(self, *, head: str, title: str, body: str, by: Authorship) -> int:
        """Opens a pull request for branch `head`, or updates the open one that it already has. Its number."""
        text = f"{body.strip()}\n\nCloses #{by.issue}\n\n{markers.render('pull', **by.model_dump(mode='json'))}"
        fields = {"title": title, "body": text}
        owner = self.repo.split("/")[0]
        found = await self._author.pages(
            self._url("pulls"), shapes.Pull, params={"state": "open", "head": f"{owner}:{head}"}
        )
        if found:
            await self._author.write("PATCH", self._url("pulls", found[0].number), fields)
            return found[0].number
        new = {**fields, "head": head, "base": self.base}
        return (await self._author.make("POST", self._url("pulls"), shapes.Pull, new)).number

    async def submit_review(
        self, pull: Pull, *, outcome: Outcome, text: str, comments: list[dict[str, Any]], by: Authorship
    ) -> int:
        """A review of exactly the head in `pull`. The same reviewer's second review of one head is the first again."""
        now = await self.pull(pull.number)
        for review in now.reviews if now is not None else ():
            if review.by is not None and review.by.agent == by.agent and review.commit == pull.head:
                return review.id
        event = outcome if len(self._logins) > 1 else Outcome.COMMENT
        marker = markers.render("review", outcome=outcome.value, **by.model_dump(mode="json"))
        body = f"{text.strip()}\n\n{marker}"
        fields = {"commit_id": pull.head, "event": event.value, "body": body, "comments": comments}
        return (await self._reviewer.make("POST", self._url("pulls", pull.number, "reviews"), shapes.Review, fields)).id

    async def merge(self, pull: Pull, *, title: str, message: str) -> str:
        """Merges exactly the head in `pull`; the merge commit. One that is merged already is no error.

        Raises `Conflict` when the head moved, `Refused` when it can't be merged.
        """
        fields = {
            "sha": pull.head,
            "merge_method": self._config.merge_method,
            "commit_title": title,
            "commit_message": message,
        }
        try:
            return (await self._author.make("PUT", self._url("pulls", pull.number, "merge"), shapes.Merged, fields)).sha
        except (Refused, Conflict, Unavailable):  # Unavailable: perhaps only the answer was lost
            now = await self._author.get(self._url("pulls", pull.number), shapes.Pull)
            if now.merged and now.merge_commit_sha and now.head.sha == pull.head:
                return now.merge_commit_sha
            raise

    async def merged_as(self, number: int) -> str | None:
        """The merge commit of a pull request; None when it is not merged."""
        found = await self._author.get(self._url("pulls", number), shapes.Pull)
        return found.merge_commit_sha if found.merged else None

    async def close_issue(self, number: int) -> None:
        """Closes an issue, for hosts and branches where `Closes #n` does not."""
        await self._author.write("PATCH", self._url("issues", number), {"state": "closed", "state_reason": "completed"})

    async def issue_open(self, number: int) -> bool:
        return (await self._author.get(self._url("issues", number), _State)).state == "open"

    async def close_pull(self, number: int, *, why: str) -> None:
        await self.comment(number, key="closed", text=why)
        await self._author.write("PATCH", self._url("pulls", number), {"state": "closed"})

    async def delete_branch(self, branch: str) -> None:
        """Deletes a branch; nothing happens when it is not there."""
        try:
            await self._author.write("DELETE", self._url("git/refs/heads", quote(branch, safe="/")))
        except (NotFound, Refused) as error:
            if error.status not in (404, 422):
                raise

    async def comment(self, number: int, *, key: str, text: str) -> None:
        """A comment that is there once for its `key`, edited in place when the text changes."""
        body = f"{text.strip()}\n\n{markers.render('comment', key=key)}"
        for comment in await self._author.pages(self._url("issues", number, "comments"), shapes.Comment):
            mark = self._mark(comment.body, comment.user, "comment")
            if mark is not None and mark.get("key") == key:
                if comment.body != body:
                    await self._author.write("PATCH", self._url("issues/comments", comment.id), {"body": body})
                return
        await self._author.write("POST", self._url("issues", number, "comments"), {"body": body})

    async def hold(self, number: int, *, why: str) -> None:
        """Puts an issue into a human's hands: the comment that says why, and the label that holds it."""
        await self.comment(number, key="hold", text=why)
        await self._author.write("POST", self._url("issues", number, "labels"), {"labels": [self._config.human_label]})

    # ── inside ──

    @property
    def _opened(self) -> shapes.Repository:
        if self._repository is None:
            raise Unavailable("not opened yet", subject=self.repo)
        return self._repository

    @property
    def _logins(self) -> frozenset[str]:
        """Our accounts. Without them no marker would count, and everything be written twice."""
        if not self._accounts:
            raise Unavailable("not opened yet", subject=self.repo)
        return self._accounts

    @property
    def _leases(self) -> Claims:
        if self._claims is None:
            raise Unavailable("not opened yet", subject=self.repo)
        return self._claims

    def _transport(self, token: str) -> Transport:
        return Transport(
            token=token, api_url=self._config.api_url, clock=self._clock, pause=self._config.min_write_interval
        )

    def _url(self, *parts: object) -> str:
        return "/".join([f"/repos/{self.repo}", *(str(part) for part in parts)])

    def _mark(self, body: str | None, user: shapes.User | None, kind: str) -> dict[str, Any] | None:
        """The marker in a text, if one of our accounts wrote it."""
        return markers.parse(body, kind) if user is not None and user.login in self._logins else None

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
