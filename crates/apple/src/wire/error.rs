//! Apple's `ErrorResponse` and the products that it names.
//!
//! <https://developer.apple.com/documentation/devicemanagement/errorresponse>

use russet_domain::{AssetKey, Pricing};

use crate::error::Subjects;
use crate::report::Failure;
use crate::wire::object::Records;
use crate::wire::scalar::Text;
use crate::wire::{Fault, Object};

/// An error number; zero is none. One that is there and cannot be read is a fault: it must not pass for a success.
pub(crate) fn number(object: &Object<'_>) -> Result<Option<i32>, Fault> {
    let Some(number) = object.whole("errorNumber")? else { return Ok(None) };
    let number = i32::try_from(number).map_err(|_| Fault::field("errorNumber", "is no error number"))?;
    Ok((number != 0).then_some(number))
}

/// An `ErrorResponse` within a status or a notification.
pub(crate) fn failure(object: &Object<'_>) -> Failure {
    let (subjects, all_named) = subjects(object);
    // What it blames is not sure any more when a part of it cannot be read: without its number it is final for nobody.
    let number = object.soft(number(object)).filter(|_| all_named);
    let Subjects { assets, devices, users } = subjects;
    Failure { number, assets, devices, users }
}

/// Who and what an `ErrorResponse` names in its `errorInfo`, and whether all of that could be read.
pub(crate) fn subjects(object: &Object<'_>) -> (Subjects, bool) {
    let read = |info: &Object<'_>| {
        let parts = (info.records("assets", key), info.texts("serialNumbers"), info.texts("clientUserIds"));
        let all = is_whole(&parts.0) && is_whole(&parts.1) && is_whole(&parts.2);
        let subjects = Subjects {
            assets: items(info.soft(parts.0)),
            devices: items(info.soft(parts.1)),
            users: items(info.soft(parts.2)),
        };
        (subjects, all)
    };
    match object.object("errorInfo", read) {
        Ok(Some(read)) => read,
        Ok(None) => (Subjects::default(), true),
        Err(fault) => {
            object.note(fault);
            (Subjects::default(), false)
        }
    }
}

fn is_whole<T>(read: &Result<Option<Records<T>>, Fault>) -> bool {
    match read {
        Ok(Some(records)) => records.skipped == 0,
        Ok(None) => true,
        Err(_) => false,
    }
}

fn items<T>(records: Option<Records<T>>) -> Vec<T> {
    records.map_or_else(Vec::new, |records| records.items)
}

/// The name of an asset, as requests, answers and errors spell it. Where Apple leaves the quality out it means the
/// standard one.
pub(crate) fn key(object: &Object<'_>) -> Result<AssetKey, Fault> {
    let adam_id = object.filled("adamId")?;
    let pricing = object.text("pricingParam")?.filter(|Text(text)| !text.is_empty());
    Ok(AssetKey::new(adam_id, pricing.map_or(Pricing::Standard, |Text(text)| Pricing::from_text(&text))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{read_odd, read_plain};

    #[test]
    fn what_an_error_is_about_is_read() {
        let text = r#"{"errorNumber":9707,"errorInfo":{"assets":[{"adamId":"500000001"},{"adamId":7,"pricingParam":"PLUS"}],
            "serialNumbers":["S1"],"clientUserIds":null}}"#;
        let failure = read_plain(text, |object| Ok(failure(object)));
        let shown: Vec<_> = failure.assets.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["500000001", "7/PLUS"]);
        assert_eq!((failure.number, failure.devices.len(), failure.users.len()), (Some(9707), 1, 0));
    }

    #[test]
    fn a_failure_that_cannot_be_read_in_full_is_final_for_nobody() {
        for odd in [
            r#"{"errorNumber":9709,"errorInfo":{"assets":[{"adamId":{}}]}}"#,
            r#"{"errorNumber":9709,"errorInfo":"x"}"#,
            r#"{"errorNumber":9709,"errorInfo":{"clientUserIds":[["u"]]}}"#,
            r#"{"errorNumber":"many"}"#,
            r#"{"errorNumber":99999999999}"#,
        ] {
            let (read, notes) = read_odd(odd, |object| Ok(failure(object)));
            assert_eq!(read.unwrap().number, None, "{odd}");
            assert_eq!(notes.len(), 1, "{odd} {notes:?}");
        }
    }

    #[test]
    fn an_asset_of_an_unreadable_quality_is_not_taken_for_the_standard_one() {
        let (read, _) = read_odd(r#"{"adamId":"5","pricingParam":[]}"#, key);
        assert_eq!(read.unwrap_err(), "`pricingParam` is not a text");
        let plain = read_plain(r#"{"adamId":"5","pricingParam":null}"#, key);
        assert_eq!(plain.pricing, Pricing::Standard);
    }
}
