//! Which of the wanted licenses are asked for now: never more of an asset than it has free.

/// What is known of one asset's licenses while requests are planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stock {
    /// Free licenses, as Apple last told.
    pub free: i64,
    /// Assignments that Apple is working on.
    pub going: i64,
    /// Licenses on their way back: revocations that Apple is working on, or that are sent next.
    pub coming: i64,
    /// Whether `free` was read from Apple just now.
    pub fresh: bool,
}

/// What is done with one more wish for an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Ask Apple for it now.
    Send,
    /// Leave it planned: work under way decides whether one comes free.
    Wait,
    /// Read the counts from Apple first: licenses may have been bought.
    AskCounts,
    /// None is free and none is coming.
    Refuse,
}

impl Stock {
    /// Decides about one more wish and counts it when it is sent. Callers ask in the order of priority and age. `kept` licenses are
    /// not for this wish, though they are free.
    ///
    /// ```
    /// use russet_domain::grant::{Grant, Stock};
    ///
    /// let mut stock = Stock { free: 1, going: 0, coming: 0, fresh: true };
    /// assert_eq!(stock.one_more(0), Grant::Send);
    /// assert_eq!(stock.one_more(0), Grant::Wait); // The first may yet fail.
    /// ```
    pub fn one_more(&mut self, kept: i64) -> Grant {
        if self.free.saturating_sub(self.going).saturating_sub(kept) > 0 {
            self.going += 1;
            return Grant::Send;
        }
        match (self.going > 0 || self.coming > 0, self.fresh) {
            (true, _) => Grant::Wait,
            (false, false) => Grant::AskCounts,
            (false, true) => Grant::Refuse,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nobody_is_refused_on_counts_that_may_be_old() {
        let mut stock = Stock { free: 0, going: 0, coming: 0, fresh: false };
        assert_eq!(stock.one_more(0), Grant::AskCounts);
        stock.fresh = true;
        assert_eq!(stock.one_more(0), Grant::Refuse);
    }

    #[test]
    fn a_license_on_its_way_back_is_waited_for() {
        let mut stock = Stock { free: 0, going: 0, coming: 1, fresh: true };
        assert_eq!(stock.one_more(0), Grant::Wait);
    }

    #[test]
    fn what_is_kept_is_for_others() {
        let mut stock = Stock { free: 3, going: 0, coming: 0, fresh: true };
        assert_eq!(stock.one_more(2), Grant::Send);
        assert_eq!(stock.one_more(2), Grant::Wait);
        assert_eq!(stock.one_more(0), Grant::Send);
        let mut stock = Stock { free: 2, going: 0, coming: 0, fresh: true };
        assert_eq!(stock.one_more(2), Grant::Refuse);
    }

    proptest! {
        #[test]
        fn no_more_is_asked_for_than_is_free(free in 0_i64..50, going in 0_i64..20, wishes in 0_usize..100) {
            let mut stock = Stock { free, going, coming: 0, fresh: true };
            let sent = (0..wishes).filter(|_| stock.one_more(0) == Grant::Send).count();
            prop_assert!(sent as i64 <= (free - going).max(0));
        }
    }
}
