//! MDM servers: the connectors to them, what they tell, and what devices are to install.

mod bodies;
pub(crate) mod connectors;
mod declarations;
pub(crate) mod device_apps;
pub(crate) mod gate;
pub(crate) mod installs;
pub(crate) mod rollouts;
pub(crate) mod updates;
mod view;
pub(crate) mod webhook;

pub(crate) use updates::PushUpdateJob;
