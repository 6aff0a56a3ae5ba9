//! The paging fields of lists, made safe to follow.
//!
//! <https://developer.apple.com/documentation/devicemanagement/using-paginated-endpoints>

use crate::answer::Page;
use crate::wire::Fault;
use crate::wire::scalar::{Text, Whole};

/// What stands beside the records of a page.
pub(crate) struct Paging<'a> {
    pub(crate) current: Option<Whole>,
    pub(crate) next: Option<Whole>,
    pub(crate) total: Option<Whole>,
    pub(crate) size: Option<Whole>,
    pub(crate) version: Option<Text<'a>>,
}

impl Paging<'_> {
    /// Makes the page that was asked for as number `asked`. `named` says whether the list itself was in the body, if
    /// only as an empty one.
    ///
    /// A walk decides which licenses exist, so that a body that is not surely the page asked for is no page: an
    /// object without any field of a page would otherwise read as a location that holds nothing.
    pub(crate) fn page<T>(
        self,
        asked: u32,
        named: bool,
        items: Vec<T>,
        skipped: usize,
    ) -> Result<Page<T>, Fault> {
        if !named && self.current.is_none() && self.size.is_none() && self.version.is_none() {
            return Err(Fault::Sense("it is JSON, but not a page of the list"));
        }
        let index = self.current.map_or(Ok(asked), number)?;
        if index != asked {
            return Err(Fault::Sense("it is another page than the one asked for"));
        }
        let total = self.total.map_or(Ok(0), number)?;
        let next = match self.next.map(number).transpose()? {
            Some(next) if next <= index => return Err(Fault::Sense("its next page is not a later one")),
            Some(next) => Some(next),
            // Apple leaves the next page out on the last one; where the total says otherwise it is asked for.
            None => (index + 1 < total).then_some(index + 1),
        };
        let total_pages = total.max(index + 1).max(next.map_or(0, |next| next + 1));
        let version = self.version.and_then(Text::filled);
        Ok(Page { items, skipped, index, next, total_pages, version })
    }
}

/// The most pages that a list is believed to have.
const PAGES_MAX: u32 = 10_000_000;

fn number(Whole(number): Whole) -> Result<u32, Fault> {
    match u32::try_from(number) {
        Ok(number) if number <= PAGES_MAX => Ok(number),
        _ => Err(Fault::Sense("its page numbers make no sense")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paging(current: Option<i64>, next: Option<i64>, total: Option<i64>) -> Paging<'static> {
        Paging {
            current: current.map(Whole),
            next: next.map(Whole),
            total: total.map(Whole),
            size: None,
            version: None,
        }
    }

    fn page(asked: u32, paging: Paging<'_>) -> Result<Page<()>, Fault> {
        paging.page(asked, true, vec![], 0)
    }

    #[test]
    fn a_walk_always_ends() {
        assert!(page(3, paging(Some(3), Some(3), Some(9))).is_err());
        assert!(page(3, paging(Some(3), Some(-1), Some(9))).is_err());
        assert!(page(3, paging(Some(2), Some(3), Some(9))).is_err());
        assert!(page(3, paging(Some(3), Some(i64::MAX), None)).is_err());
        assert_eq!(page(8, paging(Some(8), None, Some(9))).unwrap().next, None);
    }

    #[test]
    fn pages_that_the_total_promises_are_not_left_out() {
        assert_eq!(page(0, paging(Some(0), None, Some(2))).unwrap().next, Some(1));
        assert_eq!(page(0, paging(None, Some(1), None)).unwrap().total_pages, 2);
    }

    #[test]
    fn an_object_that_is_no_page_is_not_an_empty_location() {
        assert!(paging(None, None, None).page::<()>(0, false, vec![], 0).is_err());
        assert!(paging(None, None, None).page::<()>(0, true, vec![], 0).is_ok());
    }
}
