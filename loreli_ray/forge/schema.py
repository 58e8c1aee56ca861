"""The tables, as steps: the n-th step leads from schema version n to n + 1. A step that was released never changes."""

from __future__ import annotations

from loreli_ray.forge.triggers import TRIGGERS

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
        """CREATE TABLE events (
            id INTEGER PRIMARY KEY, issue_id INTEGER NOT NULL REFERENCES issues, actor_id INTEGER REFERENCES users,
            name TEXT NOT NULL, details TEXT NOT NULL, created_at INTEGER NOT NULL)""",
        "CREATE INDEX events_of_issue ON events (issue_id)",
        """CREATE TABLE reactions (
            id INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL, subject_id INTEGER NOT NULL,
            user_id INTEGER NOT NULL REFERENCES users, content TEXT NOT NULL, created_at INTEGER NOT NULL,
            UNIQUE (subject, subject_id, user_id, content))""",
        """CREATE TABLE review_requests (
            pull_id INTEGER NOT NULL REFERENCES pulls, user_id INTEGER NOT NULL REFERENCES users,
            PRIMARY KEY (pull_id, user_id)) WITHOUT ROWID""",
        """CREATE TABLE protections (
            repository_id INTEGER NOT NULL REFERENCES repositories, branch TEXT NOT NULL, strict INTEGER NOT NULL,
            contexts TEXT, approvals INTEGER, enforce_admins INTEGER NOT NULL, PRIMARY KEY (repository_id, branch))
            WITHOUT ROWID""",
        """CREATE TABLE apps (
            id INTEGER PRIMARY KEY, slug TEXT NOT NULL UNIQUE COLLATE NOCASE, public_key TEXT NOT NULL,
            owner_id INTEGER NOT NULL REFERENCES users, bot_id INTEGER NOT NULL REFERENCES users,
            created_at INTEGER NOT NULL)""",
        """CREATE TABLE installations (
            id INTEGER PRIMARY KEY, app_id INTEGER NOT NULL REFERENCES apps,
            account_id INTEGER NOT NULL REFERENCES users, created_at INTEGER NOT NULL, UNIQUE (app_id))""",
        """CREATE TABLE installation_tokens (
            token TEXT PRIMARY KEY, installation_id INTEGER NOT NULL REFERENCES installations,
            expires_at INTEGER NOT NULL) WITHOUT ROWID""",
        "ALTER TABLE users ADD COLUMN kind TEXT NOT NULL DEFAULT 'User'",
        "ALTER TABLE repositories ADD COLUMN description TEXT",
        "ALTER TABLE repositories ADD COLUMN allow_merge_commit INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE repositories ADD COLUMN allow_squash_merge INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE repositories ADD COLUMN allow_rebase_merge INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE repositories ADD COLUMN delete_branch_on_merge INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE repositories ADD COLUMN has_issues INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE repositories ADD COLUMN has_discussions INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE repositories ADD COLUMN archived INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE issues ADD COLUMN locked INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE issues ADD COLUMN lock_reason TEXT",
        "ALTER TABLE check_runs ADD COLUMN app_id INTEGER REFERENCES apps",
        # Made anew, for an id that was deleted must not come back.
        "ALTER TABLE review_comments RENAME TO old_review_comments",
        """CREATE TABLE review_comments (
            id INTEGER PRIMARY KEY AUTOINCREMENT, review_id INTEGER NOT NULL REFERENCES reviews,
            pull_id INTEGER NOT NULL REFERENCES issues, author_id INTEGER NOT NULL REFERENCES users,
            body TEXT NOT NULL, commit_id TEXT NOT NULL, path TEXT NOT NULL, line INTEGER NOT NULL,
            side TEXT NOT NULL, position INTEGER NOT NULL, diff_hunk TEXT NOT NULL, created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL, in_reply_to INTEGER)""",
        "INSERT INTO review_comments SELECT *, NULL FROM old_review_comments",
        "DROP TABLE old_review_comments",
        "CREATE INDEX review_comments_of_pull ON review_comments (pull_id)",
    ),
    (
        """CREATE TABLE discussion_categories (
            id INTEGER PRIMARY KEY, repository_id INTEGER NOT NULL REFERENCES repositories, name TEXT NOT NULL,
            slug TEXT NOT NULL, emoji TEXT NOT NULL, description TEXT, is_answerable INTEGER NOT NULL,
            created_at INTEGER NOT NULL, UNIQUE (repository_id, slug))""",
        """INSERT INTO discussion_categories (repository_id, name, slug, emoji, description, is_answerable, created_at)
            SELECT r.id, c.column1, c.column2, c.column3, c.column4, c.column5, r.created_at
            FROM repositories r, (VALUES ('Announcements', 'announcements', ':mega:', 'Updates from maintainers', 0),
            ('General', 'general', ':speech_balloon:', 'Chat about anything and everything here', 0),
            ('Ideas', 'ideas', ':bulb:', 'Share ideas for new features', 0),
            ('Q&A', 'q-a', ':pray:', 'Ask the community for help', 1),
            ('Show and tell', 'show-and-tell', ':raised_hands:', 'Show off something you''ve made', 0)) c""",
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
    (
        """CREATE TABLE hooks (
            id INTEGER PRIMARY KEY AUTOINCREMENT, repository_id INTEGER NOT NULL REFERENCES repositories,
            url TEXT NOT NULL, content_type TEXT NOT NULL, secret TEXT, insecure_ssl INTEGER NOT NULL,
            events TEXT NOT NULL, active INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
            told INTEGER NOT NULL)""",
        """CREATE TABLE notes (
            id INTEGER PRIMARY KEY AUTOINCREMENT, repository_id INTEGER NOT NULL, kind TEXT NOT NULL,
            action TEXT NOT NULL, subject_id INTEGER NOT NULL, actor_id INTEGER, details TEXT NOT NULL)""",
        "CREATE INDEX notes_of_repository ON notes (repository_id)",
        """CREATE TABLE deliveries (
            id INTEGER PRIMARY KEY AUTOINCREMENT, hook_id INTEGER NOT NULL REFERENCES hooks, guid TEXT NOT NULL,
            event TEXT NOT NULL, action TEXT NOT NULL, redelivery INTEGER NOT NULL, delivered_at INTEGER NOT NULL,
            duration REAL NOT NULL, status TEXT NOT NULL, status_code INTEGER NOT NULL, url TEXT NOT NULL,
            headers TEXT NOT NULL, payload TEXT NOT NULL, answer TEXT NOT NULL)""",
        "CREATE INDEX deliveries_of_hook ON deliveries (hook_id)",
        "CREATE TABLE hook_refs (repository_id INTEGER PRIMARY KEY REFERENCES repositories, refs TEXT NOT NULL)",
        *TRIGGERS,
    ),
    (
        "ALTER TABLE issues ADD COLUMN last_edited_at INTEGER",
        "ALTER TABLE issues ADD COLUMN editor_id INTEGER REFERENCES users",
    ),
)
