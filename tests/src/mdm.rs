//! The simulated MDM server: connecting it, its devices, and what they have.

use reqwest::Method;
use serde_json::{Value, json};

use crate::wait::eventually;
use crate::world::World;

/// The key that webhooks are signed with in stories.
pub const WEBHOOK_KEY: &str = "a-webhook-key-of-this-story";
/// The key to the API for its declarations.
pub const DECLARATIONS_KEY: &str = "the-declarations-key-of-this-story";
/// The key to the simulated server's API.
pub const API_KEY: &str = "the-key-of-this-story";

impl World {
    /// Connects the simulated MDM server under a name, with its webhook, and waits until a worker has seen that it is right.
    pub async fn connect(&self, name: &str) {
        self.listen_to_mdm(name).await;
        self.connect_to(&self.connector(name)).await;
    }

    /// Makes a connector, and waits until a worker has seen that it is right.
    ///
    /// # Panics
    ///
    /// When it is not made.
    pub async fn connect_to(&self, new: &Value) {
        let made = self.api.post("/connectors", new).await.with(201);
        assert_eq!(made["state"], "active", "{made}");
        let name = made["name"].as_str().expect("a name");
        eventually("the connector to be looked at", async || {
            let connector = self.api.get(&format!("/connectors/{name}")).await;
            if connector["checked_at"].is_string() { Ok(()) } else { Err(connector.to_string()) }
        })
        .await;
    }

    /// Has the simulated server send its webhooks to a connector of this name.
    pub async fn listen_to_mdm(&self, name: &str) {
        let url = format!("{}/api/v1/mdm/{name}/webhook", self.api.url());
        let hook = json!({ "url": url, "key": WEBHOOK_KEY });
        self.mdm(&json!({ "api_key": API_KEY, "webhook": hook })).await;
    }

    /// What makes a connector to the simulated server.
    #[must_use]
    pub fn connector(&self, name: &str) -> Value {
        json!({
            "name": name, "kind": "nanomdm", "url": self.apple.mdm_url(),
            "api_key": API_KEY, "webhook_key": WEBHOOK_KEY,
        })
    }

    /// Connects the simulated MDM server with its declarations under a name.
    pub async fn connect_declaring(&self, name: &str) {
        self.listen_to_mdm(name).await;
        self.mdm(&json!({ "declarations_key": DECLARATIONS_KEY })).await;
        self.connect_to(&self.declaring(name)).await;
    }

    /// What makes a connector to the simulated server with its declarations.
    #[must_use]
    pub fn declaring(&self, name: &str) -> Value {
        let mut new = self.connector(name);
        new["declarations_url"] = self.apple.declarations_url().into();
        new["declarations_key"] = DECLARATIONS_KEY.into();
        new
    }

    /// Sets something about the simulated server, and tells how it stands.
    pub async fn mdm(&self, change: &Value) -> Value {
        self.apple.control(Method::PATCH, "mdm", change).await
    }

    /// Makes virtual devices, which enroll, and waits until they are in the directory.
    pub async fn enroll(&self, serials: &[String], more: &Value) {
        let mut new = json!({ "serials": serials });
        for (name, value) in more.as_object().into_iter().flatten() {
            new[name] = value.clone();
        }
        self.apple.control(Method::POST, "mdm/devices", &new).await;
        for serial in serials {
            self.until_device(serial, "enrolled", |device| device["state"] == "enrolled").await;
        }
    }

    /// Changes how devices behave.
    pub async fn behave(&self, serials: &[String], behavior: &Value) {
        let change = json!({ "serials": serials, "behavior": behavior });
        self.apple.control(Method::PATCH, "mdm/devices", &change).await;
    }

    /// A virtual device: what it has, and what it was given.
    pub async fn virtual_device(&self, serial: &str) -> Value {
        self.apple.control(Method::GET, &format!("mdm/devices/{serial}"), &Value::Null).await
    }

    /// The apps that are declared for a virtual device: what each declaration says.
    pub async fn declared(&self, serial: &str) -> Vec<Value> {
        let device = self.virtual_device(serial).await;
        let declared = device["declared"].as_object().cloned().unwrap_or_default();
        declared.into_iter().map(|(_, config)| config).collect()
    }

    /// How often a virtual device was given an install.
    pub async fn installs_given(&self, serial: &str) -> Vec<Value> {
        let device = self.virtual_device(serial).await;
        let given = device["given"].as_array().cloned().unwrap_or_default();
        given.into_iter().filter(|given| given["request_type"] == "InstallApplication").collect()
    }

    /// Waits until a device looks as wanted in the directory.
    pub async fn until_device(&self, serial: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("{serial} to be {what}"), async || {
            let answer = self.api.send(Method::GET, &format!("/devices/{serial}"), None).await;
            let device = if answer.status == 200 { answer.json() } else { return Err(answer.to_string()) };
            if is_so(&device) { Ok(device) } else { Err(device.to_string()) }
        })
        .await
    }

    /// Waits until devices have told which apps they have.
    pub async fn until_apps_were_told(&self, serials: &[String]) {
        for serial in serials {
            self.until_device(serial, "asked for its apps", |device| device["apps_told_at"].is_string())
                .await;
        }
    }

    /// Waits until a device's newest install is in a state.
    pub async fn until_install(&self, serial: &str, state: &str) -> Value {
        eventually(&format!("the install on {serial} to be {state}"), async || {
            let installs = self.api.list(&format!("/installs?serial={serial}")).await;
            match installs.first() {
                Some(install) if install["state"] == state => Ok(install.clone()),
                Some(install) => Err(install.to_string()),
                None => Err("there is none".to_owned()),
            }
        })
        .await
    }
}
