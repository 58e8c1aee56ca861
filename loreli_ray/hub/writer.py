"""What the team writes on the git host. Every write either carries a marker that lets it be found again, or is guarded
by the state it expects.

The host forbids approving one's own pull request, so a verdict is a real approval where a second account reviews, and a
marked comment with one account; the marker is what the team reads in both cases.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from loreli_ray.errors import Conflict, NotFound, Refused, Unavailable
from loreli_ray.hub import markers, shapes
from loreli_ray.hub.reader import Reader
from loreli_ray.model import Authorship, Outcome, Pull


class Writer(Reader):
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
