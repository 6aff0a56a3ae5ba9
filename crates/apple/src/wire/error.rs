//! Apple's `ErrorResponse` and the products that it names.
//!
//! <https://developer.apple.com/documentation/devicemanagement/errorresponse>

use russet_domain::{AssetKey, Pricing};
use serde::Deserialize;

use crate::error::Subjects;
use crate::report::Failure;
use crate::wire::scalar::{Text, Whole};

/// `ErrorResponse`, within a status or a notification.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorResponse<'a> {
    error_number: Option<Whole>,
    #[serde(borrow)]
    error_info: Option<ErrorInfo<'a>>,
}

impl ErrorResponse<'_> {
    pub(crate) fn number(&self) -> Option<i32> {
        self.error_number.and_then(|Whole(number)| i32::try_from(number).ok())
    }

    pub(crate) fn into_failure(self) -> Failure {
        let number = self.number();
        let Subjects { assets, devices, users } =
            self.error_info.map(ErrorInfo::into_subjects).unwrap_or_default();
        Failure { number, assets, devices, users }
    }
}

/// `ResponseErrorInfo`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorInfo<'a> {
    #[serde(borrow)]
    assets: Option<Vec<Product<'a>>>,
    #[serde(borrow)]
    client_user_ids: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    serial_numbers: Option<Vec<Text<'a>>>,
}

impl ErrorInfo<'_> {
    pub(crate) fn into_subjects(self) -> Subjects {
        let texts = |list: Option<Vec<Text<'_>>>| list.into_iter().flatten().map(Text::into_string).collect();
        Subjects {
            assets: self.assets.into_iter().flatten().filter_map(Product::into_key).collect(),
            devices: texts(self.serial_numbers),
            users: texts(self.client_user_ids),
        }
    }
}

/// `Asset`, as requests and errors name it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Product<'a> {
    #[serde(borrow)]
    adam_id: Option<Text<'a>>,
    #[serde(borrow)]
    pricing_param: Option<Text<'a>>,
}

impl Product<'_> {
    fn into_key(self) -> Option<AssetKey> {
        key(self.adam_id, self.pricing_param)
    }
}

/// The name of an asset. Where Apple leaves the quality out it means the standard one.
pub(crate) fn key(adam_id: Option<Text<'_>>, pricing: Option<Text<'_>>) -> Option<AssetKey> {
    let pricing = pricing.map_or(Pricing::Standard, |Text(text)| Pricing::from_text(&text));
    Some(AssetKey::new(adam_id?.filled()?, pricing))
}
