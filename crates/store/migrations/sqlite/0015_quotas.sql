-- At most so many holders have a license through the assignment at a time; NULL is any number.
ALTER TABLE assignments ADD COLUMN quota INTEGER;

-- Managed apps that a device had and reports no more: since when, so that a license for one that was removed yesterday is not taken for
-- one that was never used.
CREATE TABLE device_apps_gone (
    device_id INTEGER NOT NULL,
    bundle_id TEXT NOT NULL,
    gone_at INTEGER NOT NULL,
    PRIMARY KEY (device_id, bundle_id)
);

-- What jobs that retire users make Apple take back: so many licenses at that moment, for the brakes. A user whose retirement waits for
-- an approval has the work held. excused: somebody approved it, so that it counts for no brake.
CREATE TABLE retirements (
    job_id INTEGER PRIMARY KEY,
    token_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    licenses INTEGER NOT NULL,
    excused BOOLEAN NOT NULL DEFAULT false
);

CREATE INDEX retirements_by_token ON retirements (token_id, at);
CREATE INDEX users_held ON users (wished_at) WHERE work = 'held';
