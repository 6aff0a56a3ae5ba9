-- What Apple's stores say about products: one row for a product in the store of a country and a language.
-- looked_at is when the store was last asked (0: to be asked again), fetched_at when it, or the store of found_in, last
-- said something. search is what a text is looked for in, in lower case.
CREATE TABLE apps (
    adam_id TEXT COLLATE "C" NOT NULL,
    country TEXT COLLATE "C" NOT NULL,
    language TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    state_since BIGINT NOT NULL,
    found_in TEXT,
    source TEXT,
    name TEXT,
    artist TEXT,
    bundle_id TEXT,
    watch_bundle_id TEXT,
    icon_template TEXT,
    icon_width BIGINT,
    icon_height BIGINT,
    families TEXT NOT NULL DEFAULT '[]',
    price TEXT,
    currency TEXT,
    custom BIGINT,
    device_licensable BIGINT,
    released_on TEXT,
    store_url TEXT,
    search TEXT NOT NULL DEFAULT '',
    first_seen_at BIGINT NOT NULL,
    looked_at BIGINT NOT NULL,
    fetched_at BIGINT,
    PRIMARY KEY (adam_id, country, language)
);

-- Every version that was ever seen of a product on a platform. version names it: Apple's external version id, or the shown
-- version with a v before it where there is none, or nothing where only the platform is known. Those seen at the product's
-- fetched_at are current.
CREATE TABLE app_versions (
    adam_id TEXT COLLATE "C" NOT NULL,
    country TEXT COLLATE "C" NOT NULL,
    language TEXT COLLATE "C" NOT NULL,
    platform TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    external_id BIGINT,
    shown TEXT,
    minimum_os TEXT,
    bundle_id TEXT,
    released_on TEXT,
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    PRIMARY KEY (adam_id, country, language, platform, version)
);

-- The last reading of a store for the tokens of one kind of account, and how far it is. One that has no ended_at is wanted.
CREATE TABLE catalog_refreshes (
    country TEXT COLLATE "C" NOT NULL,
    account_type TEXT COLLATE "C" NOT NULL,
    wanted_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    after_token BIGINT NOT NULL DEFAULT 0,
    after_id TEXT COLLATE "C" NOT NULL DEFAULT '',
    failures BIGINT NOT NULL DEFAULT 0,
    not_before BIGINT,
    requests BIGINT NOT NULL DEFAULT 0,
    listed BIGINT NOT NULL DEFAULT 0,
    elsewhere BIGINT NOT NULL DEFAULT 0,
    gone BIGINT NOT NULL DEFAULT 0,
    unjudged BIGINT NOT NULL DEFAULT 0,
    note TEXT,
    PRIMARY KEY (country, account_type)
);

CREATE INDEX assets_by_adam_id ON assets (adam_id, token_id);
