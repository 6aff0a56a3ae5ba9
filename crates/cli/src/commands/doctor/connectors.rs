//! Looks which MDM servers need a person: those that nothing is sent to, and those that were never heard.

use russet_domain::connector::ConnectorState;
use russet_store::connectors::{self, Connector};
use russet_store::forwarding::{self, Backlog};
use russet_store::{Store, StoreError};

use super::Finding;
use crate::error::chain;

/// The most connectors that are looked at.
const CONNECTORS_MAX: usize = 1_000;

pub(super) async fn examine(store: &Store) -> (Vec<Finding>, ()) {
    // Tables of another version are told of on their own, and cannot be read here.
    if store.check_schema().await.is_err() {
        return (Vec::new(), ());
    }
    let findings = match look(store).await {
        Ok(findings) => findings,
        Err(error) => vec![Finding::warn("mdm", chain(&error), "")],
    };
    (findings, ())
}

async fn look(store: &Store) -> Result<Vec<Finding>, StoreError> {
    let mut db = store.read().await?;
    let all = connectors::list(&mut db, CONNECTORS_MAX).await?;
    let mut needy: Vec<Finding> = all.iter().filter_map(needy).collect();
    for connector in all.iter().filter(|connector| connector.forwards) {
        let backlog = forwarding::backlog(&mut db, connector.id).await?;
        needy.extend(stalled(connector, &backlog));
    }
    if !needy.is_empty() {
        return Ok(needy);
    }
    let detail = match all.len() {
        0 => "no MDM server is connected; `russet connector add` does it".to_owned(),
        count => format!("{count} connected, and each takes commands and tells what happens"),
    };
    Ok(vec![Finding::ok("mdm", detail)])
}

/// Whoever is to get a server's webhooks too does not take them.
fn stalled(connector: &Connector, backlog: &Backlog) -> Option<Finding> {
    let reason = backlog.reason.as_deref()?;
    let detail = format!("{} webhooks of {} wait to be passed on: {reason}", backlog.waiting, connector.name);
    let advice = format!(
        "they are passed on when they are taken; `russet connector change {} --forward-to-file FILE` gives another address, \
         `--no-forwarding` ends it",
        connector.name
    );
    Some(Finding::warn("mdm", detail, advice))
}

fn needy(connector: &Connector) -> Option<Finding> {
    let name = &connector.name;
    let reason = connector.reason.as_deref().unwrap_or("nobody said why");
    if connector.state == ConnectorState::Parked {
        let advice = format!("mend it with `russet connector change {name}`");
        return Some(Finding::warn("mdm", format!("{name} is parked: {reason}"), advice));
    }
    if connector.failures > 0 {
        let detail =
            format!("{name} did not take what was sent {} times in a row: {reason}", connector.failures);
        return Some(Finding::warn("mdm", detail, "it is tried again by itself"));
    }
    if connector.heard_at.is_none() {
        let advice = format!(
            "have the server send its webhooks to /api/v1/mdm/{name}/webhook, signed with the same key"
        );
        return Some(Finding::warn("mdm", format!("{name} was never heard"), advice));
    }
    None
}
