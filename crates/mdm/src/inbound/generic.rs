//! What any other server tells: a list of events in plain JSON. `docs/mdm.md` is its documentation.

use russet_domain::directory::Platform;
use russet_domain::install::{Answer, Rejection};
use serde::Deserialize;

use super::{Answered, App, DeviceFacts, EVENTS_MAX, Event, Unreadable, What};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    events: Vec<Told>,
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
enum Told {
    Enrolled {
        enrollment_id: String,
        #[serde(default)]
        serial: Option<String>,
        #[serde(default)]
        platform: Option<String>,
        #[serde(default)]
        os_version: Option<String>,
        #[serde(default)]
        time_zone: Option<String>,
        #[serde(default)]
        supervised: Option<bool>,
    },
    Unenrolled {
        enrollment_id: String,
    },
    Seen {
        enrollment_id: String,
    },
    Result {
        enrollment_id: String,
        command_uuid: String,
        status: Status,
        #[serde(default)]
        error_numbers: Vec<i64>,
        #[serde(default)]
        detail: Option<String>,
        #[serde(default)]
        rejection: Option<String>,
        #[serde(default)]
        bundle_id: Option<String>,
    },
    Apps {
        enrollment_id: String,
        apps: Vec<ToldApp>,
        #[serde(default)]
        command_uuid: Option<String>,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Acknowledged,
    Error,
    NotNow,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToldApp {
    bundle_id: String,
    #[serde(default)]
    external_version: Option<i64>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    status: Option<String>,
}

pub(super) fn read(body: &[u8]) -> Result<Vec<Event>, Unreadable> {
    let body: Body = serde_json::from_slice(body).map_err(|error| {
        Unreadable::new(format!("it is not {{\"events\": […]}} as the documentation says: {error}"))
    })?;
    if body.events.len() > EVENTS_MAX {
        return Err(Unreadable::new(format!("it holds more than {EVENTS_MAX} events; send several")));
    }
    body.events.into_iter().map(event).collect()
}

fn event(told: Told) -> Result<Event, Unreadable> {
    let (enrollment_id, what) = match told {
        Told::Enrolled { enrollment_id, serial, platform, os_version, time_zone, supervised } => {
            let platform = match platform {
                Some(word) => Some(Platform::from_text(&word).ok_or_else(|| {
                    Unreadable::new(format!(
                        "{word:?} is no platform; ios, ipados, macos, tvos, visionos and watchos are"
                    ))
                })?),
                None => None,
            };
            (
                enrollment_id,
                What::Enrolling(DeviceFacts { serial, platform, os_version, time_zone, supervised }),
            )
        }
        Told::Unenrolled { enrollment_id } => (enrollment_id, What::Unenrolled),
        Told::Seen { enrollment_id } => (enrollment_id, What::Seen),
        Told::Result { enrollment_id, command_uuid, status, error_numbers, detail, rejection, bundle_id } => {
            let answer = match status {
                Status::Acknowledged => {
                    Answer::Acknowledged { rejection: rejection.map(|word| Rejection::from_text(&word)) }
                }
                Status::Error => Answer::Error { numbers: error_numbers },
                Status::NotNow => Answer::NotNow,
            };
            let answered = Answered { command_uuid, answer, detail, bundle_id, apps: None, facts: None };
            (enrollment_id, What::Answered(Box::new(answered)))
        }
        Told::Apps { enrollment_id, apps, command_uuid } => {
            let answered = Answered {
                command_uuid: command_uuid.unwrap_or_default(),
                answer: Answer::Acknowledged { rejection: None },
                detail: None,
                bundle_id: None,
                apps: Some(apps.into_iter().map(app).collect()),
                facts: None,
            };
            (enrollment_id, What::Answered(Box::new(answered)))
        }
    };
    if enrollment_id.is_empty() {
        return Err(Unreadable::new("an event has an empty enrollment_id"));
    }
    Ok(Event { enrollment_id, what })
}

fn app(told: ToldApp) -> App {
    App {
        bundle_id: told.bundle_id,
        status: told.status.unwrap_or_else(|| "Managed".to_owned()),
        version: told.external_version.filter(|version| *version > 0),
        shown: told.version,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_every_kind_are_read() {
        let body = br#"{"events":[
            {"event":"enrolled","enrollment_id":"E","serial":"S","platform":"macos","time_zone":"Europe/Amsterdam"},
            {"event":"result","enrollment_id":"E","command_uuid":"c","status":"error","error_numbers":[9610]},
            {"event":"apps","enrollment_id":"E","apps":[{"bundle_id":"com.a","external_version":7}]},
            {"event":"seen","enrollment_id":"E"},{"event":"unenrolled","enrollment_id":"E"}]}"#;
        let events = read(body).unwrap();
        assert_eq!(events.len(), 5);
        assert!(matches!(&events[0].what, What::Enrolling(facts) if facts.platform == Some(Platform::Macos)));
        assert!(
            matches!(&events[1].what, What::Answered(said) if said.answer == Answer::Error { numbers: vec![9_610] })
        );
        assert!(
            matches!(&events[2].what, What::Answered(said) if said.apps.as_ref().unwrap()[0].version == Some(7))
        );
        assert_eq!((&events[3].what, &events[4].what), (&What::Seen, &What::Unenrolled));
    }

    #[test]
    fn a_field_that_is_not_known_is_named() {
        let error = read(br#"{"events":[{"event":"seen","enrollment_id":"E","sirial":"x"}]}"#).unwrap_err();
        assert!(error.to_string().contains("sirial"), "{error}");
        assert!(read(br#"{"events":[{"event":"seen","enrollment_id":""}]}"#).is_err());
    }
}
