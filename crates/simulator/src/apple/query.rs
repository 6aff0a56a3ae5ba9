//! Reads the filters and the page index of a GET request.

use axum::extract::Query;
use axum::http::Uri;

use super::errors::AppleError;
use crate::world::asset::Pricing;

/// The query of a request. Parameters that are not known are passed over, as Apple seems to do.
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn of(uri: &Uri) -> Result<Self, AppleError> {
        let Query(pairs) = Query::try_from_uri(uri).map_err(|_| AppleError::new(9602))?;
        Ok(Self(pairs))
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter that may come more than once.
    pub(crate) fn texts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, AppleError> {
        match self.text(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(AppleError::new(9602)),
        }
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, AppleError> {
        let parse = |text: &str| text.parse::<i32>().map(i64::from).map_err(|_| AppleError::new(9602));
        self.text(name).map(parse).transpose()
    }

    pub(crate) fn pricing(&self) -> Result<Option<Pricing>, AppleError> {
        let parse = |text: &str| Pricing::parse(text).ok_or_else(|| AppleError::new(9602));
        self.text("pricingParam").map(parse).transpose()
    }

    /// The page asked for, zero based. Anything but a number from 0 up is 9650.
    pub(crate) fn page_index(&self) -> Result<usize, AppleError> {
        let parse = |text: &str| text.parse::<usize>().map_err(|_| AppleError::new(9650));
        Ok(self.text("pageIndex").map(parse).transpose()?.unwrap_or(0))
    }
}
