-- What Apple's stores say about products: one row for a product in the store of a country and a language.
-- looked_at is when the store was last asked (0: to be asked again), fetched_at when it, or the store of found_in, last
-- said something. search is what a text is looked for in, in lower case.
CREATE TABLE apps (
    adam_id TEXT NOT NULL,
    country TEXT NOT NULL,
    language TEXT NOT NULL,
    state TEXT NOT NULL,
    state_since INTEGER NOT NULL,
    found_in TEXT,
    source TEXT,
    name TEXT,
    artist TEXT,
    bundle_id TEXT,
    watch_bundle_id TEXT,
    icon_template TEXT,
    icon_width INTEGER,
    icon_height INTEGER,
    families TEXT NOT NULL DEFAULT '[]',
    price TEXT,
    currency TEXT,
    custom INTEGER,
    device_licensable INTEGER,
    released_on TEXT,
    store_url TEXT,
    search TEXT NOT NULL DEFAULT '',
    first_seen_at INTEGER NOT NULL,
    looked_at INTEGER NOT NULL,
    fetched_at INTEGER,
    PRIMARY KEY (adam_id, country, language)
) WITHOUT ROWID;

-- Every version that was ever seen of a product on a platform. version names it: Apple's external version id, or the shown
-- version with a v before it where there is none, or nothing where only the platform is known. Those seen at the product's
-- fetched_at are current.
CREATE TABLE app_versions (
    adam_id TEXT NOT NULL,
    country TEXT NOT NULL,
    language TEXT NOT NULL,
    platform TEXT NOT NULL,
    version TEXT NOT NULL,
    external_id INTEGER,
    shown TEXT,
    minimum_os TEXT,
    bundle_id TEXT,
    released_on TEXT,
    first_seen_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    PRIMARY KEY (adam_id, country, language, platform, version)
) WITHOUT ROWID;

-- The last reading of a store for the tokens of one kind of account, and how far it is. One that has no ended_at is wanted.
CREATE TABLE catalog_refreshes (
    country TEXT NOT NULL,
    account_type TEXT NOT NULL,
    wanted_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    after_token INTEGER NOT NULL DEFAULT 0,
    after_id TEXT NOT NULL DEFAULT '',
    failures INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER,
    requests INTEGER NOT NULL DEFAULT 0,
    listed INTEGER NOT NULL DEFAULT 0,
    elsewhere INTEGER NOT NULL DEFAULT 0,
    gone INTEGER NOT NULL DEFAULT 0,
    unjudged INTEGER NOT NULL DEFAULT 0,
    note TEXT,
    PRIMARY KEY (country, account_type)
);

CREATE INDEX assets_by_adam_id ON assets (adam_id, token_id);
