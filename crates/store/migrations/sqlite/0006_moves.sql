-- Moves of licenses from users to their devices. An order is what a job's moves have in common; due_at is when it is to
-- be looked at next, and NULL once it has ended. callback is a sealed JSON text: address and secret.

CREATE TABLE move_orders (
    job_id INTEGER PRIMARY KEY,
    confirm TEXT NOT NULL,
    confirm_within_ms INTEGER NOT NULL,
    sealed_for TEXT NOT NULL,
    callback BLOB,
    tries INTEGER NOT NULL DEFAULT 0,
    tell_after INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    due_at INTEGER
);

CREATE INDEX move_orders_due ON move_orders (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE moves (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id INTEGER NOT NULL,
    asset_id INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    serial TEXT NOT NULL,
    state TEXT NOT NULL,
    error_code TEXT,
    error_number INTEGER,
    told_at INTEGER,
    confirmed_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    ended_at INTEGER
);

CREATE UNIQUE INDEX moves_of_job ON moves (job_id, asset_id, serial, user_id);
CREATE INDEX moves_by_state ON moves (job_id, state, id);
CREATE INDEX moves_not_ready ON moves (asset_id, user_id)
    WHERE state IN ('planned', 'assigning', 'assigned', 'telling');
