//! What somebody can order to go wrong, as `POST /_sim/faults` takes it.

use serde::{Deserialize, Serialize};

use crate::apple::endpoint::Endpoint;
use crate::catalog::service::Service;

/// One ordered fault.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultOrder {
    pub(crate) on: On,
    pub(crate) what: What,
    /// How often it strikes; without it, until it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) times: Option<u64>,
    /// How likely it strikes each time; without it, always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) probability: Option<f64>,
}

/// Where a fault strikes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct On {
    pub(crate) endpoint: Target,
    /// Only for this location.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) uid: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    ServiceConfig,
    ClientConfig,
    Assets,
    Assignments,
    Associate,
    Disassociate,
    Revoke,
    Status,
    Users,
    CreateUsers,
    UpdateUsers,
    RetireUsers,
    AnyWrite,
    Any,
    Notifications,
    /// The metadata service for organizations.
    Catalog,
    /// The older lookup of metadata.
    Lookup,
}

impl Target {
    pub(crate) fn is_request(self, endpoint: Endpoint, is_write: bool) -> bool {
        match self {
            Self::ServiceConfig => endpoint == Endpoint::ServiceConfig,
            Self::ClientConfig => endpoint == Endpoint::ClientConfig,
            Self::Assets => endpoint == Endpoint::Assets,
            Self::Assignments => endpoint == Endpoint::Assignments,
            Self::Associate => endpoint == Endpoint::Associate,
            Self::Disassociate => endpoint == Endpoint::Disassociate,
            Self::Revoke => endpoint == Endpoint::Revoke,
            Self::Status => endpoint == Endpoint::Status,
            Self::Users => endpoint == Endpoint::Users,
            Self::CreateUsers => endpoint == Endpoint::CreateUsers,
            Self::UpdateUsers => endpoint == Endpoint::UpdateUsers,
            Self::RetireUsers => endpoint == Endpoint::RetireUsers,
            Self::AnyWrite => is_write,
            Self::Any => true,
            Self::Notifications | Self::Catalog | Self::Lookup => false,
        }
    }

    /// Whether it is a request for metadata. `any` is any endpoint of the management API alone.
    pub(crate) fn is_store(self, service: Service) -> bool {
        match self {
            Self::Catalog => service != Service::Lookup,
            Self::Lookup => service == Service::Lookup,
            _ => false,
        }
    }

    fn makes_events(self) -> bool {
        match self {
            Self::Associate
            | Self::Disassociate
            | Self::Revoke
            | Self::CreateUsers
            | Self::UpdateUsers
            | Self::RetireUsers
            | Self::AnyWrite
            | Self::Any => true,
            Self::ServiceConfig
            | Self::ClientConfig
            | Self::Assets
            | Self::Assignments
            | Self::Status
            | Self::Users
            | Self::Notifications
            | Self::Catalog
            | Self::Lookup => false,
        }
    }
}

/// The value of a `Retry-After` header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum RetryAfter {
    /// Seconds from now.
    Seconds(u64),
    /// Any text, usually an HTTP date; it is sent as it is.
    Text(String),
    /// An HTTP date this many seconds from the time of the answer.
    DateIn { date_in_s: u64 },
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum What {
    /// An error answer; nothing is done.
    Status {
        status: u16,
        #[serde(default)]
        error_number: Option<u16>,
        #[serde(default)]
        error_message: Option<String>,
        #[serde(default)]
        retry_after: Option<RetryAfter>,
    },
    /// The answer takes longer.
    Latency { ms: u64 },
    /// The connection is cut and nothing is done.
    ResetBefore {},
    /// Everything is done, then the connection is cut.
    ResetAfter {},
    /// Everything is done, and the answer ends in its middle.
    Truncate {},
    /// Of every list in the answer, each nth record has this in place of a field.
    SpoilRecords { every: usize, field: String, value: serde_json::Value },
    /// A page of HTML; nothing is done.
    NotJson { status: u16 },
    /// An error in an answer with status 200; nothing is done.
    #[serde(rename = "error_in_200")]
    ErrorIn200 { error_number: u16 },
    /// No answer for so long, then the connection is cut.
    Timeout { ms: u64, processed: bool },
    /// The event stays pending until this fault is deleted.
    EventPending {},
    /// This part of the event's tasks fails.
    EventFailsInPart { fraction: f64, error_number: u16 },
    /// All tasks of the event fail.
    EventFails { error_number: u16 },
    /// The notification is never sent.
    Lost {},
    /// The notification is sent later.
    Late { ms: u64 },
    /// The notification is sent twice, with the same id.
    Doubled {},
    /// Notifications of a fifth of a second are held back and sent in reverse order.
    Reordered {},
}

impl What {
    pub(crate) fn is_for_requests(&self) -> bool {
        !self.is_for_events() && !self.is_for_notifications()
    }

    fn is_for_events(&self) -> bool {
        matches!(self, Self::EventPending {} | Self::EventFailsInPart { .. } | Self::EventFails { .. })
    }

    fn is_for_notifications(&self) -> bool {
        matches!(self, Self::Lost {} | Self::Late { .. } | Self::Doubled {} | Self::Reordered {})
    }
}

/// The longest a fault may take: an hour.
const LONGEST_MS: u64 = 3_600_000;

impl FaultOrder {
    /// Says in a sentence why this fault cannot strike, if so.
    pub(super) fn check(&self) -> Result<(), String> {
        let target = self.on.endpoint;
        if self.what.is_for_notifications() != (target == Target::Notifications) {
            return Err("lost, late, doubled and reordered go with the endpoint \"notifications\", \
                        and nothing else does"
                .to_owned());
        }
        if self.what.is_for_events() && !target.makes_events() {
            return Err("faults of events go with an endpoint that makes events: associate, disassociate, \
                        revoke, create_users, update_users, retire_users, any_write or any"
                .to_owned());
        }
        if self.times == Some(0) {
            return Err("times is 0, so the fault would never strike; leave it out for always".to_owned());
        }
        if let Some(probability) = self.probability
            && !(0.0..=1.0).contains(&probability)
        {
            return Err(format!("probability is {probability}, it must lie between 0 and 1"));
        }
        self.check_what()
    }

    fn check_what(&self) -> Result<(), String> {
        match &self.what {
            What::Status { status, .. } | What::NotJson { status } if !(200..=599).contains(status) => {
                Err(format!("status is {status}, it must lie between 200 and 599"))
            }
            What::Latency { ms } | What::Timeout { ms, .. } | What::Late { ms } if *ms > LONGEST_MS => {
                Err(format!("ms is {ms}, it must be at most {LONGEST_MS}, which is an hour"))
            }
            What::EventFailsInPart { fraction, .. } if !(0.0..=1.0).contains(fraction) => {
                Err(format!("fraction is {fraction}, it must lie between 0 and 1"))
            }
            What::SpoilRecords { every: 0, .. } => {
                Err("every is 0, it must be at least 1, which spoils all records".to_owned())
            }
            _ => Ok(()),
        }
    }
}
