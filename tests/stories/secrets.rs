//! Secrets stay where they belong.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use russet_tests::{Profile, Setup, World, app, on_both_profiles, serials};
use serde_json::{Value, json};

on_both_profiles!(secrets_are_in_no_log_no_database_and_no_answer);

/// What an app is told by an assignment.
const TOLD: &str = "a license key that only the app is to see";

/// A text that must not be found, and what it is.
struct Secret {
    name: &'static str,
    text: String,
}

async fn secrets_are_in_no_log_no_database_and_no_answer(profile: Profile) {
    let world = World::start(Setup::of(profile).setting("LOG__LEVEL", "trace")).await;
    let location = world.apple.location("North Campus", 2, 50, 0).await;
    let token = world.token(&location, "north").await;
    let secrets = secrets(&world, &token.content).await;

    // Some life, and some mistakes with secrets in the wrong places.
    world.succeed(&token.assign(&[app(1), app(2)], &serials(0..5), &[])).await;
    let _ = world.api.post("/groups", &json!({ "name": "class", "kind": "devices" })).await.with(200);
    let install = json!({ "configuration": { "license": TOLD } });
    let assignment = json!({ "token": token.id, "adam_id": app(1), "group": "class", "intent": "required", "install": install });
    let mut answers = vec![world.api.post("/assignments", &assignment).await.text];
    world.apple.fault(&json!({ "on": { "endpoint": "any" }, "what": { "kind": "not_json", "status": 502 }, "times": 2 })).await;
    world.succeed(&token.full_sync()).await;
    answers.push(world.upload("again", &token.content).await.text);
    let misplaced = json!({ "kind": token.content, "token": token.content, "name": token.content });
    for (method, path) in [(Method::POST, "/tokens"), (Method::POST, "/jobs"), (Method::PATCH, "/tokens/1")] {
        answers.push(world.api.send(method, path, Some(&misplaced)).await.text);
    }
    let broken = format!("{}!", token.content);
    let renewal = json!({ "content": broken });
    let path = format!("/tokens/{}/content", token.id);
    answers.push(world.api.send(Method::PUT, &path, Some(&renewal)).await.text);
    let other = world.apple.location("South Campus", 1, 5, 0).await;
    answers.push(world.api.send(Method::PUT, &path, Some(&json!({ "content": other.content }))).await.text);
    for path in [
        "/tokens",
        "/jobs",
        "/licenses",
        "/assignments",
        "/audit",
        "//metrics",
        "//readyz",
        "//api/openapi.json",
        "//",
    ] {
        answers.push(world.api.send(Method::GET, path, None).await.text);
    }

    for (name, log) in world.logs() {
        must_not_have(&format!("the log of {name}"), log.as_bytes(), &secrets);
        must_not_have(
            &format!("the log of {name}"),
            log.as_bytes(),
            &[Secret { name: "the other token", text: other.content.clone() }],
        );
    }
    for answer in answers {
        must_not_have("an answer", answer.as_bytes(), &secrets);
    }
    match world.database_url() {
        None => files(&world.directory().join("data"), &mut |path| {
            let is_key = path.extension().is_some_and(|ending| ending == "key");
            if !is_key {
                must_not_have(&path.display().to_string(), &fs::read(path).expect("a file"), &secrets);
            }
        }),
        Some(url) => {
            let dump = Command::new("pg_dump").args(["--inserts", url]).output().expect("pg_dump runs");
            assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
            must_not_have("the database", &dump.stdout, &secrets);
        }
    }
    world.must_be_clean().await;
}

async fn secrets(world: &World, content: &str) -> Vec<Secret> {
    let decoded = BASE64_STANDARD.decode(content).expect("base64");
    let inside: Value = serde_json::from_slice(&decoded).expect("JSON");
    let sent = notification_secret(world, content).await;
    vec![
        Secret { name: "the token", text: content.to_owned() },
        Secret {
            name: "the token inside the token",
            text: inside["token"].as_str().expect("a token").to_owned(),
        },
        Secret { name: "what an app is told", text: TOLD.to_owned() },
        Secret { name: "an API key", text: world.api.key().to_owned() },
        Secret { name: "the notification secret", text: sent },
    ]
}

/// What Apple was told to prove itself with; it shows that to whoever has the token.
async fn notification_secret(world: &World, content: &str) -> String {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let url = format!("{}/client/config", world.apple.base_url());
    let answer = client.get(url).bearer_auth(content).send().await.expect("an answer");
    let config: Value = serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON");
    config["notificationAuthToken"].as_str().expect("a secret").to_owned()
}

fn must_not_have(place: &str, bytes: &[u8], secrets: &[Secret]) {
    for secret in secrets {
        assert!(secret.text.len() >= 16, "{} is too short to be looked for", secret.name);
        // The first half would be as bad as the whole, and may be all that fits a line.
        let needle = &secret.text.as_bytes()[..secret.text.len() / 2];
        assert!(!bytes.windows(needle.len()).any(|part| part == needle), "{place} has {}", secret.name);
    }
}

fn files(directory: &Path, look: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files(&path, look) } else { look(&path) }
    }
}
