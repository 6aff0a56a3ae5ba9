//! The endpoints of Apple's API that are used, and what each is for.

use std::fmt;

use russet_domain::event::EventKind;

/// One of Apple's endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// What Apple allows; needs no token:
    /// <https://developer.apple.com/documentation/devicemanagement/service-config>.
    ServiceConfig,
    /// Who has the location:
    /// <https://developer.apple.com/documentation/devicemanagement/client-config-71glv>.
    ClientConfig,
    /// Claims the location, subscribes to notifications:
    /// <https://developer.apple.com/documentation/devicemanagement/client-config-4szk1>.
    SetClientConfig,
    /// The location's products:
    /// <https://developer.apple.com/documentation/devicemanagement/get-assets-4ski1>.
    Assets,
    /// Who holds what:
    /// <https://developer.apple.com/documentation/devicemanagement/get-assignments-9wv1e>.
    Assignments,
    /// Gives licenses out:
    /// <https://developer.apple.com/documentation/devicemanagement/associate-assets>.
    Associate,
    /// Takes licenses back:
    /// <https://developer.apple.com/documentation/devicemanagement/disassociate-assets>.
    Disassociate,
    /// Takes everything back from some holders:
    /// <https://developer.apple.com/documentation/devicemanagement/revoke-assets>.
    Revoke,
    /// The users of the location:
    /// <https://developer.apple.com/documentation/devicemanagement/get-users-4mwln>.
    Users,
    /// Registers users:
    /// <https://developer.apple.com/documentation/devicemanagement/create-users>.
    CreateUsers,
    /// Changes users:
    /// <https://developer.apple.com/documentation/devicemanagement/managing-users>.
    UpdateUsers,
    /// Retires users:
    /// <https://developer.apple.com/documentation/devicemanagement/managing-users>.
    RetireUsers,
    /// How an event stands:
    /// <https://developer.apple.com/documentation/devicemanagement/events-status>.
    Status,
}

impl Endpoint {
    /// The path below the base address.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::ServiceConfig => "/service/config",
            Self::ClientConfig | Self::SetClientConfig => "/client/config",
            Self::Assets => "/assets",
            Self::Assignments => "/assignments",
            Self::Associate => "/assets/associate",
            Self::Disassociate => "/assets/disassociate",
            Self::Revoke => "/assets/revoke",
            Self::Users => "/users",
            Self::CreateUsers => "/users/create",
            Self::UpdateUsers => "/users/update",
            Self::RetireUsers => "/users/retire",
            Self::Status => "/status",
        }
    }

    /// Whether it changes something at Apple, and so needs a token that may write.
    #[must_use]
    pub fn is_write(self) -> bool {
        match self {
            Self::SetClientConfig
            | Self::Associate
            | Self::Disassociate
            | Self::Revoke
            | Self::CreateUsers
            | Self::UpdateUsers
            | Self::RetireUsers => true,
            Self::ServiceConfig
            | Self::ClientConfig
            | Self::Assets
            | Self::Assignments
            | Self::Users
            | Self::Status => false,
        }
    }

    /// The kind of event that a request begins, whose id is in the reply. A lost reply of these must be read back.
    ///
    /// The others may be repeated: reading changes nothing, and setting the client configuration twice is as once.
    #[must_use]
    pub fn begins(self) -> Option<EventKind> {
        match self {
            Self::Associate => Some(EventKind::Associate),
            Self::Disassociate => Some(EventKind::Disassociate),
            Self::Revoke => Some(EventKind::Revoke),
            Self::CreateUsers => Some(EventKind::Create),
            Self::UpdateUsers => Some(EventKind::Update),
            Self::RetireUsers => Some(EventKind::Retire),
            Self::ServiceConfig
            | Self::ClientConfig
            | Self::SetClientConfig
            | Self::Assets
            | Self::Assignments
            | Self::Users
            | Self::Status => None,
        }
    }

    /// What is being attempted, for a sentence such as "Apple refused to …".
    #[must_use]
    pub fn aim(self) -> &'static str {
        match self {
            Self::ServiceConfig => "tell its service configuration",
            Self::ClientConfig => "tell the location's client configuration",
            Self::SetClientConfig => "set the location's client configuration",
            Self::Assets => "list the location's assets",
            Self::Assignments => "list the location's assignments",
            Self::Associate => "assign licenses",
            Self::Disassociate => "take licenses back",
            Self::Revoke => "take all licenses of some holders back",
            Self::Users => "list the location's users",
            Self::CreateUsers => "register users",
            Self::UpdateUsers => "change users",
            Self::RetireUsers => "retire users",
            Self::Status => "tell how an event stands",
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.is_write() { "POST" } else { "GET" }, self.path())
    }
}
