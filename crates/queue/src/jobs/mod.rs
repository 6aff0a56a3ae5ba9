//! The kinds of messages, one a file, and the one enum that holds any of them.

mod apply_changes;
mod apply_users;
mod check_event;
mod claim_token;
mod hand_over_token;
mod move_licenses;
mod open_gates;
mod payload;
mod push_updates;
mod read_mdm_messages;
mod read_notifications;
mod reconcile;
mod recount_assets;
mod refresh_catalog;
mod refresh_limits;
mod register_notifications;
mod remove_token;
mod renew_token;
mod send_commands;
mod sweep;
mod sync_token;

pub use apply_changes::ApplyChanges;
pub use apply_users::ApplyUsers;
pub use check_event::CheckEvent;
pub use claim_token::ClaimToken;
pub use hand_over_token::HandOverToken;
pub use move_licenses::MoveLicenses;
pub use open_gates::OpenGates;
pub use push_updates::PushUpdates;
pub use read_mdm_messages::ReadMdmMessages;
pub use read_notifications::ReadNotifications;
pub use reconcile::Reconcile;
pub use recount_assets::RecountAssets;
pub use refresh_catalog::RefreshCatalog;
pub use refresh_limits::RefreshLimits;
pub use register_notifications::RegisterNotifications;
pub use remove_token::RemoveToken;
pub use renew_token::RenewToken;
pub use send_commands::SendCommands;
pub use sweep::Sweep;
pub use sync_token::SyncToken;

use crate::{Job, Unreadable};

/// Kinds that had another name once, the old one first. Workers take messages of both names, so that what waits while
/// programs are replaced is not stranded; an entry may go when no program that pushes the old name is in use any more.
pub(crate) const RENAMED: &[(&str, &str)] = &[
    // None so far; the tests need one.
    #[cfg(test)]
    ("sync_location", "sync_token"),
];

/// The name that a kind has today.
fn current(kind: &str) -> &str {
    RENAMED.iter().find(|(old, _)| *old == kind).map_or(kind, |(_, new)| new)
}

/// Says once which kinds there are, so that a kind cannot be known in one place and forgotten in another.
macro_rules! kinds {
    ($($name:ident),* $(,)?) => {
        /// A message of any kind, so that whoever handles them must think of each.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum AnyJob {
            $(#[doc = concat!("See [`", stringify!($name), "`].")] $name($name),)*
        }

        impl AnyJob {
            /// Every kind this program knows.
            pub const KINDS: &'static [&'static str] = &[$($name::KIND),*];

            /// The kind's name.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self { $(Self::$name(_) => $name::KIND,)* }
            }

            /// What the message is about.
            #[must_use]
            pub fn key(&self) -> String {
                match self { $(Self::$name(job) => job.key(),)* }
            }

            /// Whether messages of this kind call Apple as the token that their key begins with.
            #[must_use]
            pub fn is_paced(kind: &str) -> bool {
                match current(kind) {
                    $($name::KIND => $name::PACED,)*
                    _ => false,
                }
            }

            /// Reads the payload of a message of kind `kind`, which may be a name from before the kind was renamed.
            ///
            /// # Errors
            ///
            /// [`Unreadable`] for a kind that is not in [`Self::KINDS`] or a payload its kind cannot read.
            pub fn read(kind: &str, payload: &str) -> Result<Self, Unreadable> {
                match current(kind) {
                    $($name::KIND => $name::read(payload).map(Self::$name),)*
                    _ => Err(Unreadable { why: format!("no kind is called {kind:?}") }),
                }
            }
        }
    };
}

kinds!(
    ClaimToken,
    SyncToken,
    ApplyChanges,
    ApplyUsers,
    CheckEvent,
    ReadNotifications,
    MoveLicenses,
    OpenGates,
    PushUpdates,
    ReadMdmMessages,
    SendCommands,
    RemoveToken,
    RenewToken,
    RegisterNotifications,
    RecountAssets,
    HandOverToken,
    Reconcile,
    RefreshLimits,
    RefreshCatalog,
    Sweep,
);

#[cfg(test)]
mod tests {
    use super::*;
    use russet_domain::{ConnectorId, JobId, RequestId, TokenId};

    #[test]
    fn every_kind_reads_back_what_it_writes() {
        let token = TokenId(7);
        let check = |kind: &str, payload: String, wanted: AnyJob| {
            assert_eq!(AnyJob::read(kind, &payload).unwrap(), wanted);
            assert_eq!(wanted.kind(), kind);
        };
        let job = ClaimToken { token };
        check("claim_token", job.payload(), AnyJob::ClaimToken(job));
        let job = SyncToken { token };
        check("sync_token", job.payload(), AnyJob::SyncToken(job));
        let job = ApplyChanges { token };
        check("apply_changes", job.payload(), AnyJob::ApplyChanges(job));
        let job = ApplyUsers { token };
        check("apply_users", job.payload(), AnyJob::ApplyUsers(job));
        let job = CheckEvent { token, request: RequestId(9) };
        check("check_event", job.payload(), AnyJob::CheckEvent(job));
        let job = ReadNotifications { token };
        check("read_notification", job.payload(), AnyJob::ReadNotifications(job));
        let job = MoveLicenses { job: JobId(11) };
        check("move_licenses", job.payload(), AnyJob::MoveLicenses(job));
        let job = RemoveToken { token };
        check("remove_token", job.payload(), AnyJob::RemoveToken(job));
        let job = RenewToken { token };
        check("renew_token", job.payload(), AnyJob::RenewToken(job));
        let job = RegisterNotifications { token };
        check("register_notifications", job.payload(), AnyJob::RegisterNotifications(job));
        let job = RecountAssets { token };
        check("recount_assets", job.payload(), AnyJob::RecountAssets(job));
        let job = HandOverToken { token };
        check("hand_over_token", job.payload(), AnyJob::HandOverToken(job));
        check("reconcile", Reconcile.payload(), AnyJob::Reconcile(Reconcile));
        check("refresh_limits", RefreshLimits.payload(), AnyJob::RefreshLimits(RefreshLimits));
        let job = RefreshCatalog { country: "NL".to_owned(), account_type: "business".to_owned() };
        check("refresh_catalog", job.payload(), AnyJob::RefreshCatalog(job.clone()));
        assert_eq!(job.key(), "NL.business");
        check("open_gates", OpenGates { token }.payload(), AnyJob::OpenGates(OpenGates { token }));
        check("push_update", PushUpdates { token }.payload(), AnyJob::PushUpdates(PushUpdates { token }));
        let connector = ConnectorId(13);
        let job = ReadMdmMessages { connector };
        check("read_mdm_message", job.payload(), AnyJob::ReadMdmMessages(job));
        let job = SendCommands { connector };
        check("send_commands", job.payload(), AnyJob::SendCommands(job));
        check("sweep", Sweep.payload(), AnyJob::Sweep(Sweep));
    }

    #[test]
    fn a_field_added_later_may_be_missing() {
        let job = CheckEvent::read(r#"{"v":1,"request":9}"#).unwrap();
        assert_eq!(job, CheckEvent { token: TokenId(0), request: RequestId(9) });
    }

    #[test]
    fn a_kind_is_read_under_its_old_name_too() {
        let job = SyncToken { token: TokenId(7) };
        assert_eq!(AnyJob::read("sync_location", &job.payload()).unwrap(), AnyJob::SyncToken(job));
        assert!(AnyJob::is_paced("sync_location") && !AnyJob::is_paced("sweep") && !AnyJob::is_paced("none"));
    }

    #[test]
    fn a_payload_of_a_later_version_is_unreadable_and_says_so() {
        let error = SyncToken::read(r#"{"v":2,"token":7}"#).unwrap_err();
        assert!(error.to_string().contains("version 2"), "{error}");
    }

    #[test]
    fn a_field_added_later_is_not_in_the_way() {
        assert_eq!(SyncToken::read(r#"{"v":1,"token":7,"mode":"full"}"#).unwrap().token, TokenId(7));
    }

    #[test]
    fn nonsense_is_unreadable() {
        for payload in ["", "7", "{}", r#"{"v":1}"#, r#"{"v":1,"token":"seven"}"#] {
            assert!(SyncToken::read(payload).is_err(), "{payload}");
        }
    }
}
