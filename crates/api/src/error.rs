//! Everything that a request can fail with, and the one table of status codes.

use std::borrow::Cow;

use axum::http::StatusCode;
use russet_domain::consent::{THINGS, VERSION};
use russet_domain::removal::{Irrevocable, refusal};
use russet_domain::{JobId, TokenId};
use russet_queue::QueueError;
use russet_store::StoreError;
use russet_store::keys::Role;
use russet_store::tokens::Token;

use crate::problem::{FIELD_ERRORS_MAX, FieldError};
use crate::query::shown;
use crate::token_file::TokenFileError;

/// Why a request was not done. Each message is a sentence that a client may see, except those of [`Self::Store`],
/// [`Self::Queue`] and [`Self::Internal`], which are for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("The request has no API key; send the header `Authorization: Bearer <key>`.")]
    KeyMissing,
    #[error("No API key is like the one sent; check it, or make a new one with `russet key create`.")]
    KeyUnknown,
    #[error("The API key was revoked; ask an administrator for another one.")]
    KeyRevoked,
    #[error("The API key has the role {} and this needs {}; use a key with that role.", .has.as_str(), .needs.as_str())]
    RoleForbids { has: Role, needs: Role },
    #[error("The API key is bound to certain tokens and cannot upload others; use a key that is not bound.")]
    KeyIsBound,
    #[error(
        "The API key is bound to certain tokens and the queue is shared by all; use a key that is not bound, or ask \
         GET /api/v1/queue/why?token=… about one of its tokens."
    )]
    QueueIsShared,

    #[error("Nothing is served at this address; /api/openapi.json lists what is.")]
    NoSuchRoute,
    #[error("This address does not take that method; the header `Allow` lists those it takes.")]
    MethodNotAllowed,
    #[error("There is no token {0}; GET /api/v1/tokens lists those there are.")]
    NoSuchToken(String),
    #[error(
        "There is no notification {0} of this token; GET /api/v1/tokens/{1}/notifications lists those there are."
    )]
    NoSuchNotification(String, TokenId),
    #[error("There is no job {0}; GET /api/v1/jobs lists those there are.")]
    NoSuchJob(String),
    #[error("There is no {what} {name:?}; GET /api/v1/{list} lists those there are.")]
    NoSuch { what: &'static str, name: String, list: &'static str },
    #[error("{text}")]
    Conflict { code: &'static str, text: String },
    #[error("The API key is bound to certain tokens, and {0} shared by all; use a key that is not bound.")]
    IsShared(&'static str),
    #[error("No token owns a product {0}; GET /api/v1/apps lists those there are.")]
    NoSuchApp(String),
    #[error("No message is of kind {kind}; the kinds are {known}.")]
    NoSuchKind { kind: String, known: String },

    #[error("The body is larger than the {limit} bytes taken here; send less at once.")]
    BodyTooLarge { limit: usize },
    #[error("The body should be {expected}; send it with the header `Content-Type: {expected}`.")]
    WrongContentType { expected: &'static str },
    #[error("The body broke off before it was whole; send it again.")]
    BodyBroken,
    #[error("The body is not JSON: {0}.")]
    BodyNotJson(String),
    #[error("The field `{field}` is wrong: {why}.")]
    InvalidField { field: String, why: String },
    #[error("The field `{field}` is not known here{hint}; check its spelling or leave it out.")]
    UnknownField { field: String, hint: String },
    #[error("The query is wrong: {0}.")]
    InvalidQuery(String),
    #[error("The query parameter `cursor` is none that this list gave out; start again without it.")]
    InvalidCursor,

    #[error("The header `Idempotency-Key` should be 1 to 200 printable ASCII characters without blanks.")]
    IdempotencyKeyInvalid,
    #[error("This `Idempotency-Key` was used within the last 24 hours for another request; use a new one.")]
    IdempotencyKeyReused,

    #[error("{0}")]
    TokenFile(#[from] TokenFileError),
    #[error(
        "`consent` must be {{\"agreed\":true,\"version\":{VERSION}}}: to manage licenses, Russet sends Apple four things: {}. \
         GET /api/v1/consent has the whole text.", THINGS.join("; ")
    )]
    ConsentRequired,
    #[error(
        "`consent` names version {given} of the text and the one in force is {VERSION}; GET /api/v1/consent, agree to that \
         and send its version."
    )]
    ConsentOutdated { given: u32 },
    #[error(
        "This token file is already here as token {0}; to renew a token, download a new file from Apple and \
         PUT it to /api/v1/tokens/{0}/content."
    )]
    TokenAlreadyUploaded(TokenId),
    #[error(
        "There are {max} tokens already, as many as `api.tokens_max` allows; remove one first, or allow more there."
    )]
    TooManyTokens { max: usize },
    #[error(
        "Say what becomes of the licenses: `?licenses=keep` removes the token here and leaves them with their holders, \
         and nothing can take them back afterwards; `?licenses=revoke_first` takes them all back, then removes the token; \
         `?licenses=revoke_what_can_be` does so too and leaves books and the like, which nobody can take back."
    )]
    ChooseLicenses,
    #[error("{why}")]
    TokenRefused { why: String },
    #[error(
        "The token {} (“{}”) opens the same location and shall do it, as it is the older one: {what} there, or remove one of the two.",
        .older.id, .older.name
    )]
    TokenDuplicate { older: Box<Token>, what: &'static str },
    #[error(
        "Another token here opens the same location: {} (“{}”). {what}",
        .other.id, .other.name
    )]
    LocationShared { other: Box<Token>, what: &'static str },
    #[error("{}", refusal(.0))]
    NotRevocable(Vec<Irrevocable>),
    #[error("Jobs of this token are still open ({}); wait for their end or cancel them first.", listed(.0))]
    JobsOpen(Vec<JobId>),
    #[error("There is no such file of job {0}; GET /api/v1/jobs/{0}/files lists those there are.")]
    NoSuchFile(JobId),
    #[error("The files of job {0} are not written yet; the job shows how far it has got.")]
    FilesNotReady(JobId),
    #[error(
        "The licenses of job {0} were forgotten after the time that worker.keep_hours sets; its summary is still there."
    )]
    FilesGone(JobId),
    #[error("The token is being removed; its job shows how far that is.")]
    TokenBeingRemoved,
    #[error("The token's apps have never been read from Apple; POST a job of kind sync_token first.")]
    TokenNotSynced,

    #[error("The API key is bound to certain tokens; name one of them as `token`.")]
    NameAToken,
    #[error("The field `token` names token {0} and there is none; GET /api/v1/tokens lists those there are.")]
    UnknownToken(TokenId),
    #[error("The field `kind` names {kind} and no message is of that kind; the kinds are {known}.")]
    UnknownKind { kind: String, known: String },
    #[error("Send either `ids`, or `all` as true with or without a `kind`, but not both.")]
    IdsOrAll,
    #[error(
        "{count} of the assets are not in this token's location; buy them or sync the token, and see `errors` for \
         the first of them."
    )]
    UnknownAssets { count: usize, errors: Vec<FieldError> },
    #[error(
        "{count} of the serial numbers and user ids cannot be ones; correct them, see `errors` for the first of them."
    )]
    BadHolders { count: usize, errors: Vec<FieldError> },
    #[error("The list `{0}` is empty; name at least one, or leave the field out where that is allowed.")]
    EmptyList(&'static str),
    #[error("The job would hold {count} pairs of asset and holder and {max} are taken; split it.")]
    TooManyPairs { count: u64, max: usize },
    #[error("{text}")]
    Forbidden { code: &'static str, text: String, errors: Vec<FieldError> },
    #[error(
        "A license goes from a user to a device, never from a device to a user (rule S-27); take the device's license back \
         and assign one to the user, who will be asked to sign in."
    )]
    WrongWay,
    #[error("Nothing of job {0} waits for a confirmation.")]
    NothingToConfirm(JobId),
    #[error("Send either `pairs`, or `assets` with `devices` and `users`, but not both.")]
    PairsOrLists,
    #[error("{0}")]
    NothingNamed(&'static str),
    #[error("Job {0} still runs; wait for its end or cancel it, then retry what was refused.")]
    JobStillRunning(JobId),
    #[error("Nothing of job {0} was refused, so there is nothing to retry.")]
    NothingToRetry(JobId),
    #[error(
        "There is no user {0}; GET /api/v1/users lists those there are, and POST /api/v1/users registers one."
    )]
    NoSuchUser(String),
    #[error("The user is retired; POST /api/v1/users registers him again.")]
    UserRetired,
    #[error("The body has more than the {max} rows taken at once; split it.")]
    TooManyRows { max: usize },
    #[error(
        "{count} rows are wrong and nothing was taken in; correct them, see `errors` for the first of them, or send \
         `?partial=true` to take the others."
    )]
    BadRows { count: u64, errors: Vec<FieldError> },
    #[error("{text}")]
    RenewalRefused { code: String, text: String },
    #[error("{text}")]
    RegistrationFailed { code: String, text: String },

    #[error("The bearer is not the secret that Apple was given for this token.")]
    NotificationSecretWrong,
    #[error(
        "The message is not signed with the connector's `webhook_key`; give the MDM server the same key, as NanoMDM's \
         -webhook-hmac-key or as the password of MicroMDM's webhook address."
    )]
    WebhookNotProved,

    #[error(
        "There are {max} streams of events open already; close one, or ask for the job itself now and then."
    )]
    TooManyStreams { max: usize },
    #[error("More arrives than can be written down; try again shortly.")]
    Overloaded,
    #[error(
        "This took longer than the {seconds} s allowed and was given up; try again, or ask for less at once."
    )]
    TimedOut { seconds: u64 },
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Queue(#[source] QueueError),
    #[error("{0}")]
    Internal(String),
}

impl ApiError {
    /// That a token cannot be used, with the reason that is known of it: which is to be mended depends on that.
    pub(crate) fn not_usable(token: &Token) -> Self {
        let why = token.state_reason.clone().unwrap_or_else(|| token.state.sentence().to_owned());
        Self::TokenRefused { why }
    }

    /// The status and the stable code. Clients hold the codes; they never change.
    pub(crate) fn verdict(&self) -> (StatusCode, Cow<'static, str>) {
        let (status, code) = match self {
            Self::KeyMissing => (StatusCode::UNAUTHORIZED, "key_missing"),
            Self::KeyUnknown => (StatusCode::UNAUTHORIZED, "key_unknown"),
            Self::KeyRevoked => (StatusCode::UNAUTHORIZED, "key_revoked"),
            Self::NotificationSecretWrong => (StatusCode::UNAUTHORIZED, "notification_secret_wrong"),
            Self::WebhookNotProved => (StatusCode::UNAUTHORIZED, "webhook_not_proved"),
            Self::RoleForbids { .. } => (StatusCode::FORBIDDEN, "role_forbids"),
            Self::NoSuch { what, .. } => {
                return (StatusCode::NOT_FOUND, Cow::Owned(format!("no_such_{}", what.replace(' ', "_"))));
            }
            Self::Conflict { code, .. } => (StatusCode::CONFLICT, *code),
            Self::KeyIsBound | Self::QueueIsShared | Self::IsShared(_) => {
                (StatusCode::FORBIDDEN, "key_is_bound")
            }
            Self::NoSuchRoute => (StatusCode::NOT_FOUND, "no_such_route"),
            Self::NoSuchToken(_) => (StatusCode::NOT_FOUND, "no_such_token"),
            Self::NoSuchJob(_) => (StatusCode::NOT_FOUND, "no_such_job"),
            Self::NoSuchApp(_) => (StatusCode::NOT_FOUND, "no_such_app"),
            Self::NoSuchNotification(..) => (StatusCode::NOT_FOUND, "no_such_notification"),
            Self::NoSuchKind { .. } => (StatusCode::NOT_FOUND, "no_such_kind"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::WrongContentType { .. } => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_content_type"),
            Self::BodyBroken => (StatusCode::BAD_REQUEST, "body_broken"),
            Self::BodyNotJson(_) => (StatusCode::BAD_REQUEST, "body_not_json"),
            Self::InvalidQuery(_) => (StatusCode::BAD_REQUEST, "invalid_query"),
            Self::InvalidCursor => (StatusCode::BAD_REQUEST, "invalid_cursor"),
            Self::IdempotencyKeyInvalid => (StatusCode::BAD_REQUEST, "idempotency_key_invalid"),
            Self::InvalidField { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_field"),
            Self::UnknownField { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "unknown_field"),
            Self::IdempotencyKeyReused => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"),
            Self::TokenFile(why) => (StatusCode::UNPROCESSABLE_ENTITY, token_file_code(why)),
            Self::ConsentRequired => (StatusCode::UNPROCESSABLE_ENTITY, "consent_required"),
            Self::ConsentOutdated { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "consent_outdated"),
            Self::ChooseLicenses => (StatusCode::UNPROCESSABLE_ENTITY, "choose_licenses"),
            Self::NameAToken => (StatusCode::UNPROCESSABLE_ENTITY, "name_a_token"),
            Self::UnknownToken(_) => (StatusCode::UNPROCESSABLE_ENTITY, "unknown_token"),
            Self::UnknownKind { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "unknown_kind"),
            Self::IdsOrAll => (StatusCode::UNPROCESSABLE_ENTITY, "ids_or_all"),
            Self::UnknownAssets { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "unknown_asset"),
            Self::BadHolders { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "bad_holder"),
            Self::EmptyList(_) => (StatusCode::UNPROCESSABLE_ENTITY, "empty_list"),
            Self::TooManyPairs { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "too_many_pairs"),
            Self::Forbidden { code, .. } => (StatusCode::UNPROCESSABLE_ENTITY, *code),
            Self::WrongWay => (StatusCode::UNPROCESSABLE_ENTITY, "wrong_way"),
            Self::NothingToConfirm(_) => (StatusCode::CONFLICT, "nothing_to_confirm"),
            Self::PairsOrLists => (StatusCode::UNPROCESSABLE_ENTITY, "pairs_or_lists"),
            Self::NothingNamed(_) => (StatusCode::UNPROCESSABLE_ENTITY, "nothing_named"),
            Self::TokenAlreadyUploaded(_) => (StatusCode::CONFLICT, "token_already_uploaded"),
            Self::TooManyTokens { .. } => (StatusCode::CONFLICT, "too_many_tokens"),
            Self::TokenRefused { .. } => (StatusCode::CONFLICT, "token_not_usable"),
            Self::TokenBeingRemoved => (StatusCode::CONFLICT, "token_being_removed"),
            Self::TokenDuplicate { .. } => (StatusCode::CONFLICT, "token_duplicate"),
            Self::LocationShared { .. } => (StatusCode::CONFLICT, "location_shared"),
            Self::NotRevocable(_) => (StatusCode::CONFLICT, "not_revocable"),
            Self::JobsOpen(_) => (StatusCode::CONFLICT, "jobs_open"),
            Self::NoSuchFile(_) => (StatusCode::NOT_FOUND, "no_such_file"),
            Self::FilesNotReady(_) => (StatusCode::CONFLICT, "files_not_ready"),
            Self::FilesGone(_) => (StatusCode::GONE, "files_gone"),
            Self::TokenNotSynced => (StatusCode::CONFLICT, "token_not_synced"),
            Self::NoSuchUser(_) => (StatusCode::NOT_FOUND, "no_such_user"),
            Self::UserRetired => (StatusCode::CONFLICT, "user_retired"),
            Self::TooManyRows { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "too_many_rows"),
            Self::BadRows { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "bad_rows"),
            Self::JobStillRunning(_) => (StatusCode::CONFLICT, "job_still_running"),
            Self::NothingToRetry(_) => (StatusCode::CONFLICT, "nothing_to_retry"),
            Self::RegistrationFailed { code, .. } => {
                return (StatusCode::CONFLICT, Cow::Owned(code.clone()));
            }
            Self::RenewalRefused { code, .. } => return (renewal_status(code), Cow::Owned(code.clone())),
            Self::TooManyStreams { .. } => (StatusCode::SERVICE_UNAVAILABLE, "too_many_streams"),
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            Self::TimedOut { .. } => (StatusCode::SERVICE_UNAVAILABLE, "timed_out"),
            Self::Store(StoreError::Busy { .. } | StoreError::Stale { .. }) => {
                (StatusCode::SERVICE_UNAVAILABLE, "database_busy")
            }
            Self::Store(StoreError::Unreachable { .. }) => {
                (StatusCode::SERVICE_UNAVAILABLE, "database_unreachable")
            }
            Self::Store(StoreError::SchemaBehind { .. } | StoreError::SchemaAhead { .. }) => {
                (StatusCode::SERVICE_UNAVAILABLE, "schema_mismatch")
            }
            Self::Queue(error) if error.may_pass() => (StatusCode::SERVICE_UNAVAILABLE, "queue_unavailable"),
            Self::Store(
                StoreError::Setting(_)
                | StoreError::Exists { .. }
                | StoreError::Missing(_)
                | StoreError::Refused { .. }
                | StoreError::Unreadable { .. }
                | StoreError::Keys(_),
            )
            | Self::Queue(_)
            | Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        (status, Cow::Borrowed(code))
    }

    /// The sentence for the client: nothing of what went on inside.
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::Store(StoreError::Busy { .. } | StoreError::Stale { .. }) => {
                "The database was busy; nothing was changed, try again shortly.".to_owned()
            }
            Self::Store(StoreError::Unreachable { .. }) => {
                "The database could not be reached, so it is not known whether anything was changed; try again shortly \
                 with the same `Idempotency-Key`."
                    .to_owned()
            }
            Self::Store(StoreError::SchemaBehind { .. } | StoreError::SchemaAhead { .. }) => {
                "The database and this program do not fit; an administrator should look at /readyz.".to_owned()
            }
            Self::Queue(error) if error.may_pass() => {
                "The queue did not answer, so it is not known whether anything was changed; try again shortly with the \
                 same `Idempotency-Key`, and see /readyz if it stays away."
                    .to_owned()
            }
            Self::Store(_) | Self::Queue(_) | Self::Internal(_) => {
                "Something went wrong inside Russet; the log has more under this `request_id`.".to_owned()
            }
            other => other.to_string(),
        }
    }

    /// The places that are wrong, the first twenty.
    pub(crate) fn errors(&self) -> Vec<FieldError> {
        let mut errors = match self {
            Self::InvalidField { field, why } => {
                vec![FieldError { field: field.clone(), detail: why.clone() }]
            }
            Self::UnknownField { field, .. } => {
                vec![FieldError { field: field.clone(), detail: "is not known".to_owned() }]
            }
            Self::UnknownAssets { errors, .. }
            | Self::BadHolders { errors, .. }
            | Self::Forbidden { errors, .. }
            | Self::BadRows { errors, .. } => errors.clone(),
            Self::NotRevocable(bound) => bound.iter().map(irrevocable).collect(),
            _ => Vec::new(),
        };
        errors.truncate(FIELD_ERRORS_MAX);
        errors
    }

    /// After how many seconds it makes sense to try again, when it does.
    pub(crate) fn retry_after_s(&self) -> Option<u16> {
        match self {
            Self::Store(StoreError::Busy { .. } | StoreError::Stale { .. }) | Self::Overloaded => Some(1),
            Self::Store(StoreError::Unreachable { .. }) | Self::TimedOut { .. } => Some(5),
            Self::Queue(error) if error.may_pass() => Some(5),
            Self::TooManyStreams { .. } => Some(30),
            _ => None,
        }
    }

    /// Whether the same transaction may well succeed a moment later.
    pub(crate) fn passes(&self) -> bool {
        matches!(self, Self::Store(StoreError::Busy { .. } | StoreError::Stale { .. }))
    }
}

impl From<QueueError> for ApiError {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::UnknownKind { kind, known } => Self::NoSuchKind { kind: shown(&kind), known },
            other => Self::Queue(other),
        }
    }
}

fn irrevocable(bound: &Irrevocable) -> FieldError {
    let detail = format!("{} licenses are held and can never be taken back", bound.licenses);
    FieldError { field: bound.key.to_string(), detail }
}

/// The first few numbers of a list.
fn listed(jobs: &[JobId]) -> String {
    let named: Vec<String> = jobs.iter().take(5).map(JobId::to_string).collect();
    let more = if jobs.len() > named.len() { " and more" } else { "" };
    format!("{}{more}", named.join(", "))
}

fn token_file_code(why: &TokenFileError) -> &'static str {
    match why {
        TokenFileError::TooLarge => "token_too_large",
        TokenFileError::NotBase64 => "token_not_base64",
        TokenFileError::NotJson => "token_not_json",
        TokenFileError::FieldMissing(_) => "token_field_missing",
        TokenFileError::DateUnreadable => "token_date_unreadable",
        TokenFileError::Expired(_) => "token_expired",
    }
}

/// A token for another location contradicts what is here; all else is wrong with the new token itself.
fn renewal_status(code: &str) -> StatusCode {
    if code == "token_of_other_location" { StatusCode::CONFLICT } else { StatusCode::UNPROCESSABLE_ENTITY }
}
