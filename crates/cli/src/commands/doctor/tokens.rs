//! Looks which tokens need a person: those that do not work, and those that expire soon.

use russet_domain::token::TokenState;
use russet_store::tokens::{self, Filter, Token};
use russet_store::{Store, StoreError};

use super::Finding;
use crate::error::chain;

/// The most tokens of one state that are named.
const NAMED_MAX: usize = 5;

pub(super) async fn examine(store: &Store) -> (Vec<Finding>, ()) {
    // Tables of another version are told of on their own, and cannot be read here.
    if store.check_schema().await.is_err() {
        return (Vec::new(), ());
    }
    let findings = match look(store).await {
        Ok(findings) => findings,
        Err(error) => vec![Finding::warn("tokens", chain(&error), "")],
    };
    (findings, ())
}

async fn look(store: &Store) -> Result<Vec<Finding>, StoreError> {
    let mut db = store.read().await?;
    let counts = tokens::by_state(&mut db).await?;
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    let mut findings = Vec::new();
    for (state, count) in counts.into_iter().filter(|(state, _)| state.needs_person()) {
        let filter = Filter { state: Some(state), ..Filter::default() };
        let named = tokens::list(&mut db, &filter, NAMED_MAX, None).await?;
        findings.push(needy(state, count, &named));
    }
    if findings.is_empty() {
        let detail = match total {
            0 => "there is none yet; `russet token add` uploads one".to_owned(),
            total => format!("{total}, and none needs anybody"),
        };
        findings.push(Finding::ok("tokens", detail));
    }
    Ok(findings)
}

fn needy(state: TokenState, count: u64, named: &[Token]) -> Finding {
    let names: Vec<String> = named.iter().map(|token| format!("{} (id {})", token.name, token.id)).collect();
    let more = count.saturating_sub(u64::try_from(names.len()).unwrap_or(0));
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let detail = format!("{count} {}: {}{more}", state.as_str().replace('_', " "), names.join(", "));
    Finding::warn("tokens", detail, state.sentence())
}
