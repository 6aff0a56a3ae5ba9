//! The endpoints by their names and paths.

/// An endpoint of the API. `GET` and `POST` of `client/config` are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    ServiceConfig,
    ClientConfig,
    Assets,
    Assignments,
    Associate,
    Disassociate,
    Revoke,
    Users,
    Status,
    CreateUsers,
    UpdateUsers,
    RetireUsers,
}

/// Which methods an endpoint takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Methods {
    Get,
    Post,
    Both,
}

impl Endpoint {
    /// In the order of their numbers, which the ledger counts by.
    pub(crate) const ALL: [Self; 12] = [
        Self::ServiceConfig,
        Self::ClientConfig,
        Self::Assets,
        Self::Assignments,
        Self::Associate,
        Self::Disassociate,
        Self::Revoke,
        Self::Users,
        Self::Status,
        Self::CreateUsers,
        Self::UpdateUsers,
        Self::RetireUsers,
    ];

    /// The path behind `/mdm/v2/`.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::ServiceConfig => "service/config",
            Self::ClientConfig => "client/config",
            Self::Assets => "assets",
            Self::Assignments => "assignments",
            Self::Associate => "assets/associate",
            Self::Disassociate => "assets/disassociate",
            Self::Revoke => "assets/revoke",
            Self::Users => "users",
            Self::Status => "status",
            Self::CreateUsers => "users/create",
            Self::UpdateUsers => "users/update",
            Self::RetireUsers => "users/retire",
        }
    }

    pub(crate) fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|endpoint| endpoint.path() == path)
    }

    /// The name in the ledger and in faults.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ServiceConfig => "service_config",
            Self::ClientConfig => "client_config",
            Self::Assets => "assets",
            Self::Assignments => "assignments",
            Self::Associate => "associate",
            Self::Disassociate => "disassociate",
            Self::Revoke => "revoke",
            Self::Users => "users",
            Self::Status => "status",
            Self::CreateUsers => "create_users",
            Self::UpdateUsers => "update_users",
            Self::RetireUsers => "retire_users",
        }
    }

    pub(crate) fn methods(self) -> Methods {
        match self {
            Self::ServiceConfig | Self::Assets | Self::Assignments | Self::Users | Self::Status => {
                Methods::Get
            }
            Self::Associate
            | Self::Disassociate
            | Self::Revoke
            | Self::CreateUsers
            | Self::UpdateUsers
            | Self::RetireUsers => Methods::Post,
            Self::ClientConfig => Methods::Both,
        }
    }

    /// Whether it gives or takes licenses.
    pub(crate) fn moves_licenses(self) -> bool {
        matches!(self, Self::Associate | Self::Disassociate | Self::Revoke)
    }

    /// Whether it answers in pages, of which only five may be asked for at the same time.
    pub(crate) fn is_paged(self) -> bool {
        matches!(self, Self::Assets | Self::Assignments | Self::Users)
    }
}
