//! Looks whether Apple sends notifications for every token, and says how old news gets where it does not.

use std::time::Duration;

use russet_config::Settings;
use russet_store::tokens::{self, Token};
use russet_store::{Store, StoreError};
use russet_worker::Cron;

use super::Finding;
use crate::clock;
use crate::error::chain;
use crate::print::age;

/// The most tokens that are looked at, in pages of so many.
const TOKENS_MAX: usize = 100_000;
const PAGE: usize = 1_000;
/// The most tokens that are named.
const NAMED_MAX: usize = 5;

pub(super) async fn examine(settings: &Settings, store: &Store) -> (Vec<Finding>, ()) {
    (vec![look(settings, store).await], ())
}

async fn look(settings: &Settings, store: &Store) -> Finding {
    // Missing tables are another check's finding.
    if store.check_schema().await.is_err() {
        return Finding::ok("notify", "nothing to look at yet");
    }
    let polled = match polled(store).await {
        Ok(polled) => polled,
        Err(error) => return Finding::fail("notify", chain(&error), "check the database"),
    };
    finding(settings, &polled)
}

/// The tokens that work and of which Apple sends nothing.
async fn polled(store: &Store) -> Result<Vec<Token>, StoreError> {
    let filter = tokens::Filter::default();
    let (mut found, mut after, mut seen) = (Vec::new(), None, 0);
    while seen < TOKENS_MAX {
        let mut db = store.read().await?;
        let page = tokens::list(&mut db, &filter, PAGE, after).await?;
        let Some(last) = page.last() else { break };
        (after, seen) = (Some(last.id), seen + page.len());
        // A duplicate leaves that to the older token.
        let works = |token: &Token| token.state.may_write() && token.state.may_sync();
        found.extend(page.into_iter().filter(|token| works(token) && token.notification_url.is_none()));
    }
    Ok(found)
}

fn finding(settings: &Settings, polled: &[Token]) -> Finding {
    if settings.api.public_url.is_empty() {
        return Finding::ok("notify", format!("Apple is polled. {}", how_old(settings)));
    }
    if polled.is_empty() {
        return Finding::ok("notify", "Apple sends notifications for every token that works");
    }
    let named: Vec<String> =
        polled.iter().take(NAMED_MAX).map(|token| format!("{} ({})", token.id, token.name)).collect();
    let more = if polled.len() > NAMED_MAX { ", …" } else { "" };
    let detail = format!(
        "Apple sends none for {} tokens: {}{more}. {}",
        polled.len(),
        named.join(", "),
        how_old(settings)
    );
    Finding::warn("notify", detail, "`russet token notify-test TOKEN` says what to look at")
}

/// How old news gets without notifications.
fn how_old(settings: &Settings) -> String {
    let schedule = &settings.schedule;
    let cron = Cron::read(&schedule.sync_token, &schedule.time_zone).ok().flatten();
    let gap = cron.and_then(|cron| cron.longest_gap(clock::now()));
    let bought = match gap {
        Some(gap) => format!("up to {} old, until the next sync (schedule.sync_token)", in_words(gap)),
        None => "seen only when somebody asks for a sync (schedule.sync_token is empty)".to_owned(),
    };
    format!(
        "What Russet sends is asked after in {} (apple.poll_after_s); what is bought or refunded at Apple is {bought}",
        in_words(Duration::from_secs(settings.apple.poll_after_s))
    )
}

fn in_words(duration: Duration) -> String {
    age(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use russet_config::{Sources, Surroundings};

    use super::*;
    use crate::commands::doctor::Verdict;

    fn settings(variables: &[(&str, &str)]) -> Settings {
        let variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let surroundings = Surroundings { home: Some("/home/u".into()), ..Surroundings::default() };
        Settings::from_sources(&Sources { variables, surroundings, ..Sources::default() }).unwrap()
    }

    #[test]
    fn without_an_address_it_is_said_how_old_news_gets() {
        let found = finding(&settings(&[]), &[]);
        assert_eq!(found.verdict, Verdict::Ok);
        for part in ["polled", "5 min", "12 h", "schedule.sync_token"] {
            assert!(found.detail.contains(part), "{}", found.detail);
        }
        let never = settings(&[("RUSSET_SCHEDULE__SYNC_TOKEN", "")]);
        assert!(finding(&never, &[]).detail.contains("only when somebody asks"));
    }

    #[test]
    fn with_an_address_all_is_well_when_no_token_is_left_out() {
        let called = settings(&[("RUSSET_API__PUBLIC_URL", "https://russet.example.org")]);
        assert_eq!(finding(&called, &[]).verdict, Verdict::Ok);
    }
}
