-- How an assignment's app is to stand on devices (rule N-23). configuration, what the app is told, may hold secrets and is a sealed
-- JSON text; of it only configuration_keys, the names at its top as JSON, can be shown.
ALTER TABLE assignments ADD COLUMN vpn_uuid TEXT;
ALTER TABLE assignments ADD COLUMN prevent_removal BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE assignments ADD COLUMN prevent_backup BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE assignments ADD COLUMN remove_with_enrollment BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE assignments ADD COLUMN sealed_for TEXT;
ALTER TABLE assignments ADD COLUMN configuration BYTEA;
ALTER TABLE assignments ADD COLUMN configuration_keys TEXT;
