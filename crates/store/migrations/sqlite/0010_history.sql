-- Every license that changed hands, and the chain that seals this and the audit log. Rows are written once and never changed but for the
-- block that seals them; they outlive their tokens, so they name assets in full.
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
    event_id TEXT,
    block BIGINT
);

CREATE INDEX movements_of_holder ON movements (holder_id, asset_id, at);
CREATE INDEX movements_of_token ON movements (token_id, at);
CREATE INDEX movements_by_block ON movements (block, id);

ALTER TABLE audit ADD COLUMN block BIGINT;
CREATE INDEX audit_by_block ON audit (block, id);

CREATE TABLE chain_blocks (
    id BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    audit BIGINT NOT NULL,
    movements BIGINT NOT NULL,
    hash TEXT NOT NULL
);

-- When the first whole reading of its licenses ended; before that nothing is known to have moved. What an older version has read whole is
-- where history begins.
ALTER TABLE tokens ADD COLUMN history_since BIGINT;
UPDATE tokens SET history_since = synced_whole_at;
