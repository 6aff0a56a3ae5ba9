//! What clients see of tokens, jobs, changes, assets, licenses and the queue; converted by hand, so that a change inside
//! does not change an answer unnoticed.

mod app;
mod asset;
mod assignment;
mod change;
mod explanation;
mod job;
mod license;
mod lint;
mod moving;
mod notification;
mod queue;
mod token;
mod user;
mod why;

pub(crate) use app::{AppDetailView, AppView, FactsView, PLATFORMS, VersionView};
pub(crate) use asset::AssetView;
pub(crate) use assignment::AssignmentView;
pub(crate) use change::ChangeView;
pub(crate) use explanation::ExplanationView;
pub(crate) use job::{JobView, SyncView};
pub(crate) use license::{LicenseView, serial_and_user};
pub(crate) use lint::LintView;
pub(crate) use moving::{MoveView, MovesView};
pub(crate) use notification::{NotificationTestView, NotificationView, WholeNotificationView};
pub(crate) use queue::{DeadView, KindView, RunningView, WorkerView};
pub(crate) use token::{SiblingView, TokenView};
pub(crate) use user::{HeldView, JobUserView, STATUSES, UserView};
pub(crate) use why::WhyView;
