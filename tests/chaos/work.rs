//! The work: clients that wish for licenses, one for each token, and remember what they wished for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use russet_tests::{Dice, License, Token, app, serial, serials};
use serde_json::{Value, json};

use crate::stage::{CLIENT_PATIENCE, Stage};

const TOKENS: usize = 4;
const APPS: usize = 4;
const DEVICES: usize = 30;

/// Between two wishes of a client, in milliseconds.
const PAUSE_MS: std::ops::Range<u64> = 300..1_800;
/// Between two attempts to submit the same.
const AGAIN_AFTER: Duration = Duration::from_millis(200);
/// How long a token may take to be claimed and read, before anything breaks.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// What one client wished for, and which jobs it was promised.
#[derive(Debug)]
pub(crate) struct Wishes {
    pub(crate) token: Token,
    /// Whether each license is to be held, by the last wish that named it.
    pub(crate) wanted: BTreeMap<License, bool>,
    /// Jobs that were acknowledged.
    pub(crate) jobs: Vec<i64>,
    /// Submissions that were never answered, after which nobody knows what is to be held.
    pub(crate) unanswered: usize,
}

/// Makes locations, uploads their tokens and has them read, while nothing is broken yet.
///
/// # Panics
///
/// When a token does not become ready.
pub(crate) async fn tokens(stage: &Stage) -> Vec<Token> {
    let client = &stage.clients[0];
    let mut tokens = Vec::new();
    for number in 1..=TOKENS {
        let name = format!("location-{number}");
        let location = stage.apple.location(&name, APPS, 2 * DEVICES, 0).await;
        let body =
            json!({ "name": name, "content": location.content, "consent": true, "account_type": "business" });
        let made = client.post("/tokens", &body).await.with(201);
        let id = made["id"].as_i64().expect("a token's number");
        tokens.push(Token { id, uid: location.uid, content: location.content });
    }
    let start = Instant::now();
    let patient = || assert!(start.elapsed() < READY_WITHIN, "a token is not ready; is the stage broken?");
    for token in &tokens {
        while client.get(&format!("/tokens/{}", token.id)).await["state"] != "valid" {
            patient();
            tokio::time::sleep(AGAIN_AFTER).await;
        }
        let job = client.post("/jobs", &token.full_sync()).await.with(202)["id"].clone();
        while client.get(&format!("/jobs/{job}")).await["state"] != "succeeded" {
            patient();
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }
    tokens
}

/// Wishes for one thing after the other, each only once the one before was acknowledged: otherwise nobody could say which
/// came last.
pub(crate) async fn wish(
    stage: Arc<Stage>,
    token: Token,
    mut dice: Dice,
    until: Instant,
    give_up: Instant,
) -> Wishes {
    let mut wishes = Wishes { token, wanted: BTreeMap::new(), jobs: Vec::new(), unanswered: 0 };
    let mut number = 0;
    while Instant::now() < until {
        number += 1;
        let body = wishes.draw(&mut dice);
        let key = format!("chaos-{}-{number}", wishes.token.id);
        match submit(&stage, &body, &key, give_up, &mut dice).await {
            Some(job) => {
                stage.report.count("jobs", 1);
                wishes.jobs.push(job);
            }
            None => wishes.unanswered += 1,
        }
        tokio::time::sleep(Duration::from_millis(dice.within(PAUSE_MS))).await;
    }
    wishes
}

impl Wishes {
    /// Draws a job, and notes what it wishes for.
    fn draw(&mut self, dice: &mut Dice) -> Value {
        if dice.below(12) == 0 {
            return self.token.full_sync();
        }
        let is_assign = dice.below(5) < 3;
        let (apps, devices) = (dice.range(APPS), dice.range(DEVICES));
        for number in apps.clone() {
            let holders = devices.clone().map(|device| format!("device {}", serial(device)));
            self.wanted.extend(holders.map(|holder| ((app(number + 1), holder), is_assign)));
        }
        let apps: Vec<String> = apps.map(|number| app(number + 1)).collect();
        if is_assign {
            self.token.assign(&apps, &serials(devices), &[])
        } else {
            self.token.revoke(&apps, &serials(devices), &[])
        }
    }
}

/// Submits a job under its key, to any API, until one answers. Returns its number.
async fn submit(stage: &Stage, body: &Value, key: &str, give_up: Instant, dice: &mut Dice) -> Option<i64> {
    let mut last = String::new();
    while Instant::now() < give_up {
        let client = &stage.clients[dice.below(stage.clients.len())];
        let request = client.request(Method::POST, "/jobs").timeout(CLIENT_PATIENCE);
        let sent = request.header("Idempotency-Key", key).json(body).send().await;
        let answer = match sent {
            Ok(answer) => {
                let status = answer.status().as_u16();
                answer.text().await.map(|text| (status, text))
            }
            Err(error) => Err(error),
        };
        match answer {
            Ok((202, text)) => {
                let job: Value = serde_json::from_str(&text).expect("a job is JSON");
                return job["id"].as_i64();
            }
            // Later, or nobody knows: the key makes asking again safe.
            Ok((429 | 500..600, text)) => last = text,
            Ok((status, text)) => {
                stage.report.finding(format!("a job was refused with {status}: {text}; it was {body}"));
                return None;
            }
            Err(error) => last = format!("{error:?}"),
        }
        stage.report.count("asked_again", 1);
        tokio::time::sleep(AGAIN_AFTER).await;
    }
    stage.report.finding(format!("the submission {key} was never answered; last: {last}"));
    None
}
