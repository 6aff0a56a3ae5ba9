//! Looks for each wanted server in the order a developer expects: named, running, installed, installable.

use std::env;
use std::fmt;

use crate::address::Address;
use crate::database::Database;
use crate::error::ServicesError;
use crate::install;
use crate::postgres::PrivatePostgres;
use crate::postgres_probe::{self, PostgresAnswer};
use crate::redis::{PrivateRedis, RedisOptions};
use crate::redis_probe;
use crate::system_user;

const DATABASE_URL: &str = "DATABASE_URL";
const REDIS_URL: &str = "REDIS_URL";
const LOCAL_REDIS: &str = "redis://127.0.0.1:6379";

/// Which servers are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// A PostgreSQL in which databases may be created.
    pub postgres: bool,
    /// A Redis or Valkey.
    pub redis: bool,
}

impl Wanted {
    /// Both servers, as the tests need them.
    pub const BOTH: Self = Self { postgres: true, redis: true };
}

/// Where a server came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The environment names it.
    Given,
    /// It answered on its standard port on this machine.
    Local,
    /// It was started for this process and ends with it.
    Private,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Given => "named by the environment",
            Self::Local => "already running on this machine",
            Self::Private => "started for this run, thrown away afterwards",
        })
    }
}

/// The servers that were found. Dropping it stops the private ones and removes their files.
#[derive(Debug)]
pub struct Services {
    postgres: Option<Server<PrivatePostgres>>,
    redis: Option<Server<PrivateRedis>>,
}

impl Services {
    /// Finds or starts what is wanted. For each server, in this order: the one that `DATABASE_URL` or `REDIS_URL`
    /// names, one that answers on the standard local port, a private one from installed programs, and on Debian as
    /// root a private one after installing the programs with apt (said on standard error first).
    ///
    /// Takes milliseconds where a server runs, a second or two to start PostgreSQL, longer to install. May be
    /// repeated; every call that starts servers starts its own.
    ///
    /// # Errors
    ///
    /// A server named by the environment that does not answer is an error rather than a reason to look further.
    /// Otherwise fails when nothing can be started, naming the packages to install.
    pub fn find(wanted: &Wanted) -> Result<Self, ServicesError> {
        Self::find_from(wanted, &|name| env::var(name).ok(), true)
    }

    /// Starts private servers even where others could be used, for runs that must not share.
    ///
    /// # Errors
    ///
    /// As [`Services::find`], without the cases of servers found running.
    pub fn start_private(wanted: &Wanted) -> Result<Self, ServicesError> {
        Self::find_from(wanted, &|_| None, false)
    }

    fn find_from(
        wanted: &Wanted,
        variable: &dyn Fn(&str) -> Option<String>,
        may_share: bool,
    ) -> Result<Self, ServicesError> {
        let given = |name| variable(name).filter(|url| !url.trim().is_empty());
        let mut postgres = None;
        let mut redis = None;
        if wanted.postgres {
            postgres = running_postgres(given(DATABASE_URL), may_share)?;
        }
        if wanted.redis {
            redis = running_redis(given(REDIS_URL), may_share)?;
        }

        let start_postgres = wanted.postgres && postgres.is_none();
        let start_redis = wanted.redis && redis.is_none();
        if start_postgres && start_redis {
            // In one go; each would install its own otherwise.
            install::install_missing(&[install::POSTGRES, install::REDIS])?;
        }
        if start_postgres {
            let private = PrivatePostgres::start()?;
            postgres = Some(Server::private(private.url().to_owned(), private));
        }
        if start_redis {
            let private = PrivateRedis::start(&RedisOptions::default())?;
            redis = Some(Server::private(private.url().to_owned(), private));
        }
        Ok(Self { postgres, redis })
    }

    /// Where PostgreSQL is, if it was wanted. May hold a password.
    #[must_use]
    pub fn postgres_url(&self) -> Option<&str> {
        self.postgres.as_ref().map(|server| server.url.as_str())
    }

    /// Where Redis is, if it was wanted. May hold a password.
    #[must_use]
    pub fn redis_url(&self) -> Option<&str> {
        self.redis.as_ref().map(|server| server.url.as_str())
    }

    /// A line a server for people: what, where (without passwords), and where it came from.
    #[must_use]
    pub fn description(&self) -> Vec<String> {
        let line = |name: &str, url: &str, origin: Origin| {
            format!("{name}: {} ({origin})", Address::without_password(url))
        };
        let mut lines = Vec::new();
        if let Some(server) = &self.postgres {
            lines.push(line("PostgreSQL", &server.url, server.origin));
        }
        if let Some(server) = &self.redis {
            lines.push(line("Redis", &server.url, server.origin));
        }
        lines
    }

    /// Creates an empty database with a name of its own, removed again when the answer is dropped.
    ///
    /// # Errors
    ///
    /// When PostgreSQL was not wanted, `psql` is not installed, or the server refuses.
    pub fn new_database(&self) -> Result<Database, ServicesError> {
        let server = self.postgres.as_ref().ok_or(ServicesError::NoPostgres)?;
        Database::create(&server.url)
    }
}

struct Server<Private> {
    url: String,
    origin: Origin,
    /// Kept so that it ends with this value.
    _private: Option<Private>,
}

impl<Private> Server<Private> {
    fn shared(url: String, origin: Origin) -> Self {
        Self { url, origin, _private: None }
    }

    fn private(url: String, private: Private) -> Self {
        Self { url, origin: Origin::Private, _private: Some(private) }
    }
}

impl<Private> fmt::Debug for Server<Private> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", Address::without_password(&self.url), self.origin)
    }
}

fn running_postgres(
    given: Option<String>,
    may_share: bool,
) -> Result<Option<Server<PrivatePostgres>>, ServicesError> {
    if let Some(url) = given {
        let refused = |why| refused(DATABASE_URL, &url, why);
        let address = Address::postgres(&url).map_err(refused)?;
        match postgres_probe::ask(&address) {
            Ok(PostgresAnswer::Ready { .. }) => {}
            Ok(PostgresAnswer::WantsPassword) if address.password.is_some() => {}
            Ok(PostgresAnswer::WantsPassword) => return Err(refused("it wants a password".to_owned())),
            Ok(PostgresAnswer::Refused { why }) => return Err(refused(format!("it says: {why}"))),
            Err(error) => return Err(refused(format!("nothing usable answers there: {error}"))),
        }
        return Ok(Some(Server::shared(url, Origin::Given)));
    }
    if !may_share {
        return Ok(None);
    }
    // A server that wants a password or may not create databases is somebody else's: it is passed over.
    let users = [Some("postgres".to_owned()), system_user::current_name()];
    let usable =
        users.into_iter().flatten().map(|user| format!("postgres://{user}@127.0.0.1:5432/postgres")).find(
            |url| {
                Address::postgres(url).is_ok_and(|address| {
                    matches!(
                        postgres_probe::ask(&address),
                        Ok(PostgresAnswer::Ready { may_create_databases: true })
                    )
                })
            },
        );
    Ok(usable.map(|url| Server::shared(url, Origin::Local)))
}

fn running_redis(
    given: Option<String>,
    may_share: bool,
) -> Result<Option<Server<PrivateRedis>>, ServicesError> {
    if let Some(url) = given {
        let address = Address::redis(&url).map_err(|why| refused(REDIS_URL, &url, why))?;
        redis_probe::ping(&address).map_err(|why| refused(REDIS_URL, &url, why))?;
        return Ok(Some(Server::shared(url, Origin::Given)));
    }
    let answers =
        may_share && Address::redis(LOCAL_REDIS).is_ok_and(|local| redis_probe::ping(&local).is_ok());
    Ok(answers.then(|| Server::shared(LOCAL_REDIS.to_owned(), Origin::Local)))
}

fn refused(variable: &'static str, url: &str, why: String) -> ServicesError {
    ServicesError::Given { variable, address: Address::without_password(url), why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port;

    fn find_with(wanted: Wanted, name: &str, value: &str) -> Result<Services, ServicesError> {
        Services::find_from(&wanted, &|asked| (asked == name).then(|| value.to_owned()), true)
    }

    #[test]
    fn a_named_postgres_that_does_not_answer_is_an_error_without_its_password() {
        let url = format!("postgres://me:hush@127.0.0.1:{}/db", port::free().unwrap());
        let wanted = Wanted { postgres: true, redis: false };
        let message = find_with(wanted, DATABASE_URL, &url).unwrap_err().to_string();
        assert!(message.starts_with("DATABASE_URL names postgres://me@127.0.0.1:"), "{message}");
        assert!(!message.contains("hush"), "{message}");
    }

    #[test]
    fn a_named_redis_that_does_not_answer_is_an_error() {
        let url = format!("redis://127.0.0.1:{}", port::free().unwrap());
        let wanted = Wanted { postgres: false, redis: true };
        let message = find_with(wanted, REDIS_URL, &url).unwrap_err().to_string();
        assert!(message.contains("REDIS_URL names redis://127.0.0.1:"), "{message}");
    }

    #[test]
    fn a_database_of_another_kind_is_named_as_wrong() {
        let wanted = Wanted { postgres: true, redis: false };
        let message = find_with(wanted, DATABASE_URL, "sqlite:russet.db").unwrap_err().to_string();
        assert!(message.contains("must begin with postgres://"), "{message}");
    }

    #[test]
    fn a_named_redis_is_used() {
        let private = PrivateRedis::start(&RedisOptions::default()).unwrap();
        let wanted = Wanted { postgres: false, redis: true };
        let services = find_with(wanted, REDIS_URL, private.url()).unwrap();
        assert_eq!(services.redis_url(), Some(private.url()));
        assert_eq!(services.postgres_url(), None);
    }

    #[test]
    fn an_empty_variable_names_nothing() {
        let private = PrivateRedis::start(&RedisOptions::default()).unwrap();
        assert!(running_redis(None, false).unwrap().is_none());
        let services = find_with(Wanted { postgres: false, redis: true }, REDIS_URL, " ").unwrap();
        assert_ne!(services.redis_url(), Some(private.url()));
    }
}
