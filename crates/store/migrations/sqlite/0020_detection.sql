-- Devices with an older version are looked for page by page, by device. Without the version in it, a report that tells a newer one
-- need not touch the index.
DROP INDEX device_apps_by_version;
CREATE INDEX device_apps_by_bundle ON device_apps (bundle_id, device_id);
