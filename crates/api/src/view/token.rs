//! A token as clients see it: never its secrets.

use russet_domain::apple_error;
use russet_domain::token::MdmInfo;
use russet_store::take_overs::TakeOver;
use russet_store::tokens::{Registration, Token};
use serde::Serialize;
use utoipa::ToSchema;

use crate::time;

/// A content token, and with it one location at Apple.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token)]
pub(crate) struct TokenView {
    /// Its number.
    id: i64,
    /// The administrator's label.
    name: String,
    /// What it is good for at the moment.
    #[schema(value_type = TokenStateName)]
    state: &'static str,
    /// What the state means and what to do.
    state_detail: String,
    /// Stable name of why it is in that state, where an answer of Apple's put it there.
    state_code: Option<String>,
    /// Since when it is in that state.
    state_since: Option<String>,
    /// The organization, as the token's file says.
    org_name: String,
    /// What the token opens; null until Apple was asked.
    location: Option<LocationView>,
    /// The store's country as a person set it.
    country: Option<String>,
    /// `business` or `education`.
    account_type: String,
    /// Whether apps are to be updated without being asked.
    auto_update: bool,
    /// Whether an order waits to take the location from another MDM server. It is good for once.
    take_over: bool,
    /// When the location was handed over, or that began; null when it was not, or was taken again.
    handed_over_at: Option<String>,
    /// From whom the location was taken, the newest first, at most 20; only when a single token is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    take_overs: Option<Vec<TakeOverView>>,
    /// Other tokens here that open the same location, the oldest first: that one is synced, and when it is removed the
    /// next takes its place. Only when a single token is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    same_location: Option<Vec<SiblingView>>,
    /// The Managed Apple Account that the token belongs to.
    apple_id: Option<String>,
    /// When its year is over, RFC 3339.
    expires_at: String,
    /// When it is synced by itself: `default`, as all are; `never`; or its own cron expression.
    sync_schedule: String,
    /// Who agreed, and when, to user and device data being sent to Apple.
    consent: ConsentView,
    /// The other MDM server that has claimed the location.
    other_mdm: Option<OtherMdmView>,
    /// Whether Apple tells us what happens.
    notifications: NotificationsView,
    /// The last reading of its assets and licenses; null when there was none.
    last_sync: Option<LastSyncView>,
    /// Whether it is about to be removed, once its licenses are back.
    removing: bool,
    /// Whether a renewal waits for Apple's verdict.
    renewal_pending: bool,
    /// When it was uploaded.
    created_at: String,
    /// When anything of it last changed.
    updated_at: String,
}

/// A token's states.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "documents the words")]
pub(crate) enum TokenStateName {
    New,
    Valid,
    ExpiresSoon,
    Expired,
    Invalid,
    Duplicate,
    AssignedToExternalMdm,
    ReadOnly,
    Legacy,
    HandedOver,
}

/// A location taken from another MDM server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TakeOver)]
pub(crate) struct TakeOverView {
    /// The job that ordered it.
    job: i64,
    /// Who had the location before.
    taken_from: OtherMdmView,
    /// Who ordered it: the API key's number and name.
    ordered_by: String,
    /// When it was ordered.
    ordered_at: String,
    /// When Apple showed that the location is ours; null when it never did.
    taken_at: Option<String>,
}

/// Another token of the same location.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Sibling)]
pub(crate) struct SiblingView {
    /// Its number.
    pub(crate) id: i64,
    /// Its label.
    name: String,
    /// What it is good for.
    #[schema(value_type = TokenStateName)]
    state: &'static str,
}

impl From<TakeOver> for TakeOverView {
    fn from(taken: TakeOver) -> Self {
        Self {
            job: taken.job.0,
            taken_from: taken.other.into(),
            ordered_by: taken.ordered_by,
            ordered_at: time::text(taken.ordered_at),
            taken_at: taken.taken_at.map(time::text),
        }
    }
}

impl From<Token> for SiblingView {
    fn from(token: Token) -> Self {
        Self { id: token.id.0, name: token.name, state: token.state.as_str() }
    }
}

impl From<MdmInfo> for OtherMdmView {
    fn from(mdm: MdmInfo) -> Self {
        Self { id: mdm.id, name: mdm.name, metadata: mdm.metadata }
    }
}

impl TokenView {
    /// The same with what only a single token is shown with.
    pub(crate) fn with(mut self, taken: Vec<TakeOver>, siblings: Vec<Token>) -> Self {
        self.take_overs = Some(taken.into_iter().map(TakeOverView::from).collect());
        self.same_location = Some(siblings.into_iter().map(SiblingView::from).collect());
        self
    }
}

/// A location at Apple.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Location)]
pub(crate) struct LocationView {
    /// Apple's id.
    uid: String,
    /// Apple's name.
    name: Option<String>,
    /// The store's country, as Apple says.
    country: Option<String>,
}

/// An agreement.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Consent)]
pub(crate) struct ConsentView {
    /// When.
    at: String,
    /// Who: the API key's number and name.
    by: String,
    /// To which version of the text.
    version: u32,
}

/// Another MDM server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OtherMdm)]
pub(crate) struct OtherMdmView {
    /// Its identity.
    id: String,
    /// Its name.
    name: String,
    /// Its remark.
    metadata: String,
}

/// Apple's notifications.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Notifications)]
pub(crate) struct NotificationsView {
    /// Whether Apple was told where to send them; otherwise it is polled.
    registered: bool,
    /// Where.
    url: Option<String>,
    /// What Apple was told to send, in its words.
    types: Vec<String>,
    /// When it was last compared with what Apple has.
    checked_at: Option<String>,
    /// Since when Apple has the secret that it sends along.
    secret_at: Option<String>,
    /// Whether a new secret is on its way to Apple; both are taken then.
    rotating: bool,
    /// When somebody last called with another secret.
    refused_at: Option<String>,
    /// Why Apple does not take the address, or did not take it the last time.
    error: Option<NotificationsErrorView>,
}

/// Why Apple does not send notifications.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NotificationsError)]
pub(crate) struct NotificationsErrorView {
    /// Stable name.
    code: String,
    /// What it means and what to do.
    detail: &'static str,
}

impl NotificationsView {
    fn new(url: Option<String>, registration: Registration) -> Self {
        Self {
            registered: url.is_some(),
            url,
            types: registration.types,
            checked_at: registration.checked_at.map(time::text),
            secret_at: registration.secret_at.map(time::text),
            rotating: registration.rotating,
            refused_at: registration.refused_at.map(time::text),
            error: registration
                .error
                .map(|code| NotificationsErrorView { detail: apple_error::sentence(&code), code }),
        }
    }
}

/// A reading of assets and licenses.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LastSync)]
pub(crate) struct LastSyncView {
    /// When it began or ended, whichever was later.
    at: String,
    /// `in_progress`, `completed` or `failed`.
    state: &'static str,
    /// Why it failed.
    error: Option<String>,
}

impl From<Token> for TokenView {
    fn from(token: Token) -> Self {
        // A reason is a whole sentence that says more than the state's own.
        let state_detail = token.state_reason.unwrap_or_else(|| token.state.sentence().to_owned());
        let (state, error) = (token.last_sync_state.as_str(), token.last_sync_error);
        Self {
            id: token.id.0,
            name: token.name,
            state: token.state.as_str(),
            state_detail,
            state_code: token.state_code,
            state_since: token.state_since.map(time::text),
            org_name: token.org_name,
            location: token.uid.map(|uid| LocationView {
                uid,
                name: token.location_name,
                country: token.apple_country,
            }),
            country: token.country,
            account_type: token.account_type,
            auto_update: token.auto_update,
            take_over: token.take_over,
            handed_over_at: token.handed_over_at.map(time::text),
            take_overs: None,
            same_location: None,
            apple_id: token.apple_id,
            expires_at: time::text(token.expires_at),
            sync_schedule: token.sync_schedule.as_str().to_owned(),
            consent: ConsentView {
                at: time::text(token.consent_at),
                by: token.consent_by,
                version: token.consent_version,
            },
            other_mdm: token.other_mdm.map(OtherMdmView::from),
            notifications: NotificationsView::new(token.notification_url, token.registration),
            last_sync: token.last_sync_at.map(|at| LastSyncView { at: time::text(at), state, error }),
            removing: token.removing,
            renewal_pending: token.pending.is_some(),
            created_at: time::text(token.created_at),
            updated_at: time::text(token.updated_at),
        }
    }
}
