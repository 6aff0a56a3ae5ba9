//! What can go wrong while a server is looked for, started or stopped.

use std::io;
use std::path::PathBuf;

/// Why there is no server to use. Every message says what to do about it; none holds a password.
#[derive(Debug, thiserror::Error)]
pub enum ServicesError {
    /// A variable of the environment names a server that cannot be used.
    #[error(
        "{variable} names {address}, but {why}. Start that server or correct {variable}; \
         unset it to have a server found or started"
    )]
    Given {
        /// `DATABASE_URL` or `REDIS_URL`.
        variable: &'static str,
        /// The address without its password.
        address: String,
        /// What was wrong with it.
        why: String,
    },
    /// Programs are missing and cannot be installed from here.
    #[error(
        "{server} is neither running on this machine nor installed. Install the package {packages} \
         or set {variable} to a server that may be used"
    )]
    Missing {
        /// The server that was wanted.
        server: &'static str,
        /// Packages to install, for people.
        packages: &'static str,
        /// The variable that names a server instead.
        variable: &'static str,
    },
    /// apt ran and did not leave the program behind.
    #[error("{packages} could not be installed: {why}. Install it by hand and try again")]
    Install {
        /// The packages asked for.
        packages: String,
        /// What apt said last.
        why: String,
    },
    /// A private server did not come up.
    #[error("the private {server} in {} did not start: {said}", directory.display())]
    NotStarted {
        /// The server that was started.
        server: &'static str,
        /// Where its files were; they are removed.
        directory: PathBuf,
        /// The end of its log.
        said: String,
    },
    /// A helper program such as `initdb` or `psql` failed.
    #[error("{program} failed: {said}")]
    Program {
        /// The program's name.
        program: &'static str,
        /// The end of what it printed.
        said: String,
    },
    /// The server answered a command with an error, or not at all.
    #[error("the server at {address} refused a command: {why}")]
    Command {
        /// The address without its password.
        address: String,
        /// What the server said.
        why: String,
    },
    /// The shell that watches over a private server does not answer any more.
    #[error("the watchdog of a private server does not answer to {word:?}")]
    Watchdog {
        /// The word it was told.
        word: String,
    },
    /// No port was free.
    #[error("no free port on 127.0.0.1 between {first} and {last}")]
    NoPort {
        /// The lowest port tried.
        first: u16,
        /// The highest port tried.
        last: u16,
    },
    /// Root may not run PostgreSQL, and there is nobody else to run it.
    #[error("PostgreSQL refuses to run as root, and {missing}. Run as another user or set DATABASE_URL")]
    NobodyToRunAs {
        /// The user or program that is missing.
        missing: &'static str,
    },
    /// A database was wanted where no PostgreSQL was.
    #[error("no PostgreSQL was asked for, so there is nowhere to create a database")]
    NoPostgres,
    /// The operating system refused something.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being attempted.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
}

impl ServicesError {
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}

/// The last few lines of a text, for an error message.
pub(crate) fn last_lines(text: &str) -> String {
    const LINES: usize = 6;
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return "it printed nothing".to_owned();
    }
    lines[lines.len().saturating_sub(LINES)..].join("; ")
}
