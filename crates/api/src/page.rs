//! Lists in pages: the limit, the cursor, and the answer.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use russet_domain::{AssetId, Holder};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::error::ApiError;
use crate::state::App;

/// The entries of a page when a client does not say.
const LIMIT_DEFAULT: u32 = 100;

/// What a list is asked for that is narrowed by nothing else.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// Entries of a page, 1 to 1000; 100 when left out.
    pub(crate) limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The entries.
    pub(crate) items: Vec<T>,
    /// Sent as `cursor` it gets the next page; null when this was the last.
    pub(crate) next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A whole list that has one page.
    pub(crate) fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }

    /// A page whose source says by itself where the next one starts.
    pub(crate) fn until<C: Serialize>(list: &str, items: Vec<T>, next: Option<&C>) -> Self {
        Self { items, next_cursor: next.map(|next| write_cursor(list, next)) }
    }

    /// A page out of up to `limit + 1` rows: the one more only tells that there is another page, which starts after
    /// the last row shown.
    pub(crate) fn cut<R, C: Serialize>(
        list: &str,
        mut rows: Vec<R>,
        limit: u32,
        after: impl Fn(&R) -> C,
        show: impl FnMut(R) -> T,
    ) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|last| write_cursor(list, &after(last)));
        Self { items: rows.into_iter().map(show).collect(), next_cursor }
    }
}

/// The limit asked for, or the usual one.
///
/// # Errors
/// When it is not between 1 and the most allowed.
pub(crate) fn limit(app: &App, asked: Option<u32>) -> Result<u32, ApiError> {
    let most = app.settings.page_max;
    match asked {
        None => Ok(LIMIT_DEFAULT.min(most)),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(_) => Err(ApiError::InvalidQuery(format!("`limit` should be from 1 to {most}"))),
    }
}

/// How many rows to read for a page of `limit`: the one more tells whether another page follows.
pub(crate) fn one_more(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1)
}

fn write_cursor<C: Serialize>(list: &str, after: &C) -> String {
    let text = serde_json::json!([list, after]).to_string();
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

/// Where a page starts, from the cursor that the page before gave.
///
/// # Errors
/// When the text is no cursor of this list.
pub(crate) fn read_cursor<C: DeserializeOwned>(
    list: &str,
    cursor: Option<&str>,
) -> Result<Option<C>, ApiError> {
    #[derive(Deserialize)]
    struct Cursor<C>(String, C);

    let Some(text) = cursor else { return Ok(None) };
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| ApiError::InvalidCursor)?;
    match serde_json::from_slice::<Cursor<C>>(&bytes) {
        Ok(Cursor(of, after)) if of == list => Ok(Some(after)),
        Ok(_) | Err(_) => Err(ApiError::InvalidCursor),
    }
}

/// A license as a place in a list.
pub(crate) fn place(asset: AssetId, holder: &Holder) -> (i64, bool, String) {
    (asset.0, holder.is_device(), holder.id().to_owned())
}

/// The license after which a page starts, from a cursor that was made of its [`place`].
///
/// # Errors
/// When the text is no cursor of this list.
pub(crate) fn read_place(list: &str, cursor: Option<&str>) -> Result<Option<(AssetId, Holder)>, ApiError> {
    let read = |(asset, is_device, id): (i64, bool, String)| {
        (AssetId(asset), if is_device { Holder::Device(id) } else { Holder::User(id) })
    };
    Ok(read_cursor(list, cursor)?.map(read))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_starts_after_the_last_row_shown() {
        let page = Page::cut("jobs", vec![9, 8, 7], 2, |row| *row, |row| row);
        assert_eq!(page.items, [9, 8]);
        assert_eq!(read_cursor::<i64>("jobs", page.next_cursor.as_deref()).unwrap(), Some(8));
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        assert_eq!(Page::cut("jobs", vec![1, 2], 2, |row| *row, |row| row).next_cursor, None);
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let cursor = write_cursor("jobs", &8);
        assert!(read_cursor::<i64>("tokens", Some(&cursor)).is_err());
        assert!(read_cursor::<i64>("jobs", Some("nonsense")).is_err());
    }
}
