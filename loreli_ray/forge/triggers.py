"""What a webhook may want to hear of is noted by the database itself, in the transaction that makes it true.

So no way to write can forget to tell, and nothing is noted while nobody listens. A note holds ids, and the whole row of
what may be gone or different by the time it is told; `acting()` is whom a change is asked for by (store.py). Notes
become payloads in rest/hook_shapes.py. A table that is made anew needs its triggers anew.
"""

from __future__ import annotations

_ISSUE = "(SELECT repository_id FROM issues WHERE id = NEW.{})"
_DISCUSSION = "(SELECT repository_id FROM discussions WHERE id = NEW.discussion_id)"


def _note(
    name: str,
    after: str,
    *,
    kind: str,
    action: str,
    repository: str = "NEW.repository_id",
    actor: str = "acting()",
    subject: str = "NEW.id",
    details: str = "'{}'",
    when: str = "1",
) -> str:
    return (
        f"CREATE TRIGGER note_{name} AFTER {after} WHEN ({when}) "
        f"AND EXISTS (SELECT 1 FROM hooks WHERE repository_id = {repository} AND active) BEGIN "
        "INSERT INTO notes (repository_id, kind, action, subject_id, actor_id, details) "
        f"VALUES ({repository}, {kind}, {action}, {subject}, {actor}, {details}); END"
    )


def _json(row: str, columns: str) -> str:
    return "json_object(" + ", ".join(f"'{column}', {row}.{column}" for column in columns.split()) + ")"


def _row(columns: str, *, row: str = "NEW") -> str:
    return f"json_object('row', {_json(row, columns)})"


def _rewritten(columns: str) -> str:
    """The row, and its body as it was."""
    return f"json_object('row', {_json('NEW', columns)}, 'body', OLD.body)"


_COMMENT = "id issue_id author_id body created_at updated_at"
_REMARK = (
    "id review_id pull_id author_id body commit_id path line side position diff_hunk created_at updated_at in_reply_to"
)
_REPLY = "id discussion_id author_id reply_to body created_at updated_at"
_CHECK = (
    "id repository_id head_sha name status conclusion started_at completed_at external_id details_url title summary "
    "text app_id"
)


TRIGGERS = (
    _note(
        "opened",
        "INSERT ON issues",
        kind="CASE NEW.is_pull WHEN 1 THEN 'pull_request' ELSE 'issues' END",
        action="'opened'",
        actor="COALESCE(acting(), NEW.author_id)",
    ),
    _note(
        "rewritten",
        "UPDATE OF body ON issues",
        kind="CASE NEW.is_pull WHEN 1 THEN 'pull_request' ELSE 'issues' END",
        action="'edited'",
        actor="COALESCE(acting(), NEW.author_id)",
        details="json_object('body', OLD.body)",
        when="OLD.body IS NOT NEW.body",
    ),
    _note(
        "happened",
        "INSERT ON events",
        kind="'event'",
        action="NEW.name",
        repository=_ISSUE.format("issue_id"),
        actor="COALESCE(NEW.actor_id, acting())",
    ),
    _note(
        "synchronized",
        "UPDATE OF head_sha ON pulls",
        kind="'pull_request'",
        action="'synchronize'",
        repository=_ISSUE.format("id"),
        details="json_object('before', OLD.head_sha, 'after', NEW.head_sha)",
        when="OLD.head_sha <> NEW.head_sha",
    ),
    _note(
        "commented",
        "INSERT ON comments",
        kind="'issue_comment'",
        action="'created'",
        repository=_ISSUE.format("issue_id"),
        actor="COALESCE(acting(), NEW.author_id)",
        details=_row(_COMMENT),
    ),
    _note(
        "comment_rewritten",
        "UPDATE OF body ON comments",
        kind="'issue_comment'",
        action="'edited'",
        repository=_ISSUE.format("issue_id"),
        actor="COALESCE(acting(), NEW.author_id)",
        details=_rewritten(_COMMENT),
        when="OLD.body <> NEW.body",
    ),
    _note(
        "comment_gone",
        "DELETE ON comments",
        kind="'issue_comment'",
        action="'deleted'",
        repository=_ISSUE.format("issue_id").replace("NEW.", "OLD."),
        actor="COALESCE(acting(), OLD.author_id)",
        subject="OLD.id",
        details=_row(_COMMENT, row="OLD"),
    ),
    _note(
        "reviewed",
        "INSERT ON reviews",
        kind="'pull_request_review'",
        action="'submitted'",
        repository=_ISSUE.format("pull_id"),
        actor="COALESCE(acting(), NEW.author_id)",
    ),
    _note(
        "remarked",
        "INSERT ON review_comments",
        kind="'pull_request_review_comment'",
        action="'created'",
        repository=_ISSUE.format("pull_id"),
        actor="COALESCE(acting(), NEW.author_id)",
        details=_row(_REMARK),
    ),
    _note(
        "remark_rewritten",
        "UPDATE OF body ON review_comments",
        kind="'pull_request_review_comment'",
        action="'edited'",
        repository=_ISSUE.format("pull_id"),
        actor="COALESCE(acting(), NEW.author_id)",
        details=_rewritten(_REMARK),
        when="OLD.body <> NEW.body",
    ),
    _note("status_set", "INSERT ON statuses", kind="'status'", action="''", actor="COALESCE(acting(), NEW.creator_id)"),
    _note(
        "check_begun",
        "INSERT ON check_runs",
        kind="'check_run'",
        action="CASE NEW.status WHEN 'completed' THEN 'completed' ELSE 'created' END",
        details=_row(_CHECK),
    ),
    _note(
        "check_ended",
        "UPDATE OF status ON check_runs",
        kind="'check_run'",
        action="'completed'",
        when="OLD.status <> 'completed' AND NEW.status = 'completed'",
        details=_row(_CHECK),
    ),
    _note(
        "discussion_begun",
        "INSERT ON discussions",
        kind="'discussion'",
        action="'created'",
        actor="COALESCE(acting(), NEW.author_id)",
    ),
    _note(
        "discussion_changed",
        "UPDATE OF title, body, category_id, state, answer_id ON discussions",
        kind="'discussion'",
        action=(
            "CASE WHEN OLD.state <> NEW.state THEN CASE NEW.state WHEN 'open' THEN 'reopened' ELSE 'closed' END "
            "WHEN OLD.answer_id IS NOT NEW.answer_id THEN "
            "CASE WHEN NEW.answer_id IS NULL THEN 'unanswered' ELSE 'answered' END "
            "WHEN OLD.category_id <> NEW.category_id THEN 'category_changed' ELSE 'edited' END"
        ),
        actor="COALESCE(acting(), NEW.author_id)",
        when=(
            "OLD.title <> NEW.title OR OLD.body <> NEW.body OR OLD.category_id <> NEW.category_id "
            "OR OLD.state <> NEW.state OR OLD.answer_id IS NOT NEW.answer_id"
        ),
    ),
    _note(
        "discussion_commented",
        "INSERT ON discussion_comments",
        kind="'discussion_comment'",
        action="'created'",
        repository=_DISCUSSION,
        actor="COALESCE(acting(), NEW.author_id)",
        details=_row(_REPLY),
    ),
    _note(
        "discussion_comment_rewritten",
        "UPDATE OF body ON discussion_comments",
        kind="'discussion_comment'",
        action="'edited'",
        repository=_DISCUSSION,
        actor="COALESCE(acting(), NEW.author_id)",
        details=_rewritten(_REPLY),
        when="OLD.body <> NEW.body",
    ),
)
