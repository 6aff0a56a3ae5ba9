//! The queue as an operator sees and steers it, in process and over Redis.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Method;
use russet_domain::TokenId;
use russet_queue::jobs::{ApplyChanges, CheckEvent, SyncToken};
use russet_queue::{Claim, Ending, Handler, Push, Queue, When, WorkerName, WorkerSettings, run};
use russet_services::{PrivateRedis, RedisOptions};
use russet_store::audit;
use russet_store::keys::Role;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::harness::{Reply, Server, send};

/// How long a worker may take for something that should happen at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// An API, and the Redis that its queue is in, if it is not in process.
struct Place {
    server: Server,
    redis: Option<PrivateRedis>,
}

impl Place {
    async fn in_process() -> Self {
        Self { server: Server::start_with_queue("memory:").await, redis: None }
    }

    async fn over_redis() -> Self {
        let redis = PrivateRedis::start(&RedisOptions::default()).unwrap();
        Self { server: Server::start_with_queue(redis.url()).await, redis: Some(redis) }
    }
}

/// Makes of each story two tests, one with the queue in process and one over Redis.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn in_process() {
                super::$name(super::Place::in_process().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn over_redis() {
                super::$name(super::Place::over_redis().await).await;
            }
        }
    )*};
}

/// What a worker does with every message.
#[derive(Clone)]
struct Hand {
    ending: Arc<Mutex<Option<Ending>>>,
}

impl Handler for Hand {
    async fn handle(&self, _: Claim) -> Ending {
        let ending = self.ending.lock().unwrap().clone();
        match ending {
            Some(ending) => ending,
            None => std::future::pending().await,
        }
    }
}

/// A worker in a task, stopped with it.
struct Worker(CancellationToken);

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// A worker that ends every message so, or never when there is no ending.
fn worker(queue: &Queue, ending: Option<Ending>) -> Worker {
    let stop = CancellationToken::new();
    let hand = Hand { ending: Arc::new(Mutex::new(ending)) };
    let settings = WorkerSettings { grace_ms: 100, ..WorkerSettings::default() };
    let name = WorkerName::new("hand").unwrap();
    tokio::spawn(run(queue.clone(), name, hand, settings, stop.clone()));
    Worker(stop)
}

fn no() -> Option<Ending> {
    Some(Ending::Fail { why: "Apple said no".to_owned() })
}

async fn push(queue: &Queue, syncs: std::ops::Range<i64>) {
    let messages = syncs.map(|token| Push::of(&SyncToken { token: TokenId(token) }, When::default()));
    queue.push_many(messages.collect()).await.unwrap();
}

/// Waits until a kind's count is as wanted.
async fn until(server: &Server, kind: &str, field: &str, wanted: u64) {
    let start = Instant::now();
    loop {
        let reply = server.get(&format!("/api/v1/queue/kinds/{kind}")).await;
        if reply.body[field] == json!(wanted) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{kind} has not {wanted} {field}: {}", reply.text);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Pushes messages and lets a worker set them aside.
async fn bury(server: &Server, syncs: std::ops::Range<i64>) {
    let count = u64::try_from(syncs.end - syncs.start).unwrap();
    push(&server.queue, syncs).await;
    let _worker = worker(&server.queue, no());
    until(server, "sync_token", "dead", count).await;
}

fn kind<'a>(reply: &'a Reply, name: &str) -> &'a Value {
    reply.body["kinds"].as_array().unwrap().iter().find(|kind| kind["kind"] == name).unwrap()
}

async fn why(server: &Server, message: &str) -> Value {
    let reply = server.get(&format!("/api/v1/queue/why?message={message}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.body["items"][0].clone()
}

async fn actions(server: &Server) -> Vec<String> {
    let lines = audit::list(&mut server.store.read().await.unwrap(), None, 100, None).await.unwrap();
    lines.into_iter().rev().map(|line| line.action).filter(|action| action.starts_with("queue.")).collect()
}

async fn the_queue_is_counted_by_kind_with_who_takes_it(place: Place) {
    let server = place.server;
    push(&server.queue, 0..3).await;
    let empty = server.get("/api/v1/queue").await;
    let syncs = kind(&empty, "sync_token");
    assert_eq!((&syncs["due"], &syncs["waiting"], &syncs["workers"]), (&json!(3), &json!(3), &json!(0)));
    assert!(syncs["oldest_age_ms"].is_u64() && kind(&empty, "sweep")["oldest_age_ms"].is_null(), "{syncs}");
    assert_eq!((&syncs["paused"], &empty.body["workers"]), (&json!(false), &json!([])));

    let _worker = worker(&server.queue, None);
    until(&server, "sync_token", "running", 3).await;
    let full = server.get("/api/v1/queue").await;
    assert_eq!(kind(&full, "sync_token")["workers"], 1);
    let seen = &full.body["workers"][0];
    assert!(seen["name"].as_str().unwrap().starts_with("hand#"), "{seen}");
    assert!(seen["seen_at"].as_str().unwrap().ends_with('Z'), "{seen}");
    let one = server.get("/api/v1/queue/kinds/sync_token").await;
    assert_eq!((&one.body["kind"], &one.body["running"]), (&json!("sync_token"), &json!(3)));
    let running = server.get("/api/v1/queue/running?kind=sync_token&limit=2").await;
    let items = running.body["items"].as_array().unwrap();
    assert_eq!(items.len(), 2, "{}", running.text);
    assert!(items[0]["worker"].as_str().unwrap().starts_with("hand#"), "{}", running.text);
    assert!(items[0]["lease_left_ms"].as_u64().unwrap() <= 15_000, "{}", running.text);
    let others = server.get("/api/v1/queue/running?kind=sweep").await;
    assert_eq!(others.body["items"], json!([]));
}

async fn a_paused_kind_says_so_and_runs_once_it_is_resumed(place: Place) {
    let server = place.server;
    let paused = server.post("/api/v1/queue/kinds/sync_token/pause", &json!({})).await;
    assert_eq!((paused.status, &paused.body["paused"]), (200, &json!(true)), "{}", paused.text);
    push(&server.queue, 7..8).await;
    let _worker = worker(&server.queue, Some(Ending::Done));
    let told = why(&server, "sync_token:7").await;
    assert_eq!((&told["state"], &told["until"]), (&json!("paused"), &Value::Null));
    assert!(told["sentence"].as_str().unwrap().contains("sync_token is paused"), "{told}");
    let resumed = server.post("/api/v1/queue/kinds/sync_token/resume", &json!({})).await;
    assert_eq!((resumed.status, &resumed.body["paused"]), (200, &json!(false)));
    until(&server, "sync_token", "waiting", 0).await;
    until(&server, "sync_token", "running", 0).await;
    assert_eq!(why(&server, "sync_token:7").await["state"], "absent");
    assert_eq!(actions(&server).await, ["queue.pause", "queue.resume"]);
}

async fn a_steering_that_is_sent_again_steers_once(place: Place) {
    let server = place.server;
    let path = "/api/v1/queue/kinds/sync_token/pause";
    assert_eq!(server.post_once(path, "p1", &json!({})).await.status, 200);
    server.queue.resume("sync_token").await.unwrap();
    let again = server.post_once(path, "p1", &json!({})).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (200, "true"));
    assert_eq!(server.get("/api/v1/queue/kinds/sync_token").await.body["paused"], false);
    assert_eq!(actions(&server).await, ["queue.pause"]);
    let other = server.post_once("/api/v1/queue/kinds/sweep/pause", "p1", &json!({})).await;
    assert_eq!(other.problem(), (422, "idempotency_key_reused"));
}

async fn a_message_that_nobody_takes_and_one_that_comes_later_say_so(place: Place) {
    let server = place.server;
    let token = server.location("Lab", 0).await;
    push(&server.queue, token.0..token.0 + 1).await;
    let later = When::due(russet_queue::Due::In(Duration::from_secs(3_600)));
    server.queue.push(&ApplyChanges { token }, later).await.unwrap();
    let told = server.get(&format!("/api/v1/queue/why?token={token}")).await;
    let states: Vec<_> = told.body["items"].as_array().unwrap().iter().map(|why| &why["state"]).collect();
    // Its claim waits too, as there was no worker when it was uploaded.
    assert_eq!(states, ["no_worker", "no_worker", "no_worker"], "{}", told.text);
    let _worker = worker(&server.queue, None);
    until(&server, "sync_token", "running", 1).await;
    let running = why(&server, &format!("sync_token:{token}")).await;
    assert!(running["worker"].as_str().unwrap().starts_with("hand#"), "{running}");
    assert!(running["sentence"].as_str().unwrap().contains("its lease ends at 20"), "{running}");
    let waits = why(&server, &format!("apply_changes:{token}")).await;
    assert_eq!(waits["state"], "later");
    let (until, sentence) = (waits["until"].as_str().unwrap(), waits["sentence"].as_str().unwrap());
    assert!(sentence.ends_with(&format!("it is due at {until}.")), "{sentence}");
}

async fn a_dead_message_is_seen_with_reason_and_payload_and_retried(place: Place) {
    let server = place.server;
    bury(&server, 7..8).await;
    let dead = server.get("/api/v1/queue/dead").await;
    let message = &dead.body["items"][0];
    assert_eq!((&message["id"], &message["reason"]), (&json!("sync_token:7"), &json!("Apple said no")));
    assert!(message["payload"].as_str().unwrap().contains("\"token\":7"), "{message}");
    assert!(message["died_at"].as_str().unwrap().ends_with('Z'), "{message}");
    let told = why(&server, "sync_token:7").await;
    assert_eq!((&told["state"], &told["reason"]), (&json!("dead"), &json!("Apple said no")));

    let retried =
        server.post("/api/v1/queue/dead/retry", &json!({"ids":["sync_token:7","sync_token:8"]})).await;
    assert_eq!((retried.status, &retried.body), (200, &json!({"count":1,"more":false})), "{}", retried.text);
    assert_eq!(server.get("/api/v1/queue/dead").await.body["items"], json!([]));
    assert_eq!(server.waiting("sync_token").await, 1);
    assert_eq!(actions(&server).await, ["queue.retry"]);
}

async fn the_dead_are_paged_and_discarded_by_kind(place: Place) {
    let server = place.server;
    bury(&server, 0..25).await;
    let first = server.get("/api/v1/queue/dead?kind=sync_token&limit=20").await;
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let rest = server.get(&format!("/api/v1/queue/dead?kind=sync_token&limit=20&cursor={cursor}")).await;
    let ids = |reply: &Reply| {
        let items = reply.body["items"].as_array().unwrap();
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mut all = [ids(&first), ids(&rest)].concat();
    all.sort();
    all.dedup();
    assert_eq!((all.len(), &rest.body["next_cursor"]), (25, &Value::Null));
    assert_eq!(server.get("/api/v1/queue/dead?kind=sweep").await.body["items"], json!([]));

    let others = server.post("/api/v1/queue/dead/discard", &json!({"kind":"sweep","all":true})).await;
    assert_eq!(others.body, json!({"count":0,"more":false}), "{}", others.text);
    let one = server.post("/api/v1/queue/dead/discard", &json!({"ids":["sync_token:3"]})).await;
    assert_eq!(one.body["count"], 1);
    let all = server.post("/api/v1/queue/dead/discard", &json!({"kind":"sync_token","all":true})).await;
    assert_eq!(all.body, json!({"count":24,"more":false}), "{}", all.text);
    assert_eq!(server.get("/api/v1/queue/kinds/sync_token").await.body["dead"], 0);
    assert_eq!(server.waiting("sync_token").await, 0);
}

on_both!(
    the_queue_is_counted_by_kind_with_who_takes_it,
    a_paused_kind_says_so_and_runs_once_it_is_resumed,
    a_steering_that_is_sent_again_steers_once,
    a_message_that_nobody_takes_and_one_that_comes_later_say_so,
    a_dead_message_is_seen_with_reason_and_payload_and_retried,
    the_dead_are_paged_and_discarded_by_kind,
);

#[tokio::test]
async fn what_apple_has_not_settled_is_told_with_its_token() {
    let server = Server::start().await;
    let token = server.location("Lab", 1).await;
    let body =
        json!({"kind":"assign_license","token":token.0,"assets":[{"adam_id":"500000000"}],"devices":["A"]});
    server.post("/api/v1/jobs", &body).await;
    let request = server.send_one(token).await;
    server.queue.push(&CheckEvent { token, request }, When::default()).await.unwrap();
    let told = server.get(&format!("/api/v1/queue/why?token={token}")).await;
    let kinds: Vec<_> = told.body["items"].as_array().unwrap().iter().map(|why| &why["kind"]).collect();
    assert_eq!(kinds, ["claim_token", "apply_changes", "check_event"], "{}", told.text);
}

#[tokio::test]
async fn a_kind_that_nobody_knows_is_answered_with_those_there_are() {
    let server = Server::start().await;
    for path in ["kinds/sync_tokens", "kinds/running", "dead?kind=x", "running?kind=x", "why?message=x:7"] {
        let reply = server.get(&format!("/api/v1/queue/{path}")).await;
        assert_eq!(reply.problem(), (404, "no_such_kind"), "{path}");
        assert!(reply.text.contains("apply_changes, "), "{}", reply.text);
    }
    let paused = server.post("/api/v1/queue/kinds/sync_tokens/pause", &json!({})).await;
    assert_eq!(paused.problem(), (404, "no_such_kind"));
    let retried = server.post("/api/v1/queue/dead/retry", &json!({"kind":"x","all":true})).await;
    assert_eq!(retried.problem(), (422, "unknown_kind"));
    assert_eq!(actions(&server).await, [""; 0], "what was not done was noted");
}

#[tokio::test]
async fn a_choice_of_dead_messages_that_makes_no_sense_is_refused() {
    let server = Server::start().await;
    let many: Vec<String> = (0..1_001).map(|nth| format!("sync_token:{nth}")).collect();
    for (body, code) in [
        (json!({}), "ids_or_all"),
        (json!({"kind":"sync_token"}), "ids_or_all"),
        (json!({"ids":["sync_token:1"],"all":true}), "ids_or_all"),
        (json!({"ids":[]}), "empty_list"),
        (json!({"ids":many}), "invalid_field"),
        (json!({"id":["sync_token:1"]}), "unknown_field"),
    ] {
        let reply = server.post("/api/v1/queue/dead/discard", &body).await;
        assert_eq!(reply.problem(), (422, code), "{}", reply.text);
    }
    for query in ["", "?message=sync_token", "?message=sync_token:", "?message=sync_token:1&token=1"] {
        let reply = server.get(&format!("/api/v1/queue/why{query}")).await;
        assert_eq!(reply.problem(), (400, "invalid_query"), "{query}");
    }
    assert_eq!(server.get("/api/v1/queue/dead?cursor=abc").await.problem(), (400, "invalid_cursor"));
    assert_eq!(server.get("/api/v1/queue/why?token=7").await.problem(), (404, "no_such_token"));
}

#[tokio::test]
async fn a_viewer_looks_at_the_queue_and_an_operator_steers_it() {
    let server = Server::start().await;
    let viewer = server.new_key(Role::Viewer, None).await;
    let operator = server.new_key(Role::Operator, None).await;
    let path = "/api/v1/queue/kinds/sync_token/pause";
    assert_eq!(send(server.request_as(&viewer, Method::GET, "/api/v1/queue")).await.status, 200);
    assert_eq!(send(server.request_as(&viewer, Method::POST, path)).await.problem(), (403, "role_forbids"));
    assert_eq!(send(server.request_as(&operator, Method::POST, path)).await.status, 200);
}

#[tokio::test]
async fn a_bound_key_may_only_ask_why_about_its_own_tokens() {
    let server = Server::start().await;
    let (mine, other) = (server.location("Mine", 0).await, server.location("Other", 0).await);
    push(&server.queue, 0..10).await;
    let key = server.new_key(Role::Admin, Some(&[mine])).await;
    let ask = async |method: Method, path: &str| {
        send(server.request_as(&key, method, &format!("/api/v1/queue{path}"))).await
    };
    for path in ["", "/kinds/sync_token", "/running", "/dead", &format!("/why?message=sync_token:{mine}")] {
        assert_eq!(ask(Method::GET, path).await.problem(), (403, "key_is_bound"), "{path}");
    }
    for path in ["/kinds/sync_token/pause", "/kinds/sync_token/resume", "/dead/retry", "/dead/discard"] {
        assert_eq!(ask(Method::POST, path).await.problem(), (403, "key_is_bound"), "{path}");
    }
    let told = ask(Method::GET, &format!("/why?token={mine}")).await;
    let ids: Vec<_> = told.body["items"].as_array().unwrap().iter().map(|why| &why["id"]).collect();
    assert_eq!(ids, ["claim_token:1", "sync_token:1"], "{}", told.text);
    let foreign = ask(Method::GET, &format!("/why?token={other}")).await;
    assert_eq!(foreign.problem(), (404, "no_such_token"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_does_not_answer_is_told_with_when_to_ask_again() {
    let Place { server, redis } = Place::over_redis().await;
    let mut redis = redis.unwrap();
    redis.stop().unwrap();
    for path in ["", "/kinds/sync_token", "/running", "/dead", "/why?message=sync_token:7"] {
        let reply = server.get(&format!("/api/v1/queue{path}")).await;
        assert_eq!(reply.problem(), (503, "queue_unavailable"), "{path}");
        assert_eq!(reply.header("retry-after"), "5");
        assert!(!reply.text.contains("127.0.0.1"), "{}", reply.text);
    }
    let pause = "/api/v1/queue/kinds/sync_token/pause";
    assert_eq!(server.post_once(pause, "p", &json!({})).await.problem(), (503, "queue_unavailable"));
    assert_eq!(actions(&server).await, [""; 0], "what was not done was noted");
    redis.start_again().unwrap();
    // The connection is tried again after some tens of milliseconds.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let paused = server.post_once(pause, "p", &json!({})).await;
    assert_eq!((paused.status, paused.header("idempotency-replayed")), (200, ""), "{}", paused.text);
}
