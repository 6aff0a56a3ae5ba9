-- At most so many holders have a license through the assignment at a time; NULL is any number.
ALTER TABLE assignments ADD COLUMN quota BIGINT;

-- Managed apps that a device had and reports no more: since when, so that a license for one that was removed yesterday is not taken for
-- one that was never used.
CREATE TABLE device_apps_gone (
    device_id BIGINT NOT NULL,
    bundle_id TEXT NOT NULL,
    gone_at BIGINT NOT NULL,
    PRIMARY KEY (device_id, bundle_id)
);
