//! What devices tell of their declared apps
//! (<https://developer.apple.com/documentation/devicemanagement/statusappmanagedlist>).

use russet_domain::Timestamp;
use serde_json::{Map, Value};

use super::{App, Unreadable};
use crate::declaration::product;

/// The most apps of one report that are read.
const APPS_MAX: usize = 5_000;
/// The longest name of an app, or word for how it stands, that is kept.
const WORD_MAX: usize = 255;

/// A report of declared apps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// Whether these are all of them; otherwise what has changed.
    pub is_full: bool,
    /// Apps that the device has, or is about to have.
    pub apps: Vec<ToldApp>,
    /// What devices know those by that have gone.
    pub removed: Vec<String>,
}

/// A declared app as a device tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldApp {
    /// The app. What it stands as is said in the words of the list that devices give for a command, and of one that failed in the code
    /// of the reason.
    pub app: App,
    /// The product, when the declaration is ours.
    pub adam_id: Option<u64>,
    /// When it was told, by the server's clock; nothing when it has just come.
    pub told_at: Option<Timestamp>,
}

impl Declared {
    /// What both say together when `later` was told after this.
    #[must_use]
    pub fn followed_by(mut self, later: Self) -> Self {
        if later.is_full {
            return later;
        }
        let is_told = |bundle_id: &str| {
            later.apps.iter().any(|told| told.app.bundle_id == bundle_id)
                || later.removed.iter().any(|removed| removed == bundle_id)
        };
        self.apps.retain(|told| !is_told(&told.app.bundle_id));
        self.removed.retain(|removed| !is_told(removed));
        self.apps.extend(later.apps);
        self.removed.extend(later.removed);
        self
    }
}

/// Reads a status report; nothing when it says nothing of apps.
///
/// # Errors
/// When it is not JSON.
pub(crate) fn declared(body: &[u8], told_at: Option<Timestamp>) -> Result<Option<Declared>, Unreadable> {
    let report: Value = serde_json::from_slice(body)
        .map_err(|error| Unreadable::new(format!("a status report is not JSON: {error}")))?;
    let Some(list) = report.pointer("/StatusItems/app/managed/list").and_then(Value::as_array) else {
        return Ok(None);
    };
    let mut told = Declared {
        is_full: report.get("FullReport").and_then(Value::as_bool).unwrap_or_default(),
        ..Declared::default()
    };
    for item in list.iter().take(APPS_MAX).filter_map(Value::as_object) {
        let Some(bundle_id) = text(item, "identifier") else { continue };
        if item.get("_removed").and_then(Value::as_bool) == Some(true) {
            told.removed.push(bundle_id);
            continue;
        }
        let app = App {
            status: status(item),
            version: number(item, "external-version-id").filter(|version| *version > 0),
            shown: text(item, "short-version").or_else(|| text(item, "version")),
            bundle_id,
        };
        let adam_id = text(item, "declaration-identifier").and_then(|name| product(&name));
        told.apps.push(ToldApp { app, adam_id, told_at });
    }
    // A list that was cut is not all of them.
    told.is_full &= list.len() <= APPS_MAX;
    Ok(Some(told))
}

/// How an app stands, in one word.
fn status(item: &Map<String, Value>) -> String {
    let state = text(item, "state").unwrap_or_default();
    let update = text(item, "update-state").unwrap_or_default();
    let has_failed = state == "failed" || update == "failed";
    if has_failed {
        return reason(item).unwrap_or_else(|| "Failed".to_owned());
    }
    let word = match (state.as_str(), update.as_str()) {
        ("managed", "prompting-for-update") => "PromptingForUpdate",
        ("managed", "prompting-for-update-login") => "PromptingForUpdateLogin",
        ("managed", "updating") => "Updating",
        ("managed", _) => "Managed",
        ("managed-but-uninstalled", _) => "ManagedButUninstalled",
        ("queued", _) => "Queued",
        ("prompting-for-consent", _) => "Prompting",
        ("prompting-for-login", _) => "PromptingForLogin",
        ("prompting-for-management", _) => "PromptingForManagement",
        ("downloading", _) => "Downloading",
        ("installing", _) => "Installing",
        ("", _) => "Unknown",
        (other, _) => other,
    };
    word.to_owned()
}

/// The first reason that is an error.
fn reason(item: &Map<String, Value>) -> Option<String> {
    let reasons = item.get("reasons")?.as_array()?;
    let mut codes = reasons.iter().filter_map(|reason| text(reason.as_object()?, "code"));
    codes.find(|code| code.starts_with("Error."))
}

fn text(item: &Map<String, Value>, key: &str) -> Option<String> {
    let text = item.get(key)?.as_str()?;
    let fits = !text.is_empty() && text.len() <= WORD_MAX && !text.contains('\0');
    fits.then(|| text.to_owned())
}

/// A number, also one that is spelled as a text.
fn number(item: &Map<String, Value>, key: &str) -> Option<i64> {
    match item.get(key)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(list: &str, full: bool) -> Declared {
        let body = format!(
            r#"{{"StatusItems":{{"app":{{"managed":{{"list":{list}}}}}}},"Errors":[],"FullReport":{full}}}"#
        );
        declared(body.as_bytes(), None).unwrap().unwrap()
    }

    fn one(fields: &str) -> ToldApp {
        told(&format!(r#"[{{"identifier":"com.a",{fields}}}]"#), false).apps.remove(0)
    }

    #[test]
    fn an_app_says_how_it_stands_and_whose_declaration_it_is() {
        let app = one(
            r#""state":"managed","external-version-id":855,"short-version":"3.1","declaration-identifier":"russet.app.361309726.a""#,
        );
        assert_eq!((app.app.status.as_str(), app.app.version), ("Managed", Some(855)));
        assert_eq!((app.adam_id, app.app.shown.as_deref()), (Some(361_309_726), Some("3.1")));
        let theirs = one(r#""state":"downloading","external-version-id":"7","declaration-identifier":"x""#);
        assert_eq!(
            (theirs.app.status.as_str(), theirs.app.version, theirs.adam_id),
            ("Downloading", Some(7), None)
        );
    }

    #[test]
    fn what_failed_says_why() {
        let failed =
            one(r#""state":"failed","reasons":[{"code":"Info.X"},{"code":"Error.LicenseNotFound"}]"#);
        assert_eq!(failed.app.status, "Error.LicenseNotFound");
        let update = one(
            r#""state":"managed","update-state":"failed","external-version-id":5,"reasons":[{"code":"Error.UpdateFailed"}]"#,
        );
        assert_eq!((update.app.status.as_str(), update.app.version), ("Error.UpdateFailed", Some(5)));
        assert_eq!(one(r#""state":"failed""#).app.status, "Failed");
        let available = one(
            r#""state":"managed","update-state":"available","reasons":[{"code":"Info.UpdateAvailable"}]"#,
        );
        assert_eq!(available.app.status, "Managed");
    }

    #[test]
    fn reports_are_put_together_in_their_order() {
        let first =
            told(r#"[{"identifier":"a","state":"managed"},{"identifier":"b","state":"queued"}]"#, true);
        let second =
            told(r#"[{"identifier":"b","state":"managed"},{"identifier":"a","_removed":true}]"#, false);
        let both = first.clone().followed_by(second.clone());
        assert!(both.is_full);
        assert_eq!(both.removed, ["a"]);
        assert_eq!(both.apps.len(), 1);
        assert_eq!(both.apps[0].app.status, "Managed");
        let full = told(r#"[{"identifier":"a","state":"managed"}]"#, true);
        assert_eq!(second.followed_by(full.clone()), full);
    }

    #[test]
    fn a_report_without_apps_is_none() {
        assert_eq!(declared(br#"{"StatusItems":{"device":{}},"FullReport":true}"#, None), Ok(None));
        assert!(declared(b"<plist/>", None).is_err());
    }
}
