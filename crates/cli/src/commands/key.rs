//! API keys. These commands speak to the database itself, so that the first key can be made without one.

use std::path::Path;

use clap::{Args, Subcommand, ValueEnum};
use russet_config::Settings;
use russet_domain::{KeyId, TokenId};
use russet_store::{Store, audit, keys};
use serde_json::{Value, json};

use crate::error::{CliError, failed};
use crate::{clock, keyring, print, private_file};

/// The longest name of a key.
const NAME_MAX: usize = 100;

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key. It is shown once and kept nowhere.
    Create(CreateArgs),
    /// List keys.
    List(ListArgs),
    /// Revoke a key; it opens nothing from then on.
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// What to call it: who or what uses it.
    #[arg(long)]
    name: String,
    /// What it may do.
    #[arg(long, value_enum)]
    role: RoleName,
    /// Bind it to these tokens; others do not exist for it.
    #[arg(long, value_name = "ID", num_args = 1.., value_delimiter = ',')]
    token: Vec<i64>,
    /// Print JSON for programs.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Print JSON for programs.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// The key's id.
    id: i64,
    /// Print JSON for programs.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RoleName {
    /// Everything.
    Admin,
    /// Read, submit, cancel and retry jobs, and steer the queue.
    Operator,
    /// Read.
    Viewer,
}

impl RoleName {
    fn role(self) -> keys::Role {
        match self {
            Self::Admin => keys::Role::Admin,
            Self::Operator => keys::Role::Operator,
            Self::Viewer => keys::Role::Viewer,
        }
    }
}

impl KeyCommand {
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::Create(args) => args.json,
            Self::List(args) => args.json,
            Self::Revoke(args) => args.json,
        }
    }
}

pub(crate) async fn run(command: KeyCommand, config: Option<&Path>) -> Result<(), CliError> {
    let settings = Settings::load(config)?;
    if settings.store_is_a_file() {
        private_file::make_directory(&settings.data_dir)?;
    }
    let store = keyring::open_without(&settings).await?;
    // As `russet serve` does: a database that is a file of this machine needs no step of its own.
    if settings.store_is_a_file() {
        store.migrate().await.map_err(failed)?;
    } else {
        store.check_schema().await.map_err(failed)?;
    }
    match command {
        KeyCommand::Create(args) => create(&store, args).await?,
        KeyCommand::List(args) => list(&store, &args).await?,
        KeyCommand::Revoke(args) => revoke(&store, &args).await?,
    }
    store.close().await;
    Ok(())
}

async fn create(store: &Store, args: CreateArgs) -> Result<(), CliError> {
    let name = args.name.trim();
    if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        return Err(CliError::Usage(format!("--name should be a text of 1 to {NAME_MAX} characters")));
    }
    let tokens: Vec<TokenId> = args.token.iter().copied().map(TokenId).collect();
    let bound = (!tokens.is_empty()).then_some(tokens.as_slice());
    let (id, key) = write_new(store, name, args.role.role(), bound).await?;
    if args.json {
        let tokens = bound.map(|_| &args.token);
        print::json(
            &json!({ "id": id.0, "key": key, "name": name, "role": args.role.role().as_str(), "tokens": tokens }),
        );
    } else {
        print::line(&key);
        print::remark(format!("This is key {id} ({name}); it is not shown again. Use it as RUSSET_KEY."));
    }
    Ok(())
}

/// Makes a key and writes down its hash, with a line in the audit log.
pub(crate) async fn write_new(
    store: &Store,
    name: &str,
    role: keys::Role,
    tokens: Option<&[TokenId]>,
) -> Result<(KeyId, String), CliError> {
    let key = russet_api::NewKey::generate();
    let id = write(store, name, role, &key.hash, tokens).await?;
    Ok((id, key.text.reveal().to_owned()))
}

/// Writes down a key by its hash, with a line in the audit log.
pub(crate) async fn write(
    store: &Store,
    name: &str,
    role: keys::Role,
    hash: &str,
    tokens: Option<&[TokenId]>,
) -> Result<KeyId, CliError> {
    let now = clock::now();
    let mut tx = store.begin().await.map_err(failed)?;
    let id = keys::create(&mut tx, name, role, hash, tokens, now).await.map_err(failed)?;
    let detail = json!({ "name": name, "role": role.as_str() }).to_string();
    audit::write(&mut tx, "command line", "key.create", &format!("key {id}"), &detail, now)
        .await
        .map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    Ok(id)
}

async fn list(store: &Store, args: &ListArgs) -> Result<(), CliError> {
    let mut db = store.read().await.map_err(failed)?;
    let all = keys::list(&mut db).await.map_err(failed)?;
    if args.json {
        let items: Vec<Value> = all.iter().map(shown).collect();
        print::json(&json!({ "items": items }));
        return Ok(());
    }
    let rows = all.into_iter().map(|key| {
        let tokens = key.tokens.map_or_else(
            || "all".to_owned(),
            |tokens| tokens.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        );
        let when = |at| print::moment(&clock::text(at));
        let used = key.last_used_at.map(when).unwrap_or_default();
        let revoked = key.revoked_at.map(when).unwrap_or_default();
        [
            key.id.to_string(),
            key.name,
            key.role.as_str().to_owned(),
            tokens,
            when(key.created_at),
            used,
            revoked,
        ]
    });
    print::table(["ID", "NAME", "ROLE", "TOKENS", "CREATED", "LAST USED", "REVOKED"], rows);
    Ok(())
}

fn shown(key: &keys::ApiKey) -> Value {
    json!({
        "id": key.id.0,
        "name": key.name,
        "role": key.role.as_str(),
        "tokens": key.tokens.as_ref().map(|tokens| tokens.iter().map(|token| token.0).collect::<Vec<_>>()),
        "created_at": clock::text(key.created_at),
        "last_used_at": key.last_used_at.map(clock::text),
        "revoked_at": key.revoked_at.map(clock::text),
    })
}

async fn revoke(store: &Store, args: &RevokeArgs) -> Result<(), CliError> {
    let now = clock::now();
    let id = KeyId(args.id);
    let mut tx = store.begin().await.map_err(failed)?;
    if !keys::revoke(&mut tx, id, now).await.map_err(failed)? {
        return Err(CliError::Usage(format!(
            "there is no key {id} that opens anything; `russet key list` shows all"
        )));
    }
    audit::write(&mut tx, "command line", "key.revoke", &format!("key {id}"), "{}", now)
        .await
        .map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    if args.json {
        print::json(&json!({ "id": id.0, "revoked": true }));
    } else {
        print::line(format!("key {id} was revoked"));
    }
    Ok(())
}
