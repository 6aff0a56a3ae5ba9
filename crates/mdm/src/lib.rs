//! The MDM side: sends commands to MDM servers, reads what these tell by webhook or when they are asked, and calls the addresses that users give.
//!
//! Nothing here knows a database or a queue. Every call is one request, signed, bounded in time, and never to an address
//! inside the network unless the settings allow it.

mod callbacks;
mod command;
mod configuration;
mod connector;
mod declaration;
mod error;
pub mod inbound;
mod news;
mod resolver;
mod settings;
mod signature;

pub use callbacks::{Callbacks, Told};
pub use command::{Act, Command, Install};
pub use connector::{
    Address, Asked, Connector, ConnectorError, Connectors, Declarations, Declares, DevicePage, Listed,
    Refused, Said,
};
pub use declaration::{DeclaredApp, LicenseOf};
pub use error::TellError;
pub use news::{GateApp, GateNews, MovedLicense, MovedNews, News};
pub use settings::Settings;
pub use signature::{MDM_SIGNATURE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};
