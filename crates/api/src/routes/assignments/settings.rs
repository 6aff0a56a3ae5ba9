//! How an app is to stand on devices, as callers say it (rule N-23).

use russet_domain::Secret;
use russet_domain::install::InstallSettings;
use russet_store::assignments::Configuration;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::ApiError;
use crate::query::shown;

/// The largest configuration, in bytes of JSON. Devices get it with each install.
const CONFIGURATION_MAX: usize = 64 * 1024;
/// How deep a configuration may nest.
const DEPTH_MAX: usize = 16;

/// How an app is to stand on devices, beyond being there. It holds for installs and updates that are sent from then on.
#[derive(Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewInstallSettings)]
pub(crate) struct SettingsBody {
    /// The UUID of the VPN that the app's traffic goes through, as the VPN's profile names it; an empty text takes it away. On iPhones and
    /// iPads.
    #[serde(skip_serializing_if = "Option::is_none")]
    vpn_uuid: Option<String>,
    /// Whether the person cannot delete the app. On iPhones and iPads.
    #[serde(skip_serializing_if = "Option::is_none")]
    prevent_removal: Option<bool>,
    /// Whether what the app keeps is left out of backups.
    #[serde(skip_serializing_if = "Option::is_none")]
    prevent_backup: Option<bool>,
    /// Whether the app goes when the device leaves its MDM server.
    #[serde(skip_serializing_if = "Option::is_none")]
    remove_with_enrollment: Option<bool>,
    /// What the app is told, up to 64 KiB; an empty object takes it away. It is kept encrypted, and only the names at its top are
    /// ever shown.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "names_alone")]
    configuration: Option<Map<String, Value>>,
}

/// The audit log must not hold what an app is told.
fn names_alone<S: Serializer>(
    configuration: &Option<Map<String, Value>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let names = configuration.iter().flat_map(Map::keys);
    let mut list = serializer.serialize_seq(None)?;
    for name in names {
        list.serialize_element(name)?;
    }
    list.end()
}

impl SettingsBody {
    /// The settings, where what is left out stays as it is.
    pub(super) fn settings(&self, known: InstallSettings) -> Result<InstallSettings, ApiError> {
        Ok(InstallSettings {
            vpn_uuid: match self.vpn_uuid.as_deref() {
                None => known.vpn_uuid,
                Some("") => None,
                Some(text) => Some(vpn_uuid(text)?),
            },
            prevent_removal: self.prevent_removal.unwrap_or(known.prevent_removal),
            prevent_backup: self.prevent_backup.unwrap_or(known.prevent_backup),
            remove_with_enrollment: self.remove_with_enrollment.unwrap_or(known.remove_with_enrollment),
        })
    }

    /// What the app is told: the outer nothing when it stays, the inner when it is told nothing.
    pub(super) fn configuration(&self) -> Result<Option<Option<Configuration>>, ApiError> {
        let Some(fields) = &self.configuration else { return Ok(None) };
        if fields.is_empty() {
            return Ok(Some(None));
        }
        for (name, value) in fields {
            check(name, value, DEPTH_MAX)?;
        }
        let told = serde_json::to_string(fields).unwrap_or_default();
        if told.len() > CONFIGURATION_MAX {
            let why = format!("it has {} bytes, and {CONFIGURATION_MAX} is the most", told.len());
            return Err(wrong("", why));
        }
        let keys = fields.keys().cloned().collect();
        Ok(Some(Some(Configuration { told: Secret::new(told), keys })))
    }
}

fn vpn_uuid(text: &str) -> Result<String, ApiError> {
    match Uuid::try_parse(text) {
        Ok(uuid) => Ok(uuid.hyphenated().to_string().to_uppercase()),
        Err(_) => Err(ApiError::InvalidField {
            field: "install.vpn_uuid".to_owned(),
            why: format!("{:?} is no UUID; it stands as VPNUUID in the profile of the VPN", shown(text)),
        }),
    }
}

/// Refuses what a property list cannot say, and names where it stands; never the value, which may be a secret.
fn check(path: &str, value: &Value, depth: usize) -> Result<(), ApiError> {
    if depth == 0 {
        return Err(wrong(path, format!("it nests deeper than {DEPTH_MAX}")));
    }
    match value {
        Value::Null => Err(wrong(path, "a device can be told no null; leave the name out".to_owned())),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        Value::Array(values) => values
            .iter()
            .enumerate()
            .try_for_each(|(at, value)| check(&format!("{path}[{at}]"), value, depth - 1)),
        Value::Object(fields) => {
            fields.iter().try_for_each(|(name, value)| check(&format!("{path}.{name}"), value, depth - 1))
        }
    }
}

fn wrong(path: &str, why: String) -> ApiError {
    let field = match path {
        "" => "install.configuration".to_owned(),
        path => format!("install.configuration.{}", shown(path)),
    };
    ApiError::InvalidField { field, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> SettingsBody {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_is_left_out_stays_and_what_is_empty_goes() {
        let known = InstallSettings {
            vpn_uuid: Some("7E1B2F44-0A0C-4E57-9D0A-8F5B5F0C3D11".to_owned()),
            prevent_removal: true,
            ..InstallSettings::default()
        };
        assert_eq!(body("{}").settings(known.clone()).unwrap(), known);
        assert!(body("{}").configuration().unwrap().is_none());
        let after = body(r#"{"vpn_uuid":"","prevent_removal":false,"configuration":{}}"#);
        assert_eq!(after.settings(known).unwrap(), InstallSettings::default());
        assert_eq!(after.configuration().unwrap(), Some(None));
    }

    #[test]
    fn what_no_device_can_be_told_is_refused_by_its_place_and_never_shown() {
        let refused = |text: &str| body(text).configuration().unwrap_err().to_string();
        let why = refused(r#"{"configuration":{"a":{"b":["secret-1",null]}}}"#);
        assert!(why.contains("install.configuration.a.b[1]") && !why.contains("secret-1"), "{why}");
        let deep = format!(r#"{{"configuration":{{"a":{}1{}}}}}"#, "[".repeat(20), "]".repeat(20));
        assert!(refused(&deep).contains("deeper than 16"));
        let large = format!(r#"{{"configuration":{{"a":"{}"}}}}"#, "x".repeat(CONFIGURATION_MAX));
        assert!(refused(&large).contains("65536 is the most"));
        let vpn = body(r#"{"vpn_uuid":"school"}"#).settings(InstallSettings::default()).unwrap_err();
        assert!(vpn.to_string().contains("no UUID"), "{vpn}");
    }

    #[test]
    fn the_audit_log_is_told_names_alone() {
        let kept = serde_json::to_string(&body(r#"{"configuration":{"key":"secret-1"}}"#)).unwrap();
        assert_eq!(kept, r#"{"configuration":["key"]}"#);
    }
}
