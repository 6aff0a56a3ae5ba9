-- The life of a token: why it is in its state, who had its location before, and what was handed over.

ALTER TABLE tokens ADD COLUMN state_code TEXT;
ALTER TABLE tokens ADD COLUMN state_since INTEGER;
ALTER TABLE tokens ADD COLUMN handed_over_at INTEGER;
ALTER TABLE tokens ADD COLUMN probe_due_at INTEGER;

-- take_over now says that an order to take the location over waits; orders that stood for ever end here.
UPDATE tokens SET take_over = false;

CREATE INDEX tokens_to_probe ON tokens (probe_due_at) WHERE probe_due_at IS NOT NULL;

-- Who had claimed a location before it was taken by an order. taken_at is empty from before the write to Apple until
-- Apple has shown that it stands.
CREATE TABLE take_overs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    token_id INTEGER NOT NULL REFERENCES tokens (id),
    job_id INTEGER NOT NULL UNIQUE,
    other_id TEXT NOT NULL,
    other_name TEXT NOT NULL,
    other_metadata TEXT NOT NULL,
    ordered_by TEXT NOT NULL,
    ordered_at INTEGER NOT NULL,
    taken_at INTEGER
);

CREATE INDEX take_overs_by_token ON take_overs (token_id, id);

-- The sync that a job asked for and waits for.
CREATE TABLE job_syncs (
    job_id INTEGER NOT NULL PRIMARY KEY,
    sync_job_id INTEGER NOT NULL
);

-- A hand-over outlives its token: its files can be fetched until the licenses are forgotten (files_gone).
CREATE TABLE hand_overs (
    job_id INTEGER NOT NULL PRIMARY KEY,
    token_id INTEGER NOT NULL,
    stage TEXT NOT NULL,
    summary TEXT,
    signature TEXT,
    files_gone BOOLEAN NOT NULL DEFAULT false,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);

CREATE INDEX hand_overs_by_token ON hand_overs (token_id);

-- Who held what at the moment of a hand-over, in the order of its files.
CREATE TABLE hand_over_licenses (
    job_id INTEGER NOT NULL,
    place INTEGER NOT NULL,
    adam_id TEXT NOT NULL,
    pricing_param TEXT NOT NULL,
    holder_kind TEXT NOT NULL,
    holder_id TEXT NOT NULL,
    PRIMARY KEY (job_id, place)
) WITHOUT ROWID;

-- What this installation signs with: sealed, beside what others check with.
CREATE TABLE signing_keys (
    name TEXT NOT NULL PRIMARY KEY,
    sealed BLOB NOT NULL,
    public_key TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
