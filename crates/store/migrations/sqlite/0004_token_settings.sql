-- What a person decides about a token, how its notifications are kept registered, and purchases that are not counted yet.

-- A cron expression of the token's own; NULL is as all are, an empty one never. Its moments count from sync_schedule_at on.
ALTER TABLE tokens ADD COLUMN sync_schedule TEXT;
ALTER TABLE tokens ADD COLUMN sync_schedule_at INTEGER;
-- Since when the names and pages of its apps may be another country's; they are read again at the next sync.
ALTER TABLE tokens ADD COLUMN storefront_changed_at INTEGER;
-- The number of the text that was agreed to.
ALTER TABLE tokens ADD COLUMN consent_version INTEGER NOT NULL DEFAULT 1;

-- A secret on its way to Apple is taken beside the one in use until Apple has confirmed it; the one before it, for a while.
ALTER TABLE tokens ADD COLUMN notification_next_secret BLOB;
ALTER TABLE tokens ADD COLUMN notification_next_hash TEXT;
ALTER TABLE tokens ADD COLUMN notification_old_hash TEXT;
ALTER TABLE tokens ADD COLUMN notification_old_until INTEGER;
ALTER TABLE tokens ADD COLUMN notification_secret_at INTEGER;
ALTER TABLE tokens ADD COLUMN notification_types TEXT NOT NULL DEFAULT '[]';
ALTER TABLE tokens ADD COLUMN notification_checked_at INTEGER;
ALTER TABLE tokens ADD COLUMN notification_error TEXT;
-- When a request with a bearer that is not the token's secret last came.
ALTER TABLE tokens ADD COLUMN notification_refused_at INTEGER;

-- Apple's word for the type.
ALTER TABLE notifications ADD COLUMN kind TEXT NOT NULL DEFAULT '';

-- When the counts were last read from Apple, and when a notification last moved them.
ALTER TABLE assets ADD COLUMN counts_read_at INTEGER;
ALTER TABLE assets ADD COLUMN counts_moved_at INTEGER;

-- Products whose counts have to be read from Apple again; an empty adam_id stands for all of the location.
CREATE TABLE recounts (
    token_id INTEGER NOT NULL REFERENCES tokens (id),
    adam_id TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    PRIMARY KEY (token_id, adam_id)
);

-- Thousands of tokens: the sweep and the lists look for few of them.
CREATE INDEX tokens_by_state ON tokens (state, id);
-- Everything that the schedule looks at every second, in the index itself.
CREATE INDEX tokens_to_sync ON tokens (id, state, sync_schedule, sync_schedule_at) WHERE NOT removing;
CREATE INDEX tokens_pending ON tokens (id) WHERE pending_expires_at IS NOT NULL;
CREATE INDEX tokens_removing ON tokens (id) WHERE removing;
CREATE INDEX notifications_by_token ON notifications (token_id, id);
