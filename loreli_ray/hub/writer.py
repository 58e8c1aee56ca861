"""What the team writes on the git host. Every write either carries a marker that lets it be found again, or is guarded
by the state it expects.

The host forbids approving one's own pull request, so a verdict is a real approval where a second account reviews, and a
marked comment with one account; the marker is what the team reads in both cases.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from loreli_ray.errors import Conflict, NotFound, Refused, Unavailable
from loreli_ray.hub import markers, shapes
from loreli_ray.hub.host import VERDICT
from loreli_ray.hub.leases import Leases
from loreli_ray.hub.reader import Reader
from loreli_ray.model import Authorship, Outcome, Pull, Review

# GitHub's limits: https://docs.github.com/en/rest/commits/statuses, https://docs.github.com/en/rest/issues/labels
_DESCRIPTION = 140
_LABEL_DESCRIPTION = "Used by the team of coding agents"
_LABEL_COLOUR = "5319e7"


class Writer(Reader, Leases):
    """The writing half: it reads before it writes what must be there only once."""

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

    async def close_issue(self, number: int) -> None:
        """Closes an issue, for hosts and branches where `Closes #n` does not."""
        await self._author.write("PATCH", self._url("issues", number), {"state": "closed", "state_reason": "completed"})

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

    async def set_labels(self, number: int, labels: Iterable[str]) -> None:
        """Exactly these labels on an issue or a pull request, in one request."""
        await self._author.write("PUT", self._url("issues", number, "labels"), {"labels": sorted(set(labels))})

    async def assign_team(self, number: int) -> None:
        """Assigns the author's account to an issue; the host leaves it out where it may not be assigned."""
        await self._assign("POST", number)

    async def unassign_team(self, number: int) -> None:
        await self._assign("DELETE", number)

    async def stamp(self, pull: Pull, verdict: Review | None) -> None:
        """The team's verdict on a head for all to see: the label of an approval first, then the commit status."""
        approved = verdict is not None and verdict.outcome is Outcome.APPROVE
        others = [label for label in pull.labels if label != self._config.approved_label]
        if approved or len(others) < len(pull.labels):
            await self.set_labels(pull.number, [*others, *([self._config.approved_label] if approved else [])])
        if verdict is not None and verdict.by is not None:
            said = f"{verdict.outcome.value.replace('_', ' ').lower()}: {verdict.by.agent} ({verdict.by.provider})"
            state = "success" if approved else "failure"
            await self.status(verdict.commit, state=state, context=VERDICT, description=said)

    async def settle(self, number: int, *, issue: int) -> None:
        """What follows the merge of a pull request: its branch goes, its issue is closed, the claim on that goes."""
        found = await self._author.get(self._url("pulls", number), shapes.Pull)
        if not found.merged:
            raise Conflict("is not merged", subject=f"pull request #{number}")
        await self.delete_branch(found.head.ref)
        if await self.issue_open(issue):
            await self.close_issue(issue)
        await self.remove_claim(issue)

    async def _assign(self, method: str, number: int) -> None:
        url, login = self._url("issues", number, "assignees"), self._accounts_in_order[0]
        issue = await self._author.make(method, url, shapes.Issue, {"assignees": [login]})
        self._assignable = method == "DELETE" or any(person.login == login for person in issue.assignees)

    async def status(self, sha: str, *, state: shapes.State, context: str, description: str) -> None:
        """The commit's status under the name `context`: written once, and again when it changes."""
        new = shapes.Status(context=context, state=state, description=_shortened(description))
        url = self._url("commits", sha, "statuses")
        # The host keeps them all and lists the newest first.
        known = await self._author.pages(url, shapes.Status)
        if next((one for one in known if one.context == context), None) != new:
            await self._author.write("POST", self._url("statuses", sha), new.model_dump())

    async def update_branch(self, pull: Pull) -> None:
        """Has the host merge the base into exactly the head in `pull`; it may take a moment after this returns.

        Nothing happens when the base is in it already. Raises `Conflict` when the head moved, `Refused` when the two
        can't be merged.
        """
        try:
            url = self._url("pulls", pull.number, "update-branch")
            await self._author.write("PUT", url, {"expected_head_sha": pull.head})
        except Refused as error:
            if "no new commits on the base" in error.message:
                return
            now = await self._author.get(self._url("pulls", pull.number), shapes.Pull)
            if now.head.sha != pull.head:  # GitHub says 422 to both
                raise Conflict("the head moved", subject=f"pull request #{pull.number}", status=error.status) from error
            raise

    async def ensure_labels(self, names: Iterable[str]) -> None:
        """Makes the labels that the repository does not have yet. GitHub's labels differ by more than their case."""
        known = {label.name.casefold() for label in await self._author.pages(self._url("labels"), shapes.Label)}
        for name in sorted(set(names)):
            if name.casefold() not in known:
                fields = {"name": name, "color": _LABEL_COLOUR, "description": _LABEL_DESCRIPTION}
                try:
                    await self._author.write("POST", self._url("labels"), fields)
                except Refused as error:
                    if error.status != 422 or "already_exists" not in error.message:  # somebody else was faster
                        raise


def _shortened(text: str) -> str:
    return text if len(text) <= _DESCRIPTION else text[: _DESCRIPTION - 1] + "…"
