-- Every license that changed hands, and the chain that seals this and the audit log. Rows are written once and never changed; they outlive
-- their tokens, so they name assets in full.
CREATE TABLE movements (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL,
    token_id BIGINT NOT NULL,
    asset_id BIGINT NOT NULL,
    adam_id TEXT NOT NULL,
    pricing_param TEXT NOT NULL,
    holder_kind TEXT NOT NULL,
    holder_id TEXT NOT NULL,
    gained BOOLEAN NOT NULL,
    cause TEXT NOT NULL,
    change_id BIGINT,
    job_id BIGINT,
    event_id TEXT
);

CREATE INDEX movements_of_holder ON movements (holder_id, asset_id, at);
CREATE INDEX movements_of_token ON movements (token_id, at);

-- A block seals the rows of both tables whose numbers are above _from and up to _to.
CREATE TABLE chain_blocks (
    id BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    audit_from BIGINT NOT NULL,
    audit_to BIGINT NOT NULL,
    audit_rows BIGINT NOT NULL,
    movements_from BIGINT NOT NULL,
    movements_to BIGINT NOT NULL,
    movements_rows BIGINT NOT NULL,
    hash TEXT NOT NULL
);

-- Up to which numbers rows were there at a moment, and which transactions might still have added some below them; one row.
CREATE TABLE chain_horizon (
    id BIGINT NOT NULL PRIMARY KEY,
    audit BIGINT NOT NULL,
    movements BIGINT NOT NULL,
    transactions BIGINT NOT NULL
);

-- When the first whole reading of its licenses ended; before that nothing is known to have moved. What an older version has read whole is
-- where history begins.
ALTER TABLE tokens ADD COLUMN history_since BIGINT;
UPDATE tokens SET history_since = synced_whole_at;
