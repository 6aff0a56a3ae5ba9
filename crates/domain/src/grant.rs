//! Which of the wanted licenses are asked for now: never more of an asset than it has free, and never more through an assignment than its
//! quota allows.

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

/// The quota of an assignment while requests are planned: at most so many holders have a license through it at a time. Who left the
/// group and has his license still counts until it comes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// How many there may be.
    pub most: i64,
    /// How many there are, with those that Apple is working on.
    pub used: i64,
    /// Of its licenses, how many are on their way to a holder or back, so that there may soon be room.
    pub moving: i64,
}

impl Quota {
    /// How many more there may be.
    #[must_use]
    pub fn room(&self) -> i64 {
        self.most.saturating_sub(self.used).max(0)
    }
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
    /// The quota of its assignment is used up; whether work under way may make room.
    OverQuota {
        /// It may.
        moving: bool,
    },
}

impl Stock {
    /// Decides about one more wish and counts it when it is sent. Callers ask in the order of priority and age. `kept` licenses are
    /// not for this wish, though they are free; `quota` is that of the assignment it goes through.
    ///
    /// ```
    /// use russet_domain::grant::{Grant, Stock};
    ///
    /// let mut stock = Stock { free: 1, going: 0, coming: 0, fresh: true };
    /// assert_eq!(stock.one_more(0, None), Grant::Send);
    /// assert_eq!(stock.one_more(0, None), Grant::Wait); // The first may yet fail.
    /// ```
    pub fn one_more(&mut self, kept: i64, quota: Option<&mut Quota>) -> Grant {
        if let Some(quota) = quota.as_ref().filter(|quota| quota.room() == 0) {
            return Grant::OverQuota { moving: quota.moving > 0 };
        }
        if self.free.saturating_sub(self.going).saturating_sub(kept) > 0 {
            self.going += 1;
            if let Some(quota) = quota {
                quota.used += 1;
                quota.moving += 1;
            }
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
        assert_eq!(stock.one_more(0, None), Grant::AskCounts);
        stock.fresh = true;
        assert_eq!(stock.one_more(0, None), Grant::Refuse);
    }

    #[test]
    fn a_license_on_its_way_back_is_waited_for() {
        let mut stock = Stock { free: 0, going: 0, coming: 1, fresh: true };
        assert_eq!(stock.one_more(0, None), Grant::Wait);
    }

    #[test]
    fn what_is_kept_is_for_others() {
        let mut stock = Stock { free: 3, going: 0, coming: 0, fresh: true };
        assert_eq!(stock.one_more(2, None), Grant::Send);
        assert_eq!(stock.one_more(2, None), Grant::Wait);
        assert_eq!(stock.one_more(0, None), Grant::Send);
        let mut stock = Stock { free: 2, going: 0, coming: 0, fresh: true };
        assert_eq!(stock.one_more(2, None), Grant::Refuse);
    }

    #[test]
    fn a_quota_that_is_used_up_stops_its_own_and_nobody_else() {
        let mut stock = Stock { free: 10, going: 0, coming: 0, fresh: false };
        let mut quota = Quota { most: 3, used: 2, moving: 0 };
        assert_eq!(stock.one_more(0, Some(&mut quota)), Grant::Send);
        assert_eq!(stock.one_more(0, Some(&mut quota)), Grant::OverQuota { moving: true });
        assert_eq!(stock.one_more(0, None), Grant::Send);
        let mut lowered = Quota { most: 1, used: 5, moving: 0 };
        assert_eq!(lowered.room(), 0);
        assert_eq!(stock.one_more(0, Some(&mut lowered)), Grant::OverQuota { moving: false });
        assert_eq!(stock.going, 2);
    }

    proptest! {
        #[test]
        fn no_more_is_asked_for_than_is_free(free in 0_i64..50, going in 0_i64..20, wishes in 0_usize..100) {
            let mut stock = Stock { free, going, coming: 0, fresh: true };
            let sent = (0..wishes).filter(|_| stock.one_more(0, None) == Grant::Send).count();
            prop_assert!(sent as i64 <= (free - going).max(0));
        }

        #[test]
        fn no_more_go_through_an_assignment_than_its_quota(most in 1_i64..20, used in 0_i64..30, wishes in 0_usize..50) {
            let mut stock = Stock { free: 1_000, going: 0, coming: 0, fresh: true };
            let mut quota = Quota { most, used, moving: 0 };
            let sent = (0..wishes).filter(|_| stock.one_more(0, Some(&mut quota)) == Grant::Send).count();
            prop_assert!(sent as i64 <= (most - used).max(0));
        }
    }
}
