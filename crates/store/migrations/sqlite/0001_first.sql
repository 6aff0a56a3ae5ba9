-- The first tables. Times are milliseconds since 1970 UTC; words (state, kind, action, ...) are those of the domain.
-- Changes, links and licenses have no foreign keys: they come and go by the hundred thousand, and every statement that
-- moves them runs under their token's lock.

CREATE TABLE meta (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    org_name TEXT NOT NULL,
    sealed_for TEXT NOT NULL,
    content BLOB NOT NULL,
    fingerprint TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    pending_content BLOB,
    pending_fingerprint TEXT,
    pending_expires_at INTEGER,
    pending_org_name TEXT,
    uid TEXT,
    location_name TEXT,
    country TEXT,
    apple_country TEXT,
    account_type TEXT NOT NULL,
    default_platform TEXT,
    auto_update BOOLEAN NOT NULL,
    take_over BOOLEAN NOT NULL,
    apple_id TEXT,
    consent_at INTEGER NOT NULL,
    consent_by TEXT NOT NULL,
    state TEXT NOT NULL,
    state_reason TEXT,
    other_mdm_id TEXT,
    other_mdm_name TEXT,
    other_mdm_metadata TEXT,
    notification_url TEXT,
    notification_secret BLOB,
    notification_hash TEXT,
    checked_at INTEGER,
    last_sync_at INTEGER,
    last_sync_state TEXT NOT NULL DEFAULT 'none',
    last_sync_error TEXT,
    synced_whole_at INTEGER,
    assets_version TEXT,
    assignments_version TEXT,
    removing BOOLEAN NOT NULL DEFAULT false,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);

CREATE INDEX tokens_by_uid ON tokens (uid);
CREATE INDEX tokens_by_fingerprint ON tokens (fingerprint);

CREATE TABLE assets (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    token_id INTEGER NOT NULL REFERENCES tokens (id),
    adam_id TEXT NOT NULL,
    pricing_param TEXT NOT NULL,
    product_type TEXT NOT NULL,
    device_assignable BOOLEAN NOT NULL,
    revocable BOOLEAN NOT NULL,
    total INTEGER NOT NULL,
    available INTEGER NOT NULL,
    assigned INTEGER NOT NULL,
    retired INTEGER NOT NULL,
    platforms TEXT NOT NULL DEFAULT '[]',
    walk INTEGER NOT NULL,
    gone BOOLEAN NOT NULL DEFAULT false,
    UNIQUE (token_id, adam_id, pricing_param)
);

-- A row that is not held is a tombstone: it remembers since moved_at that the license was taken back, so that an
-- older page of a walk under way does not bring it back.
CREATE TABLE licenses (
    asset_id INTEGER NOT NULL,
    holder_kind TEXT NOT NULL,
    holder_id TEXT NOT NULL,
    held BOOLEAN NOT NULL,
    moved_at INTEGER NOT NULL,
    walk INTEGER NOT NULL,
    PRIMARY KEY (asset_id, holder_kind, holder_id)
) WITHOUT ROWID;

CREATE INDEX licenses_by_holder ON licenses (holder_id, holder_kind);

-- The counts stand in step with the job's changes; they answer how far it has got without counting them again.
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    token_id INTEGER,
    state TEXT NOT NULL,
    priority TEXT NOT NULL,
    origin TEXT NOT NULL,
    key_id INTEGER,
    args TEXT NOT NULL,
    notes TEXT NOT NULL,
    error_code TEXT,
    error_text TEXT,
    result TEXT,
    planned INTEGER NOT NULL DEFAULT 0,
    sent INTEGER NOT NULL DEFAULT 0,
    settled INTEGER NOT NULL DEFAULT 0,
    refused INTEGER NOT NULL DEFAULT 0,
    waitlisted INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    cancel_asked_at INTEGER,
    ended_at INTEGER,
    updated_at INTEGER NOT NULL
);

CREATE INDEX jobs_by_token ON jobs (token_id, id);
CREATE INDEX jobs_open ON jobs (token_id, kind) WHERE state IN ('queued', 'running');

-- slot 0 is the live change of its license, slot 1 the one that waits behind the one in flight, NULL has ended.
CREATE TABLE changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    token_id INTEGER NOT NULL,
    asset_id INTEGER NOT NULL,
    holder_kind TEXT NOT NULL,
    holder_id TEXT NOT NULL,
    action TEXT NOT NULL,
    state TEXT NOT NULL,
    slot INTEGER,
    request_id INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL DEFAULT 0,
    priority INTEGER NOT NULL DEFAULT 0,
    error_code TEXT,
    error_number INTEGER,
    created_at INTEGER NOT NULL,
    ended_at INTEGER
);

CREATE UNIQUE INDEX changes_live ON changes (asset_id, holder_kind, holder_id, slot) WHERE slot IS NOT NULL;
CREATE INDEX changes_sendable ON changes (token_id, priority DESC, id) WHERE state = 'planned' AND slot = 0;
CREATE INDEX changes_by_request ON changes (request_id) WHERE state = 'sent';

CREATE TABLE job_changes (
    job_id INTEGER NOT NULL,
    change_id INTEGER NOT NULL,
    withdrawn BOOLEAN NOT NULL DEFAULT false,
    PRIMARY KEY (job_id, change_id)
) WITHOUT ROWID;

CREATE INDEX job_changes_by_change ON job_changes (change_id);

-- open_pairs counts the changes that still wait for the request's outcome; it closes when there are none.
CREATE TABLE requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    token_id INTEGER NOT NULL REFERENCES tokens (id),
    action TEXT NOT NULL,
    state TEXT NOT NULL,
    event_id TEXT,
    assets TEXT NOT NULL,
    devices TEXT NOT NULL,
    users TEXT NOT NULL,
    pairs INTEGER NOT NULL,
    open_pairs INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    accepted_at INTEGER,
    closed_at INTEGER,
    checked_at INTEGER,
    checks INTEGER NOT NULL DEFAULT 0,
    error_code TEXT,
    error_number INTEGER,
    http_status INTEGER
);

CREATE INDEX requests_by_event ON requests (token_id, event_id);
CREATE INDEX requests_open ON requests (token_id, created_at) WHERE state IN ('sending', 'accepted');

CREATE TABLE notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    token_id INTEGER NOT NULL REFERENCES tokens (id),
    notification_id TEXT NOT NULL,
    body BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    read_at INTEGER,
    verdict TEXT,
    UNIQUE (token_id, notification_id)
);

CREATE INDEX notifications_unread ON notifications (token_id, id) WHERE read_at IS NULL;

CREATE TABLE walks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    token_id INTEGER NOT NULL REFERENCES tokens (id),
    kind TEXT NOT NULL,
    version_id TEXT,
    moved BOOLEAN NOT NULL DEFAULT false,
    next_page INTEGER NOT NULL DEFAULT 0,
    total_pages INTEGER,
    rows INTEGER NOT NULL DEFAULT 0,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    jobs TEXT NOT NULL
);

CREATE INDEX walks_by_token ON walks (token_id, kind, id);

CREATE TABLE api_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    tokens TEXT,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    last_used_at INTEGER
);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
);

CREATE TABLE idempotency (
    key_id INTEGER NOT NULL,
    idempotency_key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (key_id, idempotency_key)
);

CREATE INDEX idempotency_by_age ON idempotency (created_at);

CREATE TABLE schedule_ticks (
    kind TEXT NOT NULL,
    tick INTEGER NOT NULL,
    fired_at INTEGER NOT NULL,
    PRIMARY KEY (kind, tick)
);
