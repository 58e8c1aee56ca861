"""Who made a stranger's issue the team's work, and whether it still is what they saw.

Whoever may set labels here adopts an issue by giving it the team's label. That counts for the text they had before
them: once somebody else has changed the title or the body, the label must be set again. New titles are events; REST
does not tell of new bodies, GraphQL does (https://docs.github.com/en/graphql/reference/objects#issue). Of several edits
it tells the last: a maintainer's own, after a stranger's, is of a text that the maintainer had before them.

Where the host can't say who edited an issue, nobody adopts it. Times on the host have a resolution of a second, so an
edit in the very second of the label counts as later. Labels that a program set count for nothing: it saw nothing.
"""

from __future__ import annotations

from datetime import datetime

from loreli_ray.errors import HubError, NotFound, RateLimited
from loreli_ray.hub import shapes
from loreli_ray.hub.transport import Transport

_MAY_LABEL = ("admin", "maintain", "write", "triage")
_EDITED = """
query ($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) { issue(number: $number) { lastEditedAt editor { login } } }
}
"""


class Adoption(shapes.Shape):
    """`by` is who adopted it; "" when nobody did, or when it no longer counts: `void` says why."""

    by: str = ""
    void: str = ""


NOBODY = Adoption()


class Adoptions:
    """Those of one repository, whose address is `root`: `/repos/<owner>/<name>`."""

    def __init__(self, http: Transport, *, root: str, label: str) -> None:
        self._http = http
        self._root = root
        self._label = label.casefold()
        self._roles: dict[str, bool] = {}

    def forget(self) -> None:
        """Asks anew who may do what here."""
        self._roles.clear()

    async def of(self, number: int) -> Adoption:
        """Of an issue that has the label. Costs a request of GraphQL if somebody adopted it. Raises `HubError`."""
        events = await self._http.pages(f"{self._root}/issues/{number}/events", shapes.IssueEvent)
        given = [place for place, event in enumerate(events) if event.event == "labeled" and self._ours(event)]
        if not given or not await self._may_label(events[given[-1]].actor):
            return NOBODY
        label, since = events[given[-1]], events[given[-1] + 1 :]
        assert label.actor is not None
        by = label.actor.login
        for event in since:
            if event.event == "renamed" and not await self._may_label(event.actor):
                return _void(event.actor, what="title", by=by)
        try:
            at, editor = await self._edited(number)
        except RateLimited:
            raise
        except HubError as error:
            if error.status not in (403, 404):
                raise
            return Adoption(void=f"{by} gave it the label, but the host does not tell who edited it since: {error}")
        late = at is not None and (label.created_at is None or at >= label.created_at)
        return _void(editor, what="body", by=by) if late and not await self._may_label(editor) else Adoption(by=by)

    def _ours(self, event: shapes.IssueEvent) -> bool:
        return event.label is not None and event.label.name.casefold() == self._label

    async def _edited(self, number: int) -> tuple[datetime | None, shapes.User | None]:
        """When the body was last changed, and by whom. Raises `HubError`, with status 403 or 404 if it is not told."""
        _, _, owner, name = self._root.split("/")
        answer = await self._http.ask(_EDITED, shapes.Edited, owner=owner, name=name, number=number)
        for error in answer.errors:
            if error.type == "RATE_LIMITED":
                raise RateLimited(error.message, subject=f"issue #{number}")
            raise NotFound(error.message, subject=f"issue #{number}", status=404)
        repository = answer.data.repository if answer.data is not None else None
        if repository is None or repository.issue is None:
            raise NotFound("is not there", subject=f"issue #{number}", status=404)
        return repository.issue.last_edited_at, repository.issue.editor

    async def _may_label(self, user: shapes.User | None) -> bool:
        """Whether a person may write here; nobody knows what an account that is gone might."""
        if user is None or user.type == "Bot":
            return False
        if user.login not in self._roles:
            try:
                url = f"{self._root}/collaborators/{user.login}/permission"
                found = await self._http.get(url, shapes.Permission)
                self._roles[user.login] = (found.role_name or found.permission) in _MAY_LABEL
            except NotFound:
                self._roles[user.login] = False
            except HubError as error:
                if error.status != 403 or isinstance(error, RateLimited):
                    raise
                self._roles[user.login] = False  # our token may not ask: nobody can be told from a stranger
        return self._roles[user.login]


def _void(editor: shapes.User | None, *, what: str, by: str) -> Adoption:
    who = editor.login if editor is not None else "somebody"
    return Adoption(void=f"{who}, who may not write here, changed its {what} after {by} gave it the label")
