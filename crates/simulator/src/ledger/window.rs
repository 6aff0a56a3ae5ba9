//! The requests of one location within the last second.

use std::collections::VecDeque;

const SECOND_US: i64 = 1_000_000;

/// A sliding second, to the microsecond.
#[derive(Debug, Default)]
pub(super) struct Window {
    arrivals: VecDeque<i64>,
    /// The most requests that any second has seen.
    pub(super) most: usize,
}

impl Window {
    /// Adds a request and says how many there are in the second that ends with it.
    pub(super) fn arrived(&mut self, now_us: i64) -> usize {
        while self.arrivals.front().is_some_and(|&at| at <= now_us - SECOND_US) {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back(now_us);
        self.most = self.most.max(self.arrivals.len());
        self.arrivals.len()
    }
}

#[cfg(test)]
mod tests {
    use super::Window;

    #[test]
    fn a_second_slides_and_does_not_start_at_full_seconds() {
        let mut window = Window::default();
        assert_eq!(window.arrived(900_000), 1);
        assert_eq!(window.arrived(1_100_000), 2);
        assert_eq!(window.arrived(1_899_999), 3);
        assert_eq!(window.arrived(1_900_000), 3);
        assert_eq!(window.arrived(5_000_000), 1);
        assert_eq!(window.most, 3);
    }
}
