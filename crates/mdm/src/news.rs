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

#[derive(Serialize)]
struct Body<'a> {
    event: &'static str,
    #[serde(flatten)]
    news: &'a MovedNews,
}

impl MovedNews {
    /// The body as it is sent. The word in `event` is what receivers tell news apart by; it never changes.
    pub(crate) fn body(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&Body { event: "license_moved", news: self })
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
        let text = String::from_utf8(news.body().unwrap()).unwrap();
        let wanted = r#"{"event":"license_moved","delivery":"d","job":7,"token":1,"location":null,"moves":[{"adam_id":"5","pricing_param":"STDQ","serial":"S","user":"u"}]}"#;
        assert_eq!(text, wanted);
    }
}
