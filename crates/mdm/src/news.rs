//! What the MDM side is told, as JSON.

use serde::Serialize;

/// Devices that have got licenses of their own for apps that their users had: the apps are to be installed anew with them
/// (`InstallApplication` with `PurchaseMethod` 1), before the users' licenses are taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MovedNews {
    /// Names this news. Told twice, it is the same.
    pub delivery: String,
    /// The job, whose `/confirm` takes the answer that comes later.
    pub job: i64,
    /// The token.
    pub token: i64,
    /// Apple's id of the location.
    pub location: Option<String>,
    /// The licenses.
    pub moves: Vec<MovedLicense>,
}

/// One license that a device has got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MovedLicense {
    /// The product's number in Apple's stores.
    pub adam_id: String,
    /// The quality.
    pub pricing_param: String,
    /// The device.
    pub serial: String,
    /// The user whose license it was.
    pub user: String,
}

/// Apps that holders are ready for, or never will be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GateNews {
    /// Names this news. Told twice, it is the same.
    pub delivery: String,
    /// The job.
    pub job: i64,
    /// The token.
    pub token: i64,
    /// The apps.
    pub apps: Vec<GateApp>,
}

/// One app of one holder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GateApp {
    /// The product's number in Apple's stores.
    pub adam_id: String,
    /// The quality.
    pub pricing_param: String,
    /// The device, if one holds the license.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The user, if one holds the license.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// `ready`, `waitlisted`, `refused`, `installed`, `failed` or `cancelled`.
    pub state: &'static str,
    /// Stable name of why, if there is something to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Apple's number, where it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_number: Option<i32>,
}

/// Anything that the MDM side is told.
#[derive(Clone, Copy, Debug)]
pub enum News<'a> {
    /// Licenses that have moved to devices.
    Moved(&'a MovedNews),
    /// Apps that holders are ready for.
    Gate(&'a GateNews),
}

#[derive(Serialize)]
struct Body<'a, N: Serialize> {
    event: &'static str,
    #[serde(flatten)]
    news: &'a N,
}

impl News<'_> {
    /// The body as it is sent. The word in `event` is what receivers tell news apart by; it never changes.
    pub(crate) fn body(self) -> Result<Vec<u8>, serde_json::Error> {
        match self {
            Self::Moved(news) => serde_json::to_vec(&Body { event: "license_moved", news }),
            Self::Gate(news) => serde_json::to_vec(&Body { event: "gate", news }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_news_are_one_flat_object_with_its_event() {
        let news = MovedNews {
            delivery: "d".into(),
            job: 7,
            token: 1,
            location: None,
            moves: vec![MovedLicense {
                adam_id: "5".into(),
                pricing_param: "STDQ".into(),
                serial: "S".into(),
                user: "u".into(),
            }],
        };
        let text = String::from_utf8(News::Moved(&news).body().unwrap()).unwrap();
        let wanted = r#"{"event":"license_moved","delivery":"d","job":7,"token":1,"location":null,"moves":[{"adam_id":"5","pricing_param":"STDQ","serial":"S","user":"u"}]}"#;
        assert_eq!(text, wanted);
    }

    #[test]
    fn a_gate_says_of_each_app_what_it_knows_and_no_more() {
        let app = GateApp {
            adam_id: "5".into(),
            pricing_param: "STDQ".into(),
            serial: Some("S".into()),
            user: None,
            state: "ready",
            code: None,
            error_number: None,
        };
        let news = GateNews { delivery: "d".into(), job: 7, token: 1, apps: vec![app] };
        let text = String::from_utf8(News::Gate(&news).body().unwrap()).unwrap();
        let wanted = r#"{"event":"gate","delivery":"d","job":7,"token":1,"apps":[{"adam_id":"5","pricing_param":"STDQ","serial":"S","state":"ready"}]}"#;
        assert_eq!(text, wanted);
    }
}
