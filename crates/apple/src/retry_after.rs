//! Reads how long Apple wants to be left alone.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// The longest wait that is believed. Anything longer is asked again after this time.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The wait in `Retry-After`, given in seconds or as a date; `None` when there is none, or none that can be read.
///
/// A date is compared with the answer's own `Date` where it has one, so that a wrong clock here does not matter.
pub(crate) fn read(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = text(headers, RETRY_AFTER)?;
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are still a number: a very long wait.
        let seconds = text.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let now = self::text(headers, DATE).and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or(now);
    Some(until.duration_since(now).unwrap_or(Duration::ZERO).min(RETRY_AFTER_MAX))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(retry_after: &str, date: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        read(&headers, httpdate::parse_http_date("Wed, 09 Apr 2031 10:00:00 GMT").unwrap())
    }

    #[test]
    fn a_date_is_measured_against_the_answers_own_clock() {
        let until = "Wed, 09 Apr 2031 10:00:30 GMT";
        assert_eq!(wait(until, None), Some(Duration::from_secs(30)));
        assert_eq!(wait(until, Some("Wed, 09 Apr 2031 10:00:20 GMT")), Some(Duration::from_secs(10)));
        assert_eq!(wait(until, Some("Wed, 09 Apr 2031 11:00:00 GMT")), Some(Duration::ZERO));
    }

    #[test]
    fn an_endless_wait_is_cut() {
        assert_eq!(wait("99999999999999999999999999", None), Some(RETRY_AFTER_MAX));
        assert_eq!(wait("Thu, 09 Apr 2099 10:00:30 GMT", None), Some(RETRY_AFTER_MAX));
    }

    #[test]
    fn what_cannot_be_read_is_no_wait() {
        for text in ["", "soon", "-5", "1.5"] {
            assert_eq!(wait(text, None), None, "{text}");
        }
    }
}
