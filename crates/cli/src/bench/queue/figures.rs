//! Prints figures, one JSON object a line, and picks medians and percentiles.

use serde_json::json;

use super::super::setup::rounded;
use super::variant::Variant;
use crate::print;

/// Prints the figures of one variant.
pub(super) struct Figures {
    pub(super) variant: Variant,
    pub(super) concurrency: u64,
}

impl Figures {
    pub(super) fn print(&self, metric: &str, backlog: u64, value: f64, unit: &str) {
        print::json(&json!({
            "bench": "queue",
            "metric": metric,
            "variant": self.variant.as_str(),
            "backlog": backlog,
            "value": rounded(value),
            "unit": unit,
            "concurrency": self.concurrency,
        }));
    }
}

/// The middle one; of an even number the lower of both. Zero of none.
pub(super) fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// The least value that at least this part of all does not exceed. Zero of none.
pub(in crate::bench) fn percentile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&values, 0.99), 99.0);
        assert_eq!(percentile(&values, 1.0), 100.0);
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[]), 0.0);
    }
}
