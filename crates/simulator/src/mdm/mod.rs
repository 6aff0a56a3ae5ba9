//! An MDM server that is spoken to as NanoMDM is, and the virtual devices that it manages.
//!
//! Read from NanoMDM's own code and documents (<https://github.com/micromdm/nanomdm>), with a database that refuses a command as a
//! whole: for a name that it knows, and for a device that it does not. The same devices can be reached as through NanoHUB, MicroMDM and
//! Fleet, and have declarations from a KMFDDM.

pub(crate) mod api;
pub(crate) mod ddm;
pub(crate) mod ddm_api;
pub(crate) mod declared;
pub(crate) mod device;
pub(crate) mod fleet;
pub(crate) mod fleet_api;
pub(crate) mod micromdm;
pub(crate) mod plists;
pub(crate) mod raw;
pub(crate) mod react;
pub(crate) mod webhook;

/// Below this path the server answers.
pub(crate) const PREFIX: &str = "/nanomdm";
