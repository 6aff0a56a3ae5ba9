//! A token of a story, and the jobs a story submits for it.

use serde_json::{Value, json};

/// A token that was uploaded.
#[derive(Debug, Clone)]
pub struct Token {
    /// Russet's number for it.
    pub id: i64,
    /// Apple's id of its location.
    pub uid: String,
    /// The text of its file.
    pub content: String,
}

impl Token {
    /// A job that reads everything from Apple.
    #[must_use]
    pub fn full_sync(&self) -> Value {
        json!({ "kind": "sync_token", "token": self.id, "mode": "full" })
    }

    /// A job that gives each of these apps to each of these holders.
    #[must_use]
    pub fn assign(&self, apps: &[String], devices: &[String], users: &[String]) -> Value {
        self.job("assign_license", apps, devices, users)
    }

    /// A job that takes each of these apps from each of these holders. No apps are all that those holders hold, and no
    /// holders are all holders of those apps.
    #[must_use]
    pub fn revoke(&self, apps: &[String], devices: &[String], users: &[String]) -> Value {
        self.job("revoke_license", apps, devices, users)
    }

    fn job(&self, kind: &str, apps: &[String], devices: &[String], users: &[String]) -> Value {
        let mut job = json!({ "kind": kind, "token": self.id });
        if !apps.is_empty() {
            job["assets"] = apps.iter().map(|app| json!({ "adam_id": app })).collect();
        }
        if !devices.is_empty() {
            job["devices"] = json!(devices);
        }
        if !users.is_empty() {
            job["users"] = json!(users);
        }
        job
    }
}
