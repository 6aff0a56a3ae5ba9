//! Counts what the API does, and writes it in Prometheus' text format.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What a series of requests is counted under. Routes and methods come from fixed sets, so that series do not grow
/// with what clients send.
type Series = (&'static str, String, u16);

#[derive(Clone, Copy, Default)]
struct Tally {
    count: u64,
    took: Duration,
}

/// The counters of one process.
#[derive(Default)]
pub(crate) struct Metrics {
    requests: Mutex<BTreeMap<Series, Tally>>,
    /// Notifications written down.
    pub(crate) notifications_stored: AtomicU64,
    /// Notifications that had been written down before.
    pub(crate) notifications_repeated: AtomicU64,
    /// Notifications with a wrong bearer.
    pub(crate) notifications_refused: AtomicU64,
    /// Notifications about a location that is not their token's.
    pub(crate) notifications_elsewhere: AtomicU64,
    /// Transactions that wrote notifications down.
    pub(crate) notification_batches: AtomicU64,
    /// Transactions that wrote messages of MDM servers down.
    pub(crate) mdm_message_batches: AtomicU64,
    /// Messages of MDM servers written down.
    pub(crate) mdm_messages_stored: AtomicU64,
    /// Messages of MDM servers that had been written down before.
    pub(crate) mdm_messages_repeated: AtomicU64,
    /// Messages that were not signed with their connector's key.
    pub(crate) mdm_messages_refused: AtomicU64,
    /// Messages that the queue did not take.
    pub(crate) pushes_failed: AtomicU64,
    /// Streams of events open now.
    pub(crate) streams: AtomicU64,
}

impl Metrics {
    /// Counts one answered request.
    pub(crate) fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        let method = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
            .into_iter()
            .find(|known| *known == method)
            .unwrap_or("OTHER");
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = requests.entry((method, route.to_owned(), status)).or_default();
        tally.count += 1;
        tally.took += took;
    }

    /// Everything counted here.
    pub(crate) fn write(&self, out: &mut Text) {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        out.family("russet_http_requests_total", "counter", "HTTP requests answered.");
        for ((method, route, status), tally) in &requests {
            let labels = [("method", *method), ("route", route), ("status", &status.to_string())];
            out.line("russet_http_requests_total", &labels, &tally.count.to_string());
        }
        out.family("russet_http_request_seconds_total", "counter", "Time spent answering HTTP requests.");
        for ((method, route, status), tally) in &requests {
            let labels = [("method", *method), ("route", route), ("status", &status.to_string())];
            out.line(
                "russet_http_request_seconds_total",
                &labels,
                &format!("{:.6}", tally.took.as_secs_f64()),
            );
        }
        let counters = [
            ("stored", &self.notifications_stored),
            ("repeated", &self.notifications_repeated),
            ("refused", &self.notifications_refused),
            ("other_location", &self.notifications_elsewhere),
        ];
        out.family(
            "russet_notifications_total",
            "counter",
            "Notifications from Apple, by what became of them; those about another location are stored, too.",
        );
        for (outcome, counter) in counters {
            out.line("russet_notifications_total", &[("outcome", outcome)], &count(counter));
        }
        out.family(
            "russet_notification_batches_total",
            "counter",
            "Transactions that wrote notifications down.",
        );
        out.line("russet_notification_batches_total", &[], &count(&self.notification_batches));
        let counters = [
            ("stored", &self.mdm_messages_stored),
            ("repeated", &self.mdm_messages_repeated),
            ("refused", &self.mdm_messages_refused),
        ];
        out.family(
            "russet_mdm_messages_total",
            "counter",
            "Webhooks of MDM servers, by what became of them.",
        );
        for (outcome, counter) in counters {
            out.line("russet_mdm_messages_total", &[("outcome", outcome)], &count(counter));
        }
        out.family(
            "russet_mdm_message_batches_total",
            "counter",
            "Transactions that wrote webhooks of MDM servers down.",
        );
        out.line("russet_mdm_message_batches_total", &[], &count(&self.mdm_message_batches));
        out.family("russet_pushes_failed_total", "counter", "Messages that the queue did not take.");
        out.line("russet_pushes_failed_total", &[], &count(&self.pushes_failed));
        out.family("russet_event_streams", "gauge", "Streams of job events open now.");
        out.line("russet_event_streams", &[], &count(&self.streams));
    }
}

/// Adds one.
pub(crate) fn more(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn count(counter: &AtomicU64) -> String {
    counter.load(Ordering::Relaxed).to_string()
}

/// Text in Prometheus' exposition format
/// (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).
#[derive(Default)]
pub(crate) struct Text(pub(crate) String);

impl Text {
    /// Starts a family of series.
    pub(crate) fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// Writes one sample.
    pub(crate) fn line(&mut self, name: &str, labels: &[(&str, &str)], value: &str) {
        self.0.push_str(name);
        for (nth, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{text}\"", if nth == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_method_route_and_status() {
        let metrics = Metrics::default();
        metrics.answered("GET", "/api/v1/jobs/{id}", 200, Duration::from_millis(2));
        metrics.answered("GET", "/api/v1/jobs/{id}", 200, Duration::from_millis(2));
        metrics.answered("BREW", "-", 405, Duration::ZERO);
        let mut text = Text::default();
        metrics.write(&mut text);
        let line =
            "russet_http_requests_total{method=\"GET\",route=\"/api/v1/jobs/{id}\",status=\"200\"} 2\n";
        assert!(text.0.contains(line), "{}", text.0);
        assert!(text.0.contains("{method=\"OTHER\",route=\"-\",status=\"405\"} 1\n"), "{}", text.0);
    }

    #[test]
    fn a_label_cannot_break_out_of_its_line() {
        let mut text = Text::default();
        text.line("x", &[("y", "a\"b\n")], "1");
        assert_eq!(text.0, "x{y=\"a\\\"b\\n\"} 1\n");
    }
}
