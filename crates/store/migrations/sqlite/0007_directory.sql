-- Who should have what: devices, people, groups, assignments, and what follows from them. Rows that come by the hundred
-- thousand have no foreign keys, as in the first tables.

-- state is enrolled, unenrolled or deleted; a deleted device stays as a row, so that it can be told why its licenses go.
CREATE TABLE devices (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    serial TEXT NOT NULL UNIQUE,
    platform TEXT NOT NULL,
    os_version TEXT,
    ownership TEXT,
    supervised BOOLEAN,
    kiosk BOOLEAN NOT NULL DEFAULT false,
    enrollment TEXT,
    state TEXT NOT NULL,
    state_at INTEGER NOT NULL,
    mdm TEXT,
    mdm_enrollment_id TEXT,
    person_id INTEGER,
    last_seen_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);

CREATE INDEX devices_by_person ON devices (person_id) WHERE person_id IS NOT NULL;
CREATE INDEX devices_by_enrollment ON devices (mdm_enrollment_id) WHERE mdm_enrollment_id IS NOT NULL;

-- A person is known here; a user (table users) is that person as registered at one location. state is active or deleted.
CREATE TABLE people (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    client_user_id TEXT NOT NULL UNIQUE,
    name TEXT,
    email TEXT,
    managed_apple_id TEXT,
    state TEXT NOT NULL,
    state_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);

-- kind is devices or people; a group has members of one kind.
CREATE TABLE groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    title TEXT,
    members INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);

-- member_kind is d or p, as the group's kind says; it stands here for the index.
CREATE TABLE group_members (
    group_id INTEGER NOT NULL,
    member_id INTEGER NOT NULL,
    member_kind TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (group_id, member_id)
) WITHOUT ROWID;

CREATE INDEX group_members_by_member ON group_members (member_kind, member_id);

-- An app for a group. intent is required, available or uninstall; license is device or user.
CREATE TABLE assignments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    token_id INTEGER NOT NULL,
    asset_id INTEGER NOT NULL,
    group_id INTEGER NOT NULL,
    intent TEXT NOT NULL,
    license TEXT NOT NULL,
    priority INTEGER NOT NULL DEFAULT 0,
    auto_update BOOLEAN,
    pinned BOOLEAN NOT NULL DEFAULT false,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (asset_id, group_id)
);

CREATE INDEX assignments_by_group ON assignments (group_id);
CREATE INDEX assignments_by_token ON assignments (token_id, id);

-- Members of these groups are left out of an assignment.
CREATE TABLE assignment_exclusions (
    assignment_id INTEGER NOT NULL,
    group_id INTEGER NOT NULL,
    PRIMARY KEY (assignment_id, group_id)
) WITHOUT ROWID;

CREATE INDEX assignment_exclusions_by_group ON assignment_exclusions (group_id);

-- A person asked for an app that is available to him (rule N-6).
CREATE TABLE app_requests (
    asset_id INTEGER NOT NULL,
    holder_kind TEXT NOT NULL,
    holder_id TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    PRIMARY KEY (asset_id, holder_kind, holder_id)
) WITHOUT ROWID;

-- What a holder is to have, and by which assignment. state is wanted or left; a row that was left says why, until its license
-- is gone or for as long as the policy keeps it.
CREATE TABLE entitlements (
    asset_id INTEGER NOT NULL,
    holder_kind TEXT NOT NULL,
    holder_id TEXT NOT NULL,
    assignment_id INTEGER NOT NULL,
    intent TEXT NOT NULL,
    pinned BOOLEAN NOT NULL DEFAULT false,
    state TEXT NOT NULL,
    reason TEXT,
    since INTEGER NOT NULL,
    left_at INTEGER,
    PRIMARY KEY (asset_id, holder_kind, holder_id)
) WITHOUT ROWID;

CREATE INDEX entitlements_by_holder ON entitlements (holder_id, holder_kind);
CREATE INDEX entitlements_by_assignment ON entitlements (assignment_id);

-- Licenses that never go, whatever the policies say.
CREATE TABLE pins (
    asset_id INTEGER NOT NULL,
    holder_kind TEXT NOT NULL,
    holder_id TEXT NOT NULL,
    pinned_by TEXT NOT NULL,
    pinned_at INTEGER NOT NULL,
    PRIMARY KEY (asset_id, holder_kind, holder_id)
) WITHOUT ROWID;

-- What may have moved and is to be looked at: kind is device, person or asset, subject its number. Written in the transaction
-- that moved it, deleted in the one that has looked at it.
CREATE TABLE reconcile_marks (
    kind TEXT NOT NULL,
    subject INTEGER NOT NULL,
    marked_at INTEGER NOT NULL,
    PRIMARY KEY (kind, subject)
) WITHOUT ROWID;

-- What an administrator decided otherwise than the default, by the name of the policy.
CREATE TABLE token_policies (
    token_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (token_id, name)
) WITHOUT ROWID;
