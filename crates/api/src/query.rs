//! Reads what stands in the address: ids in the path, and the query.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use chrono::{DateTime, NaiveDate};
use russet_domain::{Holder, JobId, Timestamp, TokenId};
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::state::App;

/// The longest piece of an address that an error repeats.
const SHOWN_MAX: usize = 40;

/// The token that the path names.
pub(crate) struct TokenInPath(pub(crate) TokenId);

impl FromRequestParts<App> for TokenInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let text = in_path(parts, app).await?;
        text.parse().map(Self).map_err(|_| ApiError::NoSuchToken(shown(&text)))
    }
}

/// The job that the path names.
pub(crate) struct JobInPath(pub(crate) JobId);

impl FromRequestParts<App> for JobInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let text = in_path(parts, app).await?;
        text.parse().map(Self).map_err(|_| ApiError::NoSuchJob(shown(&text)))
    }
}

/// The product that the path names.
pub(crate) struct AppInPath(pub(crate) String);

impl FromRequestParts<App> for AppInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let text = in_path(parts, app).await?;
        let is_number = text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { Ok(Self(text)) } else { Err(ApiError::NoSuchApp(shown(&text))) }
    }
}

/// The token and the notification that the path names.
pub(crate) struct NotificationInPath {
    pub(crate) token: TokenId,
    pub(crate) notification: i64,
}

impl FromRequestParts<App> for NotificationInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Path((token, notification)) = Path::<(String, String)>::from_request_parts(parts, app)
            .await
            .map_err(|_| ApiError::NoSuchRoute)?;
        let token = token.parse().map_err(|_| ApiError::NoSuchToken(shown(&token)))?;
        let notification =
            notification.parse().map_err(|_| ApiError::NoSuchNotification(shown(&notification), token))?;
        Ok(Self { token, notification })
    }
}

/// The file of a job that the path names; whether there is one, the job knows.
pub(crate) struct FileInPath {
    /// The job.
    pub(crate) job: JobId,
    /// The file's name.
    pub(crate) name: String,
}

impl FromRequestParts<App> for FileInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Path((job, name)) = Path::<(String, String)>::from_request_parts(parts, app)
            .await
            .map_err(|_| ApiError::NoSuchRoute)?;
        let job = job.parse().map_err(|_| ApiError::NoSuchJob(shown(&job)))?;
        Ok(Self { job, name })
    }
}

/// The user that the path names; whether there is one, the store knows.
pub(crate) struct UserInPath(pub(crate) String);

impl FromRequestParts<App> for UserInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        in_path(parts, app).await.map(Self)
    }
}

/// The kind of message that the path names; whether there is one, the queue knows.
pub(crate) struct KindInPath(pub(crate) String);

impl FromRequestParts<App> for KindInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        in_path(parts, app).await.map(Self)
    }
}

/// The query, read into a known shape.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(why) => {
                let source =
                    std::error::Error::source(&why).map_or_else(|| why.to_string(), ToString::to_string);
                let source = source.replace("invalid digit found in string", "should be a whole number");
                let source =
                    source.replace("number too large to fit in target type", "is too large a number");
                Err(ApiError::InvalidQuery(source.chars().take(200).collect()))
            }
        }
    }
}

/// One of the domain's words, when the query has it.
///
/// # Errors
/// When it is none of `known`; the error lists them.
pub(crate) fn word<T: Copy>(
    name: &str,
    text: Option<&str>,
    known: &[T],
    as_str: impl Fn(T) -> &'static str,
) -> Result<Option<T>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let found = known.iter().copied().find(|known| as_str(*known) == text);
    let words = || known.iter().map(|known| as_str(*known)).collect::<Vec<_>>().join(", ");
    found.map(Some).ok_or_else(|| ApiError::InvalidQuery(format!("`{name}` should be one of {}", words())))
}

/// The holder that a query names as `serial` or `user`; nothing when it names none.
///
/// # Errors
/// When it names both.
pub(crate) fn holder(serial: Option<String>, user: Option<String>) -> Result<Option<Holder>, ApiError> {
    match (serial, user) {
        (Some(_), Some(_)) => Err(ApiError::InvalidQuery("give `serial` or `user`, not both".to_owned())),
        (Some(serial), None) => Ok(Some(Holder::Device(serial))),
        (None, Some(user)) => Ok(Some(Holder::User(user))),
        (None, None) => Ok(None),
    }
}

/// A moment that a query names, or the beginning of a day in UTC; nothing when it names none.
///
/// # Errors
/// When it is neither.
pub(crate) fn moment(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let day = || text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0).map(|start| start.and_utc());
    let moment = DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.to_utc()).or_else(day);
    let moment = moment.map(|moment| Timestamp(moment.timestamp_millis()));
    moment.map(Some).ok_or_else(|| {
        let likes = "a day such as 2031-04-09 or a moment such as 2031-04-09T10:20:30Z";
        ApiError::InvalidQuery(format!("`{name}` should be {likes}"))
    })
}

async fn in_path(parts: &mut Parts, app: &App) -> Result<String, ApiError> {
    let Path(text) =
        Path::<String>::from_request_parts(parts, app).await.map_err(|_| ApiError::NoSuchRoute)?;
    Ok(text)
}

/// A client's own text, cut and without anything that could confuse whoever reads it.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(SHOWN_MAX).flat_map(char::escape_default).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        let moment = |text| moment("since", Some(text));
        assert_eq!(moment("1970-01-02").unwrap(), Some(Timestamp(86_400_000)));
        assert_eq!(moment("1970-01-02T01:00:00+01:00").unwrap(), Some(Timestamp(86_400_000)));
        assert!(moment("tomorrow").is_err());
    }
}
