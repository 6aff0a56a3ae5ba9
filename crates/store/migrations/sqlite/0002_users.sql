-- Users: who is to be known at which location, and what Apple has of them.

-- One row for each user of each location. `work` is none, planned, sent or refused; whether what is sent is on its way or
-- accepted stands with its request. `revision` counts the wishes: when it is above `sent_revision` after the request has
-- ended, the user is looked at once more. What was sent of the person stands beside it (`sent_email`, `sent_managed_id`). `seen_at` is when our own work last wrote what Apple has, so that an older page of a
-- walk under way does not undo it. `unread` says that Apple's record was not read since. The invitation code is sealed.
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    token_id INTEGER NOT NULL REFERENCES tokens (id),
    client_user_id TEXT NOT NULL,
    wish TEXT NOT NULL,
    email TEXT,
    managed_apple_id TEXT,
    revision INTEGER NOT NULL DEFAULT 0,
    status TEXT,
    apple_email TEXT,
    apple_managed_id TEXT,
    id_hash TEXT,
    invite_code TEXT,
    retired_records INTEGER NOT NULL DEFAULT 0,
    unread BOOLEAN NOT NULL DEFAULT false,
    seen_at INTEGER NOT NULL DEFAULT 0,
    walk INTEGER NOT NULL DEFAULT 0,
    work TEXT NOT NULL DEFAULT 'none',
    request_id INTEGER,
    sent_revision INTEGER NOT NULL DEFAULT 0,
    sent_email TEXT,
    sent_managed_id TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL DEFAULT 0,
    priority INTEGER NOT NULL DEFAULT 0,
    error_code TEXT,
    error_number INTEGER,
    wished_at INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (token_id, client_user_id)
);

CREATE INDEX users_by_name ON users (client_user_id);
CREATE INDEX users_by_email ON users (email);
CREATE INDEX users_of_token ON users (token_id, id);
CREATE INDEX users_sendable ON users (token_id, priority DESC, id) WHERE work = 'planned';
CREATE INDEX users_by_request ON users (request_id) WHERE work = 'sent';
CREATE INDEX users_unread ON users (token_id, id) WHERE unread;

-- Which jobs follow which users, and what became of each for that job: planned, sent, settled, refused or cancelled.
CREATE TABLE job_users (
    job_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    error_code TEXT,
    error_number INTEGER,
    PRIMARY KEY (job_id, user_id)
) WITHOUT ROWID;

CREATE INDEX job_users_by_user ON job_users (user_id);

-- How far a location's list of users was read: its version on the first page of the last walk, and when that was a whole one.
CREATE TABLE user_lists (
    token_id INTEGER NOT NULL PRIMARY KEY REFERENCES tokens (id),
    version_id TEXT,
    read_whole_at INTEGER
) WITHOUT ROWID;
