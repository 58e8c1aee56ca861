"""What the team writes on the git host. Every write either carries a marker that lets it be found again, or is guarded
by the state it expects.

The host forbids approving one's own pull request, so a verdict is a real approval where a second account reviews, and a
marked comment with one account; the marker is what the team reads in both cases. What was written is remembered by its
key, and one key is written by one call at a time: a listing of the host may not show yet what was just written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from loreli_ray.config import ClaimsConfig
from loreli_ray.errors import Conflict, HubError, NotFound, Refused, Unavailable
from loreli_ray.hub import markers, shapes
from loreli_ray.hub.host import STATUS, VERDICT
from loreli_ray.hub.leases import Leases
from loreli_ray.hub.queue import Priority
from loreli_ray.hub.reader import Reader
from loreli_ray.hub.remarks import Remark, folded, parted
from loreli_ray.model import Authorship, Claim, Outcome, Pull, Review

# GitHub's limit of a status, https://docs.github.com/en/rest/commits/statuses
_DESCRIPTION = 140
_LABEL_DESCRIPTION = "Used by the team of coding agents"
_LABEL_COLOUR = "5319e7"


class Writer(Reader, Leases):
    """The writing half: it reads before it writes what must be there only once."""

    # ── pull requests ──

    async def submit_pull(self, *, head: str, title: str, body: str, by: Authorship) -> int:
        """Opens a pull request for branch `head`, or updates the open one that it already has. Its number."""
        text = f"{body.strip()}\n\nCloses #{by.issue}\n\n{markers.render('pull', **by.model_dump(mode='json'))}"
        async with self._written_pulls.alone(head):
            found = await self._find_pull(head) or await self._new_pull(head, title=title, text=text)
            if (found.title, found.body) != (title, text):
                fields = {"title": title, "body": text}
                await self._author.write("PATCH", self._url("pulls", found.number), fields)
            return found.number

    async def submit_review(
        self, pull: Pull, *, outcome: Outcome, text: str, comments: list[dict[str, Any]], by: Authorship
    ) -> int:
        """A review of exactly the head in `pull`. The same reviewer's second review of one head is the first again.

        Comments on lines outside of the diff become a part of its text.
        """
        key = (pull.number, pull.head, by.agent)
        async with self._written_reviews.alone(*key) as known:
            review = (
                known
                or await self._find_review(pull, by=by)
                or await self._review_anew(pull, outcome=outcome, text=text, comments=comments, by=by)
            )
            self._written_reviews.keep(*key, value=review)
            return review.id

    async def land(self, pull: Pull, *, base_head: str, title: str, message: str, claims: ClaimsConfig) -> str:
        """Merges exactly the head in `pull` into exactly the base that was looked at; the merge commit.

        One at a time for the repository, whoever else works on it. Raises `Conflict` when another team is landing, the
        issue is in other hands by now, or the head or the base moved; `Refused` when it can't be merged.
        """
        assert pull.by is not None
        line = await self.enter_line(pull.by.agent, claims=claims)
        try:
            line = await self.fence_merge(pull.by, line=line, claims=claims)
            _, now = await self._leases.read(self.base)
            if self._config.up_to_date and now != base_head:
                raise Conflict(f"{self.base} has moved on to {now[:12]}", subject=f"pull request #{pull.number}")
            return await self.merge(pull, title=title, message=message)
        finally:
            with suppress(HubError):  # then its lease ends, in two minutes
                await self.leave_line(line)

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
        url = self._url("pulls", pull.number)
        try:
            return (
                await self._author.change("PUT", f"{url}/merge", fields, shape=shapes.Merged, priority=Priority.FINISH)
            ).sha
        except (Refused, Conflict, Unavailable):  # Unavailable: perhaps only the answer was lost
            now = await self._author.get(url, shapes.Pull, essential=True)
            if now.merged and now.merge_commit_sha and now.head.sha == pull.head:
                return now.merge_commit_sha
            raise

    async def update_branch(self, pull: Pull) -> None:
        """Has the host merge the base into exactly the head in `pull`; it may take a moment after this returns.

        Nothing happens when the base is in it already. Raises `Conflict` when the head moved, `Refused` when the two
        can't be merged.
        """
        url = self._url("pulls", pull.number)
        try:
            await self._author.write("PUT", f"{url}/update-branch", {"expected_head_sha": pull.head})
        except Refused as error:
            if "no new commits on the base" in error.message:
                return
            now = await self._author.get(url, shapes.Pull)
            if now.head.sha != pull.head:  # GitHub says 422 to both
                raise Conflict("the head moved", subject=f"pull request #{pull.number}", status=error.status) from error
            raise

    async def close_pull(self, number: int, *, why: str) -> None:
        await self.comment(number, key="closed", text=why)
        await self._author.write("PATCH", self._url("pulls", number), {"state": "closed"}, priority=Priority.FINISH)

    async def delete_branch(self, branch: str) -> None:
        """Deletes a branch; nothing happens when it is not there."""
        url = self._url("git/refs/heads", quote(branch, safe="/"))
        try:
            await self._author.write("DELETE", url, priority=Priority.FINISH)
        except (NotFound, Refused) as error:
            if error.status not in (404, 422):
                raise

    # ── issues ──

    async def close_issue(self, number: int) -> None:
        """Closes an issue, for hosts and branches where `Closes #n` does not."""
        fields = {"state": "closed", "state_reason": "completed"}
        await self._author.write("PATCH", self._url("issues", number), fields, priority=Priority.FINISH)

    async def comment(self, number: int, *, key: str, text: str, priority: Priority = Priority.WORK) -> None:
        """A comment that is there once for its `key`, edited in place when the text changes."""
        body = f"{text.strip()}\n\n{markers.render('comment', key=key)}"
        async with self._written_comments.alone(number, key) as remembered:
            known = remembered or await self._find_comment(number, key)
            if known is not None and known.body != body:
                known = await self._edited(known, body, priority=priority)
            if known is None:
                known = await self._author.create(
                    self._url("issues", number, "comments"),
                    {"body": body},
                    shapes.Comment,
                    find=lambda: self._find_comment(number, key),
                    priority=priority,
                )
            self._written_comments.keep(number, key, value=known)

    async def show_status(self, number: int, text: str, *, priority: Priority = Priority.SHOW) -> None:
        """The one status comment beneath an issue."""
        await self.comment(number, key=STATUS, text=text, priority=priority)

    async def hold(self, number: int, *, why: str) -> None:
        """Puts an issue into a human's hands: the comment that says why, and the label that holds it."""
        await self.comment(number, key="hold", text=why)
        await self.relabel(number, add=[self._config.human_label], priority=Priority.WORK)

    async def relabel(
        self,
        number: int,
        *,
        add: Collection[str] = (),
        remove: Collection[str] = (),
        priority: Priority = Priority.SHOW,
    ) -> None:
        """Puts labels on an issue or a pull request, in one request, and takes others off.

        Never the whole set at once: what a person sets meanwhile, `loreli:human` above all, must not get lost.
        """
        url = self._url("issues", number, "labels")
        if add:
            await self._author.write("POST", url, {"labels": sorted(add)}, priority=priority)
        for label in sorted(remove):
            with suppress(NotFound):  # somebody else took it off
                await self._author.write("DELETE", f"{url}/{quote(label, safe='')}", priority=priority)

    async def stamp(self, pull: Pull, verdict: Review | None) -> None:
        """The team's verdict on a head for all to see: the label of an approval first, then the commit status."""
        approved = verdict is not None and verdict.outcome is Outcome.APPROVE
        label = {self._config.approved_label}
        if approved:
            await self.relabel(pull.number, add=label, priority=Priority.WORK)
        elif label & set(pull.labels):
            await self.relabel(pull.number, remove=label, priority=Priority.WORK)
        if verdict is not None and verdict.by is not None:
            said = f"{verdict.outcome.value.replace('_', ' ').lower()}: {verdict.by.agent} ({verdict.by.provider})"
            state = "success" if approved else "failure"
            await self.status(verdict.commit, state=state, context=VERDICT, description=said)

    async def settle(self, number: int, *, issue: int, note: str | None = None) -> str | None:
        """What follows the merge of a pull request: its branch goes, its issue is closed, and last the claim on that.

        Returns the merge commit; None when it is not merged, and nothing is done. `note` is the status comment's end.
        """
        pull = await self._author.get(self._url("pulls", number), shapes.Pull, essential=True)
        if not pull.merged:
            return None
        await self.delete_branch(pull.head.ref)
        found = await self._author.get(self._url("issues", issue), shapes.Issue, essential=True)
        if found.state == "open":
            await self.close_issue(issue)
        async with self._landed.alone(issue):
            self._landed.keep(issue, value=True)
            passing = {self._config.working_label, self._config.review_label}
            worn = passing & set(self._spelled(found.label_names))
            await self.relabel(issue, remove=worn, priority=Priority.FINISH)
            if note is not None:
                await self.show_status(issue, note, priority=Priority.FINISH)
        await self.remove_claim(issue)
        return pull.merge_commit_sha

    async def show(
        self,
        number: int,
        *,
        add: Collection[str] = (),
        remove: Collection[str] = (),
        assigned: bool | None = None,
        note: str | None = None,
    ) -> None:
        """What people see of an issue; None stays as it is. Of one that has landed meanwhile the end has been told."""
        async with self._landed.alone(number) as landed:
            if landed:
                return
            await self.relabel(number, add=add, remove=remove)
            if assigned is not None:
                await self._assign("POST" if assigned else "DELETE", number)
            if note is not None:
                await self.show_status(number, note)

    async def take_claim(self, issue: int, *, agent: str, generation: int, ttl: float, replaces: Claim | None) -> Claim:
        claim = await super().take_claim(issue, agent=agent, generation=generation, ttl=ttl, replaces=replaces)
        self._landed.keep(issue, value=False)
        return claim

    async def _assign(self, method: str, number: int) -> None:
        url, login = self._url("issues", number, "assignees"), self._author.login
        fields = {"assignees": [login]}
        issue = await self._author.change(method, url, fields, shape=shapes.Issue, priority=Priority.SHOW)
        self._assignable = method == "DELETE" or any(person.login == login for person in issue.assignees)

    # ── the repository ──

    async def status(self, sha: str, *, state: shapes.State, context: str, description: str) -> None:
        """The commit's status under the name `context`: written once, and again when it changes."""
        fields = {"context": context, "state": state, "description": _shortened(description)}
        new = shapes.Status.model_validate(fields)

        async def said() -> shapes.Status | None:
            # The host keeps them all and lists the newest first.
            known = await self._author.pages(self._url("commits", sha, "statuses"), shapes.Status)
            latest = next((one for one in known if one.context == context), None)
            same = latest is not None and (latest.state, latest.description) == (new.state, new.description)
            return latest if same else None

        async with self._written_statuses.alone(sha, context) as known:
            if known != new and await said() is None:
                await self._author.create(self._url("statuses", sha), fields, shapes.Status, find=said)
            self._written_statuses.keep(sha, context, value=new)

    async def ensure_labels(self, names: Iterable[str]) -> None:
        """Makes the labels that the repository does not have yet. To the host, case makes no difference."""
        wanted = {name.casefold(): name for name in names}
        for name in set(wanted) - await self._label_names():
            fields = {"name": wanted[name], "color": _LABEL_COLOUR, "description": _LABEL_DESCRIPTION}
            try:
                await self._author.write("POST", self._url("labels"), fields, priority=Priority.SHOW)
            except Refused:
                if name not in await self._label_names():  # else somebody else was faster
                    raise

    # ── looking for what is there ──

    async def _find_pull(self, head: str) -> shapes.Pull | None:
        owner = self._opened.full_name.split("/")[0]
        params = {"state": "open", "head": f"{owner}:{head}"}
        found = await self._author.pages(self._url("pulls"), shapes.Pull, params=params)
        return found[0] if found else None

    async def _new_pull(self, head: str, *, title: str, text: str) -> shapes.Pull:
        fields = {"title": title, "body": text, "head": head, "base": self.base}
        try:
            return await self._author.create(
                self._url("pulls"), fields, shapes.Pull, find=lambda: self._find_pull(head)
            )
        except Refused:
            found = await self._find_pull(head)  # the host allows one, and the listing lagged behind
            if found is None:
                raise
            return found

    async def _find_review(self, pull: Pull, *, by: Authorship) -> shapes.Review | None:
        for review in await self._author.pages(self._url("pulls", pull.number, "reviews"), shapes.Review):
            mark = self._mark(review.body, review.user, "review")
            if mark is not None and mark.get("agent") == by.agent and review.commit_id == pull.head:
                return review
        return None

    async def _review_anew(
        self, pull: Pull, *, outcome: Outcome, text: str, comments: list[dict[str, Any]], by: Authorship
    ) -> shapes.Review:
        url = self._url("pulls", pull.number)
        event = outcome if len(self._logins) > 1 else Outcome.COMMENT
        marker = markers.render("review", outcome=outcome.value, **by.model_dump(mode="json"))

        async def post(inside: Iterable[Remark], outside: Iterable[Remark]) -> shapes.Review:
            fields = {
                "commit_id": pull.head,
                "event": event.value,
                "body": f"{folded(text, outside)}\n\n{marker}",
                "comments": list(inside),
            }
            return await self._reviewer.create(
                f"{url}/reviews", fields, shapes.Review, find=lambda: self._find_review(pull, by=by)
            )

        try:
            return await post(comments, ())
        except Refused as error:
            if error.status != 422 or not comments:
                raise
        inside, outside = parted(comments, await self._author.pages(f"{url}/files", shapes.File))
        if inside and outside:
            try:
                return await post(inside, outside)
            except Refused as error:  # the head moved, or the host reads the diff in another way
                if error.status != 422:
                    raise
        return await post((), comments)

    async def _find_comment(self, number: int, key: str) -> shapes.Comment | None:
        for comment in await self._author.pages(self._url("issues", number, "comments"), shapes.Comment):
            mark = self._mark(comment.body, comment.user, "comment")
            if mark is not None and mark.get("key") == key:
                return comment
        return None

    async def _edited(self, comment: shapes.Comment, body: str, *, priority: Priority) -> shapes.Comment | None:
        """The comment with a new text; None when somebody deleted it."""
        try:
            await self._author.write(
                "PATCH", self._url("issues/comments", comment.id), {"body": body}, priority=priority
            )
        except NotFound:
            return None
        return comment.model_copy(update={"body": body})

    async def _label_names(self) -> set[str]:
        return {label.name.casefold() for label in await self._author.pages(self._url("labels"), shapes.Label)}


def _shortened(text: str) -> str:
    return text if len(text) <= _DESCRIPTION else text[: _DESCRIPTION - 1] + "…"
