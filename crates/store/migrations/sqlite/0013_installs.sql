-- MDM servers, what they tell, and what devices are to install. Rows that come by the hundred thousand have no foreign keys,
-- as in the first tables.

-- kind is nanomdm, nanohub, micromdm, fleet or webhook. secrets is a sealed JSON text: the key to the server's API, the key that its
-- webhooks are signed with, and the address that they are passed on to. state is active or parked; a parked one says why, and
-- nothing is sent to it. checked_at is when address and key were last seen to be right, NULL when nobody has looked.
CREATE TABLE connectors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    url TEXT NOT NULL,
    sealed_for TEXT NOT NULL,
    secrets BLOB NOT NULL,
    forwards BOOLEAN NOT NULL DEFAULT false,
    state TEXT NOT NULL,
    reason TEXT,
    state_at INTEGER NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL DEFAULT 0,
    heard_at INTEGER,
    checked_at INTEGER,
    version TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);

-- What came in by webhook, as it came. hash names it, so that one that comes twice is known. forward_at is when it is to be
-- passed on; NULL once it was, or need not be.
CREATE TABLE mdm_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    connector_id INTEGER NOT NULL,
    hash TEXT NOT NULL,
    body BLOB NOT NULL,
    signature TEXT,
    received_at INTEGER NOT NULL,
    read_at INTEGER,
    verdict TEXT,
    forward_at INTEGER,
    forward_tries INTEGER NOT NULL DEFAULT 0,
    UNIQUE (connector_id, hash)
);

CREATE INDEX mdm_messages_unread ON mdm_messages (connector_id, id) WHERE read_at IS NULL;
CREATE INDEX mdm_messages_to_forward ON mdm_messages (connector_id, forward_at) WHERE forward_at IS NOT NULL;
CREATE INDEX mdm_messages_read ON mdm_messages (read_at) WHERE read_at IS NOT NULL;

ALTER TABLE devices ADD COLUMN time_zone TEXT;
-- When the device was last asked for its apps, and when it last told them.
ALTER TABLE devices ADD COLUMN apps_asked_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN apps_told_at INTEGER;

CREATE INDEX devices_by_apps_asked ON devices (mdm, apps_asked_at) WHERE mdm IS NOT NULL;

-- Managed apps as devices report them. version is Apple's external version id.
CREATE TABLE device_apps (
    device_id INTEGER NOT NULL,
    bundle_id TEXT NOT NULL,
    version INTEGER,
    shown TEXT,
    status TEXT NOT NULL,
    reported_at INTEGER NOT NULL,
    PRIMARY KEY (device_id, bundle_id)
);

CREATE INDEX device_apps_by_version ON device_apps (bundle_id, version);

-- A command is one text for many devices. state is sending, sent or failed; it is written before it is sent, so that after a
-- crash it is sent again under its own name.
CREATE TABLE mdm_commands (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    connector_id INTEGER NOT NULL,
    uuid TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    asset_id INTEGER,
    state TEXT NOT NULL,
    error TEXT,
    created_at INTEGER NOT NULL,
    sent_at INTEGER
);

CREATE INDEX mdm_commands_sending ON mdm_commands (connector_id, id) WHERE state = 'sending';

-- An app, or a version of it, that a device is to have, or an app that it is to have no more (removes): at most one that has not ended
-- for a device and an app. target is the
-- external version that is wanted, NULL when any will do. sent_at is since when it waits for an answer or, once the device took the
-- command, for the app. due_at is when it is to be looked at next.
CREATE TABLE installs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    token_id INTEGER NOT NULL,
    asset_id INTEGER NOT NULL,
    device_id INTEGER NOT NULL,
    connector_id INTEGER,
    removes BOOLEAN NOT NULL DEFAULT false,
    bundle_id TEXT,
    target INTEGER,
    before_version INTEGER,
    state TEXT NOT NULL,
    code TEXT,
    detail TEXT,
    tries INTEGER NOT NULL DEFAULT 0,
    looks INTEGER NOT NULL DEFAULT 0,
    command_id INTEGER,
    sent_at INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    ended_at INTEGER
);

CREATE UNIQUE INDEX installs_live ON installs (device_id, asset_id) WHERE ended_at IS NULL;
CREATE INDEX installs_of_version ON installs (asset_id, target, device_id);
CREATE INDEX installs_by_device ON installs (device_id, id);
CREATE INDEX installs_due ON installs (connector_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX installs_ended ON installs (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX installs_sending ON installs (connector_id, id) WHERE state = 'sending';
CREATE INDEX installs_by_command ON installs (command_id) WHERE command_id IS NOT NULL;

-- Which jobs wait for which installs; a job counts them.
CREATE TABLE job_installs (
    job_id INTEGER NOT NULL,
    install_id INTEGER NOT NULL,
    PRIMARY KEY (job_id, install_id)
);

CREATE INDEX job_installs_by_install ON job_installs (install_id);

-- What a gate's job has in common. callback is a sealed JSON text: address and secret. due_at is when somebody is to be told
-- next, and NULL when there is nothing to tell.
CREATE TABLE gate_orders (
    job_id INTEGER PRIMARY KEY,
    token_id INTEGER NOT NULL,
    install BOOLEAN NOT NULL,
    sealed_for TEXT NOT NULL,
    callback BLOB,
    tries INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    due_at INTEGER
);

CREATE INDEX gate_orders_due ON gate_orders (token_id, due_at) WHERE due_at IS NOT NULL;

-- One app that a holder is to be made ready for. told is the last state that the callback was told.
CREATE TABLE gates (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id INTEGER NOT NULL,
    token_id INTEGER NOT NULL,
    asset_id INTEGER NOT NULL,
    holder_kind TEXT NOT NULL,
    holder_id TEXT NOT NULL,
    state TEXT NOT NULL,
    code TEXT,
    number INTEGER,
    install_id INTEGER,
    told TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    ended_at INTEGER
);

CREATE UNIQUE INDEX gates_of_job ON gates (job_id, asset_id, holder_kind, holder_id);
CREATE INDEX gates_waiting ON gates (token_id, id) WHERE state IN ('licensing', 'waitlisted');
CREATE INDEX gates_by_install ON gates (install_id) WHERE install_id IS NOT NULL;

-- A version on its way to all devices, ring by ring. state is running, halted, or resumed: by somebody who has looked at why it
-- halted, and then to all devices at once.
CREATE TABLE rollouts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    token_id INTEGER NOT NULL,
    asset_id INTEGER NOT NULL,
    target INTEGER NOT NULL,
    ring INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL,
    reason TEXT,
    started_at INTEGER NOT NULL,
    ring_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (asset_id, target)
);
