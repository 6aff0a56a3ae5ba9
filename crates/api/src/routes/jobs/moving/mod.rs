//! Moving licenses from users to their devices: what a client sends, what becomes of it, and a look at it beforehand.

mod bodies;
pub(crate) mod confirm;
pub(crate) mod list;
mod plan;
pub(crate) mod preview;
mod submit;
mod wanted;

pub(crate) use bodies::{CallbackBody, MoveToDevicesJob};
pub(super) use submit::write;
pub(super) use wanted::Wanted;
pub(crate) use wanted::read_address;
