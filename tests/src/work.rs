//! What a story does with tokens and jobs, and how it finds that all is as it should be.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::api::Api;
use crate::apple::{License, Location, license, owned};
use crate::token::Token;
use crate::wait::eventually;
use crate::world::World;

impl World {
    /// Uploads a token file.
    pub async fn upload(&self, name: &str, content: &str) -> Answer {
        let token = json!({ "name": name, "content": content, "consent": true, "account_type": "business" });
        self.api.post("/tokens", &token).await
    }

    /// The API with another key, made on the command line with this name and these arguments.
    pub fn another_key(&self, name: &str, arguments: &[&str]) -> Api {
        let made = self.russet(&[&["key", "create", "--name", name], arguments].concat());
        let mut words = made.good().split_whitespace();
        self.api.with_key(words.find(|word| word.starts_with("rsk_")).expect("a key"))
    }

    /// Uploads the token of a location and waits until its state is this one.
    pub async fn token_in_state(&self, location: &Location, name: &str, state: &str) -> Token {
        let made = self.upload(name, &location.content).await.with(201);
        let id = made["id"].as_i64().expect("a token's number");
        self.state_of(id, state).await;
        Token { id, uid: location.uid.clone(), content: location.content.clone() }
    }

    /// Uploads the token of a location, waits until Apple has confirmed it, and reads everything from Apple.
    pub async fn token(&self, location: &Location, name: &str) -> Token {
        let token = self.token_in_state(location, name, "valid").await;
        self.succeed(&token.full_sync()).await;
        token
    }

    /// Waits until a token has this state, and returns the token.
    pub async fn state_of(&self, token: i64, state: &str) -> Value {
        eventually(&format!("token {token} to be {state}"), async || {
            let seen = self.api.get(&format!("/tokens/{token}")).await;
            if seen["state"] == state { Ok(seen) } else { Err(seen.to_string()) }
        })
        .await
    }

    /// Has stores asked again, about all or what is named, and waits until that is done; returns the job.
    pub async fn refresh(&self, which: &Value) -> Value {
        let job = self.api.post("/apps/refresh", which).await.with(202);
        self.end_of(job["id"].as_i64().expect("a job's number")).await
    }

    /// Waits until a store has told what devices know a product by.
    pub async fn until_store_was_read(&self, adam_id: &str) {
        eventually("the store to have been read", async || {
            let answer = self.api.send(Method::GET, &format!("/apps/{adam_id}"), None).await;
            let app = if answer.status == 200 { answer.json() } else { return Err(answer.to_string()) };
            if app["bundle_id"].is_string() { Ok(()) } else { Err(app.to_string()) }
        })
        .await;
    }

    /// Submits a job and returns its number.
    pub async fn submit(&self, job: &Value) -> i64 {
        self.api.post("/jobs", job).await.with(202)["id"].as_i64().expect("a job's number")
    }

    /// A job as it is now.
    pub async fn job(&self, id: i64) -> Value {
        self.api.get(&format!("/jobs/{id}")).await
    }

    /// Waits until a job has ended.
    pub async fn end_of(&self, id: i64) -> Value {
        eventually(&format!("job {id} to end"), async || {
            // While processes are killed or restarted, no answer is no surprise.
            let answer = self.api.try_to(Method::GET, &format!("/jobs/{id}"), None).await?;
            let job = answer.with(200);
            match job["state"].as_str() {
                Some("queued" | "running") => Err(job.to_string()),
                Some(_) => Ok(job),
                None => panic!("a job without a state: {job}"),
            }
        })
        .await
    }

    /// Submits a job, waits for its end, and finds that all of it was done.
    pub async fn succeed(&self, job: &Value) -> Value {
        let id = self.submit(job).await;
        let ended = self.end_of(id).await;
        self.must_have_succeeded(&ended);
        ended
    }

    /// Finds that all of a job was done.
    ///
    /// # Panics
    ///
    /// When it was not.
    #[track_caller]
    pub fn must_have_succeeded(&self, job: &Value) {
        assert_eq!(job["state"], "succeeded", "{job}");
        assert_eq!(job["progress"]["settled"], job["progress"]["total"], "{job}");
    }

    /// The changes of a job.
    pub async fn changes(&self, job: i64) -> Vec<Value> {
        self.api.list(&format!("/jobs/{job}/changes")).await
    }

    /// Who holds what, as Russet knows it.
    ///
    /// # Panics
    ///
    /// When a license is listed twice.
    pub async fn held(&self, token: &Token) -> BTreeSet<License> {
        let items = self.api.list(&format!("/licenses?token={}", token.id)).await;
        let held: BTreeSet<License> = items.iter().map(license).collect();
        assert_eq!(held.len(), items.len(), "a license is listed twice");
        held
    }

    /// Waits until so many of a token's licenses are held, at Apple and, the same ones, in our list.
    pub async fn until_held(&self, token: &Token, wanted: usize) {
        eventually(&format!("{wanted} licenses to be held"), async || {
            let (here, there) = (self.held(token).await, self.apple.held(&token.uid).await);
            if here == there && there.len() == wanted {
                Ok(())
            } else {
                Err(format!("{} here, {} there", here.len(), there.len()))
            }
        })
        .await;
    }

    /// Waits until all that has moved was compared with what assignments want.
    pub async fn until_reconciled(&self) {
        eventually("all that has moved to be looked at", async || {
            let kind = self.api.get("/queue/kinds/reconcile").await;
            if kind["waiting"] == 0 && kind["running"] == 0 { Ok(()) } else { Err(kind.to_string()) }
        })
        .await;
    }

    /// What a token's location owns, as Russet knows it.
    pub async fn owned(&self, token: &Token) -> BTreeSet<(String, i64, i64)> {
        let items = self.api.list(&format!("/assets?token={}", token.id)).await;
        items.iter().map(owned).collect()
    }

    /// Waits until Russet counts exactly what Apple counts, and returns that.
    pub async fn counts_agree(&self, token: &Token) -> BTreeSet<(String, i64, i64)> {
        eventually("the counts to be Apple's", async || {
            let (here, there) = (self.owned(token).await, self.apple.owned(&token.uid).await);
            if here == there { Ok(here) } else { Err(format!("here {here:?}, at Apple {there:?}")) }
        })
        .await
    }

    /// Finds that Russet's licenses of a token are exactly those at Apple, and returns them.
    ///
    /// # Panics
    ///
    /// When they differ, with the licenses in which they do.
    pub async fn must_agree(&self, token: &Token) -> BTreeSet<License> {
        let (here, there) = (self.held(token).await, self.apple.held(&token.uid).await);
        let only_here: Vec<_> = here.difference(&there).take(10).collect();
        let only_there: Vec<_> = there.difference(&here).take(10).collect();
        assert!(
            here == there,
            "{} licenses here and {} at Apple; only here: {only_here:?}; only at Apple: {only_there:?}",
            here.len(),
            there.len()
        );
        here
    }

    /// Finds that no rule of Apple's was broken, nothing panicked, and no message was set aside as dead.
    ///
    /// # Panics
    ///
    /// When one was.
    pub async fn must_be_clean(&self) {
        self.must_be_clean_but_for(&[]).await;
    }

    /// As [`must_be_clean`](Self::must_be_clean), but for violations with these names in the simulator's ledger.
    ///
    /// # Panics
    ///
    /// When another rule was broken, something panicked or a message is dead.
    pub async fn must_be_clean_but_for(&self, forgiven: &[&str]) {
        let ledger = self.apple.ledger().await;
        let violations = ledger["violations"].as_object().expect("violations");
        let broken = violations.iter().filter(|(name, count)| {
            *name != "total" && !forgiven.contains(&name.as_str()) && count.as_u64() != Some(0)
        });
        assert_eq!(broken.count(), 0, "{ledger:#}");
        for (name, log) in self.logs() {
            assert!(!log.contains("panicked at"), "{name} panicked");
        }
        let metrics = self.api.send(Method::GET, "//metrics", None).await;
        assert_eq!(metrics.status, 200, "{metrics}");
        let dead =
            metrics.text.lines().filter(|line| line.contains("place=\"dead\"") && !line.ends_with(" 0"));
        let dead: Vec<&str> = dead.collect();
        assert!(dead.is_empty(), "messages were set aside: {dead:?}");
    }
}
