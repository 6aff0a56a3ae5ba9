-- Apps that devices have by declaration. A connector of kind nanomdm may have a KMFDDM beside it, at declarations_url; for nanohub it is
-- the same server. The key to it stands sealed in secrets, after the others.
ALTER TABLE connectors ADD COLUMN declares BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE connectors ADD COLUMN declarations_url TEXT;

-- An app that is declared for a device, written before the server is told. enrollment_id is what the server calls the device, by which the
-- declaration is named. version is the external version that it pins, NULL when it pins none. withdrawn_at is since when it is
-- to go; the row goes once the device says that the app has gone. forget_at is when the server is to be rid of it, because the
-- device has left or belongs to another server.
CREATE TABLE declared_apps (
    device_id INTEGER NOT NULL,
    adam_id TEXT NOT NULL,
    connector_id INTEGER NOT NULL,
    enrollment_id TEXT NOT NULL,
    version INTEGER,
    declared_at INTEGER NOT NULL,
    withdrawn_at INTEGER,
    forget_at INTEGER,
    PRIMARY KEY (device_id, adam_id)
);

CREATE INDEX declared_apps_by_connector ON declared_apps (connector_id);
CREATE INDEX declared_apps_to_forget ON declared_apps (connector_id, forget_at) WHERE forget_at IS NOT NULL;

-- Whether the device told of the app as declared; lists of apps that commands brought leave such ones out.
ALTER TABLE device_apps ADD COLUMN declared BOOLEAN NOT NULL DEFAULT false;
