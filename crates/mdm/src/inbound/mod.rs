//! What MDM servers tell by webhook, or when they are asked, read into one shape for all of them.

mod envelope;
mod generic;
mod payload;
mod status;

use russet_domain::connector::ConnectorKind;
use russet_domain::directory::Platform;
use russet_domain::install::Answer;

pub(crate) use status::declared;
pub use status::{Declared, ToldApp};

/// Something that a server told of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What the server calls the device.
    pub enrollment_id: String,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The device has begun to enroll, and said which it is.
    Enrolling(DeviceFacts),
    /// The device is managed, or has renewed how it is reached.
    Enrolled,
    /// The device is managed no more.
    Unenrolled,
    /// The device was there, and had nothing to say.
    Seen,
    /// It answered a command.
    Answered(Box<Answered>),
    /// It told of its declared apps.
    Declared(Declared),
    /// Something that has nothing to do with apps, in the server's word.
    Other(String),
}

/// A device's answer to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The command's name.
    pub command_uuid: String,
    /// What it said.
    pub answer: Answer,
    /// Its error in words, if there was one.
    pub detail: Option<String>,
    /// What it knows the app by that it was to install.
    pub bundle_id: Option<String>,
    /// Its managed apps, all of them, if that was asked.
    pub apps: Option<Vec<App>>,
    /// What it said of itself, if that was asked.
    pub facts: Option<DeviceFacts>,
}

/// A managed app as a device reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// What devices know it by.
    pub bundle_id: String,
    /// Apple's word for how it stands.
    pub status: String,
    /// Apple's external version id, where the system tells it.
    pub version: Option<i64>,
    /// The version that people read.
    pub shown: Option<String>,
}

/// What a device says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceFacts {
    /// Its serial number; a person's own device under User Enrollment tells none.
    pub serial: Option<String>,
    /// Its platform.
    pub platform: Option<Platform>,
    /// Its system's version.
    pub os_version: Option<String>,
    /// Its time zone, an IANA name.
    pub time_zone: Option<String>,
    /// Whether it is supervised.
    pub supervised: Option<bool>,
}

/// Why a message cannot be read, in words for whoever looks after the server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

impl Unreadable {
    fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// The most events of one message that are read; one that holds more is refused as a whole.
pub const EVENTS_MAX: usize = 10_000;

/// Reads a message as it came.
///
/// # Errors
/// When it is not what a server of this kind sends.
pub fn read(kind: ConnectorKind, body: &[u8]) -> Result<Vec<Event>, Unreadable> {
    match kind {
        ConnectorKind::Nanomdm | ConnectorKind::Nanohub | ConnectorKind::Micromdm => {
            envelope::read(body).map(|event| vec![event])
        }
        ConnectorKind::Webhook => generic::read(body),
        ConnectorKind::Fleet => Err(Unreadable::new("Fleet is asked; none of its webhooks are read")),
    }
}

/// Reads what a device answered to a command, as the server keeps it: the device's own words, in base64.
///
/// # Errors
/// When they are no property list.
pub(crate) fn answer(command_uuid: &str, status: &str, result: &str) -> Result<Answered, Unreadable> {
    let read = payload::answer(status, &envelope::decoded("result", result)?)?;
    Ok(Answered { command_uuid: command_uuid.to_owned(), ..read })
}

/// The platform of a model, such as `iPhone14,5`, or of a name such as `iPad`.
fn platform(model: &str) -> Option<Platform> {
    const BEGINNINGS: [(&str, Platform); 8] = [
        ("iPhone", Platform::Ios),
        ("iPod", Platform::Ios),
        ("iPad", Platform::Ipados),
        ("Mac", Platform::Macos),
        ("iMac", Platform::Macos),
        ("VirtualMac", Platform::Macos),
        ("AppleTV", Platform::Tvos),
        ("RealityDevice", Platform::Visionos),
    ];
    BEGINNINGS.iter().find(|(beginning, _)| model.starts_with(beginning)).map(|(_, platform)| *platform)
}
