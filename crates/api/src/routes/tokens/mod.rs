//! `/api/v1/tokens`: content tokens.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod hand_over;
pub(crate) mod list;
pub(crate) mod notifications;
pub(crate) mod remove;
pub(crate) mod renew;
pub(crate) mod show;
pub(crate) mod take_over;

use russet_domain::TokenId;
use russet_domain::sync_schedule::SyncSchedule;
use russet_store::tokens::{self, Token};
use russet_store::{Db, policies};

use crate::auth::Actor;
use crate::error::ApiError;

/// The longest name of a token.
const NAME_MAX: usize = 100;
/// The longest Managed Apple Account.
const APPLE_ID_MAX: usize = 255;

/// A token that the asking key may know of.
///
/// # Errors
/// When there is none.
pub(crate) async fn known(db: &mut Db, actor: &Actor, id: TokenId) -> Result<Token, ApiError> {
    let found = if actor.sees(id) { tokens::find(db, id).await? } else { None };
    found.ok_or_else(|| ApiError::NoSuchToken(id.to_string()))
}

/// That nobody has put the token, or the whole installation, into read-only mode.
///
/// # Errors
/// When somebody has.
pub(crate) async fn must_write(db: &mut Db, id: TokenId) -> Result<(), ApiError> {
    let policies = policies::read(db, id).await?;
    if policies.is_frozen() {
        let text = "The whole installation is in read-only mode; an administrator ends it with `russet installation read-only off`.";
        return Err(ApiError::Conflict { code: "installation_read_only", text: text.to_owned() });
    }
    if !policies.is_read_only() {
        return Ok(());
    }
    let text = "The token is in read-only mode; set its policy `read_only` to `off` first.".to_owned();
    Err(ApiError::Conflict { code: "token_read_only", text })
}

/// The other tokens that open the same location, the oldest first.
///
/// # Errors
/// As any statement.
pub(crate) async fn siblings(db: &mut Db, token: &Token) -> Result<Vec<Token>, ApiError> {
    let Some(uid) = &token.uid else { return Ok(Vec::new()) };
    let all = tokens::by_uid(db, uid).await?;
    Ok(all.into_iter().filter(|other| other.id != token.id).collect())
}

/// A name without blanks around it.
fn name(text: &str) -> Result<String, ApiError> {
    let text = text.trim();
    let fits = (1..=NAME_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits {
        Ok(text.to_owned())
    } else {
        Err(wrong("name", "it should have 1 to 100 printable characters"))
    }
}

/// A country's code in upper case.
fn country(text: &str) -> Result<String, ApiError> {
    let text = text.trim().to_ascii_uppercase();
    let is_one = text.len() == 2 && COUNTRIES.split_ascii_whitespace().any(|country| country == text);
    if is_one {
        Ok(text)
    } else {
        Err(wrong("country", "it should be a country's code of ISO 3166, such as `NL`"))
    }
}

fn account_type(text: &str) -> Result<String, ApiError> {
    if matches!(text, "business" | "education") {
        Ok(text.to_owned())
    } else {
        Err(wrong("account_type", "it should be `business` or `education`"))
    }
}

fn apple_id(text: &str) -> Result<String, ApiError> {
    let text = text.trim();
    let fits = (3..=APPLE_ID_MAX).contains(&text.len())
        && text.contains('@')
        && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    if fits {
        Ok(text.to_owned())
    } else {
        Err(wrong("apple_id", "it should be the Managed Apple Account's address, such as `apps@example.org`"))
    }
}

/// When a token is synced.
fn schedule(text: &str) -> Result<SyncSchedule, ApiError> {
    SyncSchedule::read(text).map_err(|error| wrong("sync_schedule", &error.to_string()))
}

fn wrong(field: &str, why: &str) -> ApiError {
    ApiError::InvalidField { field: field.to_owned(), why: why.to_owned() }
}

/// ISO 3166-1 alpha-2, as of 2024, and XK, which Apple's stores use for Kosovo.
const COUNTRIES: &str = "
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO
    FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE
    JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO
    MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW
    PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM
    TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_written_in_upper_case() {
        assert_eq!(country("nl").unwrap(), "NL");
        assert!(country("UK").is_err() && country("N").is_err() && country(" ").is_err());
    }

    #[test]
    fn a_name_is_taken_without_the_blanks_around_it() {
        assert_eq!(name("  Lab 3 ").unwrap(), "Lab 3");
        assert!(name("   ").is_err() && name(&"x".repeat(101)).is_err() && name("a\nb").is_err());
    }
}
