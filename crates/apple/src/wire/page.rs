//! The paging fields of lists, made safe to follow.
//!
//! <https://developer.apple.com/documentation/devicemanagement/using-paginated-endpoints>

use crate::answer::Page;
use crate::wire::object::Records;
use crate::wire::{Fault, Object};

/// What was asked for.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// The page's index.
    pub(crate) index: u32,
    /// The name of the list, as Apple spells it.
    pub(crate) list: &'a str,
    /// Whether only what changed since a version was asked for.
    pub(crate) changes_only: bool,
}

/// Makes the page that was asked for. `records` is what its list holds; `None` when there is no list in it. `twice` of
/// them came in two lists and are counted once.
///
/// A walk decides which licenses exist, so that a body that is not surely the page asked for is no page: an
/// object without any field of a page would otherwise read as a location that holds nothing. An answer that says that
/// nothing changed may well have no list.
pub(crate) fn page<T>(
    object: &Object<'_>,
    asked: Asked<'_>,
    records: Option<Records<T>>,
    twice: usize,
) -> Result<Page<T>, Fault> {
    let version = object.soft_text("versionId");
    let (total, size) = (number(object, "totalPages")?, object.whole("size")?);
    if records.is_none() {
        let says_none = size == Some(0) || total == Some(0);
        let may_be_silent = asked.changes_only && size.is_none() && version.is_some();
        if !says_none && !may_be_silent {
            return Err(Fault::field(asked.list, "is missing, and nothing says that there are none"));
        }
    }
    let index = number(object, "currentPageIndex")?.unwrap_or(asked.index);
    if index != asked.index {
        return Err(Fault::field("currentPageIndex", "names another page than the one asked for"));
    }
    let total = total.unwrap_or(0);
    let next = match number(object, "nextPageIndex")? {
        Some(next) if next <= index => return Err(Fault::field("nextPageIndex", "is not a later page")),
        Some(next) => Some(next),
        // Apple leaves the next page out on the last one; where the total says otherwise it is asked for.
        None => (index + 1 < total).then_some(index + 1),
    };
    let total_pages = total.max(index + 1).max(next.map_or(0, |next| next + 1));
    let Records { items, skipped } = records.unwrap_or_default();
    let missing = missing(size, items.len() + skipped + twice);
    if missing > 0 {
        object.note(Fault::field("size", "names more records than there are"));
    }
    let skipped = skipped + missing;
    Ok(Page { items, skipped, index, next, total_pages, version })
}

/// How many records are not there, by the page's own word: `size` is how many it has.
fn missing(size: Option<i64>, read: usize) -> usize {
    let size = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
    size.saturating_sub(read)
}

/// The most pages that a list is believed to have.
const PAGES_MAX: u32 = 10_000_000;

fn number(object: &Object<'_>, name: &str) -> Result<Option<u32>, Fault> {
    let Some(number) = object.whole(name)? else { return Ok(None) };
    match u32::try_from(number) {
        Ok(number) if number <= PAGES_MAX => Ok(Some(number)),
        _ => Err(Fault::field(name, "is no number of a page")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Notes, read_odd};

    fn read(index: u32, changes_only: bool, text: &str) -> Result<Page<()>, String> {
        let asked = Asked { index, list: "list", changes_only };
        read_odd(text, |object| page(object, asked, object.records("list", |_| Ok(()))?, 0)).0
    }

    #[test]
    fn a_walk_always_ends() {
        for odd in [
            r#"{"list":[],"currentPageIndex":3,"nextPageIndex":3,"totalPages":9}"#,
            r#"{"list":[],"currentPageIndex":3,"nextPageIndex":-1,"totalPages":9}"#,
            r#"{"list":[],"currentPageIndex":2,"nextPageIndex":3,"totalPages":9}"#,
            r#"{"list":[],"currentPageIndex":3,"nextPageIndex":9223372036854775807}"#,
            r#"{"list":[],"currentPageIndex":3,"nextPageIndex":"later","totalPages":9}"#,
        ] {
            let why = read(3, false, odd).unwrap_err();
            assert!(why.contains("PageIndex` "), "{why}");
        }
        assert_eq!(read(8, false, r#"{"list":[],"currentPageIndex":8,"totalPages":9}"#).unwrap().next, None);
    }

    #[test]
    fn pages_that_the_total_promises_are_not_left_out() {
        let text = r#"{"list":[],"currentPageIndex":0,"totalPages":2}"#;
        assert_eq!(read(0, false, text).unwrap().next, Some(1));
        assert_eq!(read(0, false, r#"{"list":[],"nextPageIndex":1}"#).unwrap().total_pages, 2);
    }

    #[test]
    fn an_object_that_is_no_page_is_not_an_empty_location() {
        for none in ["{}", r#"{"status":"ok"}"#, r#"{"versionId":"v"}"#, r#"{"list":null,"size":549}"#] {
            let why = read(0, false, none).unwrap_err();
            assert_eq!(why, "`list` is missing, and nothing says that there are none", "{none}");
        }
        for empty in [r#"{"list":[]}"#, r#"{"size":0}"#, r#"{"totalPages":0}"#] {
            assert_eq!(read(0, false, empty).unwrap().items.len(), 0, "{empty}");
        }
    }

    #[test]
    fn records_that_the_size_promises_are_counted_as_skipped() {
        assert_eq!(read(0, false, r#"{"list":[{},{},7],"size":5}"#).unwrap().skipped, 3);
        assert_eq!(read(0, false, r#"{"list":[{},{},7],"size":3}"#).unwrap().skipped, 1);
        assert_eq!(read(0, false, r#"{"list":[{}],"size":-1}"#).unwrap().skipped, 0);
    }

    #[test]
    fn an_answer_that_nothing_changed_needs_no_list() {
        assert_eq!(read(0, true, r#"{"versionId":"v","uId":"1"}"#).unwrap().items.len(), 0);
        assert!(read(0, true, "{}").is_err());
        assert!(read(0, true, r#"{"versionId":"v","size":3}"#).is_err());
    }

    #[test]
    fn a_version_that_cannot_be_read_is_none() {
        let notes = Notes::default();
        let object = Object::read(br#"{"list":[],"versionId":{}}"#, &notes).unwrap();
        let asked = Asked { index: 0, list: "list", changes_only: false };
        let records = object.records("list", |_| Ok(())).unwrap();
        assert_eq!(page(&object, asked, records, 0).unwrap().version, None);
        assert_eq!(notes.into_oddities().fields, ["`versionId` is not a text"]);
    }
}
