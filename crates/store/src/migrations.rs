//! Makes the tables, and tells whether they are those that this program needs.

use crate::engine::{Db, Engine, Sql, Store, sql};
use crate::error::StoreError;

struct Migration {
    version: i64,
    /// The whole file, for each database.
    text: Sql,
}

/// In order. A migration that was released is never edited; the next one changes what it made.
const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        text: Sql {
            sqlite: include_str!("../migrations/sqlite/0001_first.sql"),
            postgres: include_str!("../migrations/postgres/0001_first.sql"),
        },
    },
    Migration {
        version: 2,
        text: Sql {
            sqlite: include_str!("../migrations/sqlite/0002_users.sql"),
            postgres: include_str!("../migrations/postgres/0002_users.sql"),
        },
    },
    Migration {
        version: 3,
        text: Sql {
            sqlite: include_str!("../migrations/sqlite/0003_token_life.sql"),
            postgres: include_str!("../migrations/postgres/0003_token_life.sql"),
        },
    },
    Migration {
        version: 4,
        text: Sql {
            sqlite: include_str!("../migrations/sqlite/0004_token_settings.sql"),
            postgres: include_str!("../migrations/postgres/0004_token_settings.sql"),
        },
    },
    Migration {
        version: 5,
        text: Sql {
            sqlite: include_str!("../migrations/sqlite/0005_catalog.sql"),
            postgres: include_str!("../migrations/postgres/0005_catalog.sql"),
        },
    },
    Migration {
        version: 6,
        text: Sql {
            sqlite: include_str!("../migrations/sqlite/0006_moves.sql"),
            postgres: include_str!("../migrations/postgres/0006_moves.sql"),
        },
    },
    Migration {
        version: 7,
        text: Sql {
            sqlite: include_str!("../migrations/sqlite/0007_directory.sql"),
            postgres: include_str!("../migrations/postgres/0007_directory.sql"),
        },
    },
    Migration {
        version: 8,
        text: Sql {
            sqlite: include_str!("../migrations/sqlite/0008_waitlist.sql"),
            postgres: include_str!("../migrations/postgres/0008_waitlist.sql"),
        },
    },
    Migration {
        version: 9,
        text: Sql {
            sqlite: include_str!("../migrations/sqlite/0009_brakes.sql"),
            postgres: include_str!("../migrations/postgres/0009_brakes.sql"),
        },
    },
    Migration {
        version: 10,
        text: Sql {
            sqlite: include_str!("../migrations/sqlite/0010_history.sql"),
            postgres: include_str!("../migrations/postgres/0010_history.sql"),
        },
    },
    Migration {
        version: 11,
        text: Sql {
            sqlite: include_str!("../migrations/sqlite/0011_reservations.sql"),
            postgres: include_str!("../migrations/postgres/0011_reservations.sql"),
        },
    },
    Migration {
        version: 12,
        text: Sql {
            sqlite: include_str!("../migrations/sqlite/0012_slot_statistics.sql"),
            postgres: include_str!("../migrations/postgres/0012_slot_statistics.sql"),
        },
    },
    Migration {
        version: 13,
        text: Sql {
            sqlite: include_str!("../migrations/sqlite/0013_installs.sql"),
            postgres: include_str!("../migrations/postgres/0013_installs.sql"),
        },
    },
    Migration {
        version: 14,
        text: Sql {
            sqlite: include_str!("../migrations/sqlite/0014_install_settings.sql"),
            postgres: include_str!("../migrations/postgres/0014_install_settings.sql"),
        },
    },
    Migration {
        version: 15,
        text: Sql {
            sqlite: include_str!("../migrations/sqlite/0015_quotas.sql"),
            postgres: include_str!("../migrations/postgres/0015_quotas.sql"),
        },
    },
    Migration {
        version: 16,
        text: Sql {
            sqlite: include_str!("../migrations/sqlite/0016_asked_servers.sql"),
            postgres: include_str!("../migrations/postgres/0016_asked_servers.sql"),
        },
    },
    Migration {
        version: 17,
        text: Sql {
            sqlite: include_str!("../migrations/sqlite/0017_removals.sql"),
            postgres: include_str!("../migrations/postgres/0017_removals.sql"),
        },
    },
    Migration {
        version: 18,
        text: Sql {
            sqlite: include_str!("../migrations/sqlite/0018_declarations.sql"),
            postgres: include_str!("../migrations/postgres/0018_declarations.sql"),
        },
    },
    Migration {
        version: 19,
        text: Sql {
            sqlite: include_str!("../migrations/sqlite/0019_gate_installs.sql"),
            postgres: include_str!("../migrations/postgres/0019_gate_installs.sql"),
        },
    },
    Migration {
        version: 20,
        text: Sql {
            sqlite: include_str!("../migrations/sqlite/0020_detection.sql"),
            postgres: include_str!("../migrations/postgres/0020_detection.sql"),
        },
    },
    Migration {
        version: 21,
        text: Sql {
            sqlite: include_str!("../migrations/sqlite/0021_windows.sql"),
            postgres: include_str!("../migrations/postgres/0021_windows.sql"),
        },
    },
    Migration {
        version: 22,
        text: Sql {
            sqlite: include_str!("../migrations/sqlite/0022_forwarding.sql"),
            postgres: include_str!("../migrations/postgres/0022_forwarding.sql"),
        },
    },
];

/// Keeps two processes from migrating one PostgreSQL database at once. Any number that nobody else uses will do.
const LOCK: Sql = Sql {
    // The write transaction is lock enough.
    sqlite: "SELECT 1 AS one",
    postgres: "SELECT 1 AS one FROM (SELECT pg_advisory_xact_lock(7822319455)) AS locked",
};

const TABLES_NAMED_SCHEMA_VERSIONS: Sql = Sql {
    sqlite: "SELECT count(*) AS found FROM sqlite_master WHERE type = 'table' AND name = 'schema_versions'",
    postgres: "
        SELECT count(*) AS found
        FROM information_schema.tables
        WHERE table_schema = current_schema() AND table_name = 'schema_versions'",
};

impl Store {
    /// Brings the tables up to what this program needs, in one transaction. Safe to run from several processes at
    /// once and to repeat.
    ///
    /// # Errors
    /// [`StoreError::SchemaAhead`] when a newer program made the tables; otherwise as any statement.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sql("waiting for other migrations", LOCK).run(&mut tx).await?;
        sql(
            "making the table of schema versions",
            "CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT NOT NULL PRIMARY KEY)",
        )
        .run(&mut tx)
        .await?;
        let found = version(&mut tx).await?;
        if found > newest() {
            return Err(StoreError::SchemaAhead { found, known: newest() });
        }
        for migration in MIGRATIONS.iter().filter(|migration| migration.version > found) {
            tx.run_script("migrating the tables", migration.text).await?;
            sql("noting a schema version", "INSERT INTO schema_versions (version) VALUES ($1)")
                .bind(migration.version)
                .run(&mut tx)
                .await?;
        }
        tx.commit().await
    }

    /// Checks that the tables are those that this program needs.
    ///
    /// # Errors
    /// [`StoreError::SchemaBehind`] or [`StoreError::SchemaAhead`] when they are not; each says what to do.
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        let mut db = self.read().await?;
        let there = sql("looking for the schema version", TABLES_NAMED_SCHEMA_VERSIONS)
            .one(&mut db, |row| row.get::<i64>("found"))
            .await?;
        let found = if there == 0 { 0 } else { version(&mut db).await? };
        match found.cmp(&newest()) {
            std::cmp::Ordering::Less => Err(StoreError::SchemaBehind { found, needed: newest() }),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err(StoreError::SchemaAhead { found, known: newest() }),
        }
    }

    /// The name of the database in use, for people: `SQLite` or `PostgreSQL`.
    #[must_use]
    pub fn engine_name(&self) -> &'static str {
        match self.engine() {
            Engine::Sqlite => "SQLite",
            Engine::Postgres => "PostgreSQL",
        }
    }
}

async fn version(db: &mut Db) -> Result<i64, StoreError> {
    sql("reading the schema version", "SELECT coalesce(max(version), 0) AS found FROM schema_versions")
        .one(db, |row| row.get("found"))
        .await
}

fn newest() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}
