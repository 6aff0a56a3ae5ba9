//! Cuts lists into pages.

use std::ops::Range;

use super::errors::AppleError;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) index: usize,
    pub(crate) total: usize,
    /// The part of the list that is on it.
    pub(crate) range: Range<usize>,
}

impl Page {
    /// The page with this index of a list of `length`. An empty list has one empty page.
    pub(crate) fn of(length: usize, index: usize, size: usize) -> Result<Self, AppleError> {
        let total = length.div_ceil(size).max(1);
        if index >= total {
            return Err(AppleError::new(9650));
        }
        let start = index * size;
        Ok(Self { index, total, range: start..length.min(start + size) })
    }

    pub(crate) fn next(&self) -> Option<usize> {
        (self.index + 1 < self.total).then_some(self.index + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::Page;

    #[test]
    fn the_last_page_has_the_rest_and_no_next_one() {
        let page = Page::of(2_500, 2, 1_000).unwrap();
        assert_eq!((page.total, page.range.clone(), page.next()), (3, 2_000..2_500, None));
        assert_eq!(Page::of(2_500, 1, 1_000).unwrap().next(), Some(2));
    }

    #[test]
    fn an_empty_list_has_a_first_page_and_no_second() {
        assert_eq!(Page::of(0, 0, 10).unwrap().range, 0..0);
        assert_eq!(Page::of(0, 1, 10).unwrap_err().number, 9650);
    }
}
