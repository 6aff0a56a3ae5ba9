//! Reads what a client wishes to move, before anything is looked up.

use std::collections::HashSet;
use std::time::Duration;

use russet_domain::callback::{CallbackUrl, Rules};
use russet_domain::job::Priority;
use russet_domain::lint::About;
use russet_domain::moving::Confirm;
use russet_domain::{AssetKey, Holder, Secret, TokenId};
use russet_store::Callback;

use super::bodies::{CallbackBody, ConfirmName, MoveToDevicesJob};
use crate::error::ApiError;
use crate::routes::jobs::wanted::{PAIRS_MAX, Wrong, read_assets};
use crate::routes::prompts::LicenseKindName;
use crate::state::wide;

/// How long a confirmation is waited for, in seconds, when nothing is said, and at most.
const WITHIN_DEFAULT_S: u64 = 7 * 86_400;
const WITHIN_MAX_S: u64 = 90 * 86_400;

/// What is wished to move, each user and device once.
pub(crate) struct Wanted {
    pub(super) token: TokenId,
    pub(super) priority: Priority,
    /// User and serial number.
    pub(super) moves: Vec<(String, String)>,
    pub(super) assets: Option<Vec<AssetKey>>,
    pub(super) confirm: Confirm,
    pub(super) callback: Option<Callback>,
    /// Scheme and host of the callback.
    pub(super) callback_shown: Option<String>,
    pub(super) within: Duration,
    pub(super) required: Option<bool>,
    pub(super) about: About,
    pub(super) notes: Vec<String>,
}

impl Wanted {
    /// Checks a request.
    ///
    /// # Errors
    /// The first rule it breaks; wrong users and serial numbers are all named, up to twenty.
    pub(crate) fn read(body: MoveToDevicesJob, rules: Rules) -> Result<Self, ApiError> {
        if body.from == Some(LicenseKindName::Device) || body.to == Some(LicenseKindName::User) {
            return Err(ApiError::WrongWay);
        }
        let mut notes = Vec::new();
        let assets = body.assets.map(|assets| read_assets(assets, &mut notes)).transpose()?;
        let moves = read_moves(body.moves, &mut notes)?;
        let count = wide(moves.len()).saturating_mul(assets.as_ref().map_or(1, |assets| wide(assets.len())));
        if count > wide(PAIRS_MAX) {
            return Err(ApiError::TooManyPairs { count, max: PAIRS_MAX });
        }
        let within_s = body.confirm_within_s.unwrap_or(WITHIN_DEFAULT_S);
        if !(1..=WITHIN_MAX_S).contains(&within_s) {
            return Err(wrong("confirm_within_s", format!("it should be from 1 to {WITHIN_MAX_S}")));
        }
        let confirm = match body.confirm {
            ConfirmName::None => Confirm::None,
            ConfirmName::Manual => Confirm::Manual,
            ConfirmName::Callback => Confirm::Callback,
        };
        let (callback, callback_shown) = read_callback(confirm, body.callback, rules)?.unzip();
        Ok(Self {
            token: TokenId(body.token),
            priority: body.priority.into(),
            moves,
            assets,
            confirm,
            callback,
            callback_shown,
            within: Duration::from_secs(within_s),
            required: body.required,
            about: body.about.unwrap_or_default().read()?,
            notes,
        })
    }
}

fn read_moves(
    moves: Vec<super::bodies::NamedMove>,
    notes: &mut Vec<String>,
) -> Result<Vec<(String, String)>, ApiError> {
    if moves.is_empty() {
        return Err(ApiError::EmptyList("moves"));
    }
    if moves.len() > PAIRS_MAX {
        return Err(ApiError::TooManyPairs { count: wide(moves.len()), max: PAIRS_MAX });
    }
    let mut wrong = Wrong::default();
    let (mut read, mut seen, mut folded) = (Vec::with_capacity(moves.len()), HashSet::new(), 0);
    for (nth, named) in moves.into_iter().enumerate() {
        let user = wrong.or(Holder::user(&named.user), || format!("moves[{nth}].user"));
        let serial = wrong.or(Holder::device(&named.serial), || format!("moves[{nth}].serial"));
        if user.is_none() || serial.is_none() {
            continue;
        }
        let pair = (named.user, named.serial);
        if seen.insert(pair.clone()) {
            read.push(pair);
        } else {
            folded += 1;
        }
    }
    wrong.check()?;
    match folded {
        0 => {}
        1 => notes.push("1 duplicate move was folded.".to_owned()),
        folded => notes.push(format!("{folded} duplicate moves were folded.")),
    }
    Ok(read)
}

fn read_callback(
    confirm: Confirm,
    body: Option<CallbackBody>,
    rules: Rules,
) -> Result<Option<(Callback, String)>, ApiError> {
    let body = match (confirm, body) {
        (Confirm::Callback, Some(body)) => body,
        (Confirm::Callback, None) => {
            return Err(wrong("callback", "it is missing, and `confirm` is `callback`".to_owned()));
        }
        (Confirm::None | Confirm::Manual, Some(_)) => {
            return Err(wrong("callback", "it is only called with `confirm` as `callback`".to_owned()));
        }
        (Confirm::None | Confirm::Manual, None) => return Ok(None),
    };
    read_address(body, rules).map(Some)
}

/// Whom to tell, and scheme and host of the address, which may be shown.
///
/// # Errors
/// When the address may not be called, or the secret is none.
pub(crate) fn read_address(body: CallbackBody, rules: Rules) -> Result<(Callback, String), ApiError> {
    let url = CallbackUrl::read(&body.url, rules).map_err(|why| wrong("callback.url", why.to_string()))?;
    let fits = (16..=256).contains(&body.secret.len()) && body.secret.chars().all(|c| c.is_ascii_graphic());
    if !fits {
        return Err(wrong("callback.secret", "it should be 16 to 256 printable ASCII characters".to_owned()));
    }
    let shown = url.shown();
    Ok((Callback { url: Secret::new(url.reveal()), secret: Secret::new(body.secret) }, shown))
}

fn wrong(field: &str, why: String) -> ApiError {
    ApiError::InvalidField { field: field.to_owned(), why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(mut body: Value) -> Result<Wanted, ApiError> {
        body["kind"] = json!("move_license");
        body["token"] = json!(1);
        if body["moves"].is_null() {
            body["moves"] = json!([{"user":"u1","serial":"A"}]);
        }
        Wanted::read(serde_json::from_value(body).unwrap(), Rules::default())
    }

    fn code(body: Value) -> String {
        read(body).err().unwrap().verdict().1.into_owned()
    }

    #[test]
    fn the_other_way_round_is_refused_with_its_rule() {
        assert_eq!(code(json!({"from":"device","to":"user"})), "wrong_way");
        assert_eq!(code(json!({"to":"user"})), "wrong_way");
        assert!(read(json!({"from":"device"})).err().unwrap().to_string().contains("S-27"));
        assert!(read(json!({"from":"user","to":"device"})).is_ok());
    }

    #[test]
    fn a_callback_is_named_when_it_is_called_and_leads_outside() {
        let secret = "0123456789abcdef";
        assert_eq!(code(json!({"confirm":"callback"})), "invalid_field");
        let body = json!({"confirm":"manual","callback":{"url":"https://mdm.example.org/","secret":secret}});
        assert_eq!(code(body), "invalid_field");
        let with = |url: &str, secret: &str| {
            read(json!({"confirm":"callback","callback":{"url":url,"secret":secret}}))
        };
        assert!(with("https://10.0.0.1/", secret).err().unwrap().to_string().contains("inside the network"));
        assert!(with("http://mdm.example.org/", secret).is_err());
        assert!(with("https://mdm.example.org/", "short").is_err());
        let wanted = with("https://mdm.example.org/hook?key=opaque", secret).unwrap();
        assert_eq!(wanted.callback_shown.as_deref(), Some("https://mdm.example.org"));
    }

    #[test]
    fn what_stands_twice_is_folded_and_what_cannot_be_is_named() {
        let twice = json!({"moves":[{"user":"u1","serial":"A"},{"user":"u1","serial":"A"},{"user":"u1","serial":"B"}]});
        let wanted = read(twice).unwrap();
        assert_eq!((wanted.moves.len(), wanted.notes.len()), (2, 1));
        assert_eq!(code(json!({"moves":[]})), "empty_list");
        assert_eq!(code(json!({"moves":[{"user":"u 1","serial":"A"}]})), "bad_holder");
        assert_eq!(code(json!({"confirm_within_s":0})), "invalid_field");
    }
}
