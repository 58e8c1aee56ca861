"""The tables, as steps: the n-th step leads from schema version n to n + 1. A step that was released never changes."""

from __future__ import annotations

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE users (
            id INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE COLLATE NOCASE, token TEXT NOT NULL UNIQUE,
            created_at INTEGER NOT NULL)""",
        """CREATE TABLE repositories (
            id INTEGER PRIMARY KEY, owner_id INTEGER NOT NULL REFERENCES users, name TEXT NOT NULL COLLATE NOCASE,
            private INTEGER NOT NULL, default_branch TEXT NOT NULL, created_at INTEGER NOT NULL,
            pushed_at INTEGER NOT NULL, next_number INTEGER NOT NULL DEFAULT 1, UNIQUE (owner_id, name))""",
        """CREATE TABLE collaborators (
            repository_id INTEGER NOT NULL REFERENCES repositories, user_id INTEGER NOT NULL REFERENCES users,
            PRIMARY KEY (repository_id, user_id)) WITHOUT ROWID""",
        """CREATE TABLE labels (
            id INTEGER PRIMARY KEY, repository_id INTEGER NOT NULL REFERENCES repositories,
            name TEXT NOT NULL COLLATE NOCASE, color TEXT NOT NULL, description TEXT,
            is_default INTEGER NOT NULL DEFAULT 0, UNIQUE (repository_id, name))""",
        """CREATE TABLE issues (
            id INTEGER PRIMARY KEY, repository_id INTEGER NOT NULL REFERENCES repositories, number INTEGER NOT NULL,
            author_id INTEGER NOT NULL REFERENCES users, title TEXT NOT NULL, body TEXT,
            state TEXT NOT NULL DEFAULT 'open', state_reason TEXT, created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL, closed_at INTEGER, closed_by INTEGER REFERENCES users,
            is_pull INTEGER NOT NULL DEFAULT 0, UNIQUE (repository_id, number))""",
        """CREATE TABLE issue_labels (
            issue_id INTEGER NOT NULL REFERENCES issues, label_id INTEGER NOT NULL REFERENCES labels,
            PRIMARY KEY (issue_id, label_id)) WITHOUT ROWID""",
        """CREATE TABLE issue_assignees (
            issue_id INTEGER NOT NULL REFERENCES issues, user_id INTEGER NOT NULL REFERENCES users,
            PRIMARY KEY (issue_id, user_id)) WITHOUT ROWID""",
        """CREATE TABLE comments (
            id INTEGER PRIMARY KEY AUTOINCREMENT, issue_id INTEGER NOT NULL REFERENCES issues,
            author_id INTEGER NOT NULL REFERENCES users, body TEXT NOT NULL, created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL)""",
        "CREATE INDEX comments_of_issue ON comments (issue_id)",
        """CREATE TABLE pulls (
            id INTEGER PRIMARY KEY REFERENCES issues, head_ref TEXT NOT NULL, head_sha TEXT NOT NULL,
            base_ref TEXT NOT NULL, base_sha TEXT NOT NULL, draft INTEGER NOT NULL DEFAULT 0, merged_at INTEGER,
            merged_by INTEGER REFERENCES users, merge_commit_sha TEXT, landing_sha TEXT,
            landing_by INTEGER REFERENCES users)""",
        """CREATE TABLE reviews (
            id INTEGER PRIMARY KEY, pull_id INTEGER NOT NULL REFERENCES issues,
            author_id INTEGER NOT NULL REFERENCES users, state TEXT NOT NULL, body TEXT NOT NULL,
            commit_id TEXT NOT NULL, submitted_at INTEGER NOT NULL)""",
        "CREATE INDEX reviews_of_pull ON reviews (pull_id)",
        """CREATE TABLE review_comments (
            id INTEGER PRIMARY KEY, review_id INTEGER NOT NULL REFERENCES reviews,
            pull_id INTEGER NOT NULL REFERENCES issues, author_id INTEGER NOT NULL REFERENCES users,
            body TEXT NOT NULL, commit_id TEXT NOT NULL, path TEXT NOT NULL, line INTEGER NOT NULL,
            side TEXT NOT NULL, position INTEGER NOT NULL, diff_hunk TEXT NOT NULL, created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL)""",
        "CREATE INDEX review_comments_of_pull ON review_comments (pull_id)",
        """CREATE TABLE statuses (
            id INTEGER PRIMARY KEY, repository_id INTEGER NOT NULL REFERENCES repositories, sha TEXT NOT NULL,
            state TEXT NOT NULL, context TEXT NOT NULL, description TEXT, target_url TEXT,
            creator_id INTEGER NOT NULL REFERENCES users, created_at INTEGER NOT NULL)""",
        "CREATE INDEX statuses_of_commit ON statuses (repository_id, sha)",
        """CREATE TABLE check_runs (
            id INTEGER PRIMARY KEY, repository_id INTEGER NOT NULL REFERENCES repositories, head_sha TEXT NOT NULL,
            name TEXT NOT NULL, status TEXT NOT NULL, conclusion TEXT, started_at INTEGER, completed_at INTEGER,
            external_id TEXT, details_url TEXT, title TEXT, summary TEXT, text TEXT)""",
        "CREATE INDEX check_runs_of_commit ON check_runs (repository_id, head_sha)",
    ),
    (
        "ALTER TABLE repositories ADD COLUMN has_discussions INTEGER NOT NULL DEFAULT 0",
        """CREATE TABLE discussion_categories (
            id INTEGER PRIMARY KEY, repository_id INTEGER NOT NULL REFERENCES repositories, name TEXT NOT NULL,
            slug TEXT NOT NULL, emoji TEXT NOT NULL, description TEXT, is_answerable INTEGER NOT NULL,
            created_at INTEGER NOT NULL, UNIQUE (repository_id, slug))""",
        """CREATE TABLE discussions (
            id INTEGER PRIMARY KEY AUTOINCREMENT, repository_id INTEGER NOT NULL REFERENCES repositories,
            number INTEGER NOT NULL, category_id INTEGER NOT NULL REFERENCES discussion_categories,
            author_id INTEGER NOT NULL REFERENCES users, title TEXT NOT NULL, body TEXT NOT NULL,
            state TEXT NOT NULL DEFAULT 'open', state_reason TEXT, created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL, closed_at INTEGER, answer_id INTEGER, answered_at INTEGER,
            answered_by INTEGER REFERENCES users, UNIQUE (repository_id, number))""",
        """CREATE TABLE discussion_comments (
            id INTEGER PRIMARY KEY AUTOINCREMENT, discussion_id INTEGER NOT NULL REFERENCES discussions,
            author_id INTEGER NOT NULL REFERENCES users, reply_to INTEGER REFERENCES discussion_comments,
            body TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL)""",
        "CREATE INDEX discussion_comments_of_discussion ON discussion_comments (discussion_id)",
        "CREATE INDEX discussion_comments_of_comment ON discussion_comments (reply_to)",
    ),
)
