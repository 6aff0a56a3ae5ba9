//! Claims and the pace together: a message whose token may not call Apple waits in the queue, and says why.

use std::time::Duration;

use russet_domain::{RequestId, Timestamp, TokenId};

use super::on_both;
use super::support::{Place, START, ended, job, keys, pushes, worker};
use crate::contract::Fate;
use crate::jobs::{ApplyChanges, CheckEvent, ReadNotifications};
use crate::{Class, Due, Job as _, Push, Queue, QueueError, Standing, Turn, When};

const TOKEN: TokenId = TokenId(7);

async fn standing(queue: &Queue, id: &str) -> Standing {
    queue.why(id).await.expect("the question is answered").standing
}

/// Closes all of Apple, as five failing tokens do.
async fn close_apple(queue: &Queue) {
    for token in 100..105 {
        queue.pace().failed(TokenId(token)).await.unwrap();
    }
}

async fn a_message_of_a_closed_token_waits_in_the_queue_and_others_go(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    queue.pace().close_until(TOKEN, Timestamp(START + 60_000)).await.unwrap();
    queue.push_many(pushes(6..9, When::default())).await.unwrap();
    let notes = ReadNotifications { token: TOKEN };
    queue.push(&notes, When::default()).await.unwrap();
    let claimed = place.claim(&queue, &worker, 10).await;
    let mut ids: Vec<&str> = claimed.taken.iter().map(|taken| &*taken.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["read_notification:7", "sync_token:6", "sync_token:8"]);
    assert!(!claimed.more);
    assert_eq!(
        claimed.next_in_ms,
        Some(59_900),
        "a little before its turn, for the handler has reading to do"
    );
    place.pass(59_900);
    assert_eq!(keys(&place.claim(&queue, &worker, 10).await), ["7"]);
}

async fn a_message_whose_turn_comes_soon_is_handed_out(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    assert_eq!(queue.pace().take(TOKEN, Class::Bulk).await.unwrap(), Turn::Go);
    queue.push(&job(7), When::default()).await.unwrap();
    assert_eq!(keys(&place.claim(&queue, &worker, 10).await), ["7"], "its turn is 75 ms away");
}

async fn many_messages_of_one_token_come_at_its_pace(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    let many = (0..100)
        .map(|request| Push::of(&CheckEvent { token: TOKEN, request: RequestId(request) }, When::default()));
    queue.push_many(many.collect()).await.unwrap();
    let mut calls = 0;
    for _ in 0..1_000 {
        loop {
            let claimed = place.claim(&queue, &worker, 64).await;
            for taken in &claimed.taken {
                if queue.pace().take(TOKEN, Class::Status).await.unwrap() == Turn::Go {
                    calls += 1;
                }
                assert!(ended(&queue, taken, Fate::Done).await);
            }
            assert!(claimed.taken.len() <= 3, "not handed out only to be put back: {}", claimed.taken.len());
            if !claimed.more {
                break;
            }
        }
        place.pass(1);
    }
    assert!((12..=16).contains(&calls), "13.5 a second: {calls}");
}

async fn while_apple_is_closed_only_what_does_not_call_it_is_handed_out(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    close_apple(&queue).await;
    queue.push_many(pushes(0..5, When::default())).await.unwrap();
    queue.push(&ReadNotifications { token: TOKEN }, When::default()).await.unwrap();
    let claimed = place.claim(&queue, &worker, 10).await;
    assert_eq!(keys(&claimed), ["7"]);
    assert!(!claimed.more);
    assert_eq!(claimed.next_in_ms, Some(5_000));
    let closed = Standing::AppleClosed { until: Timestamp(START + 5_000) };
    queue.attend(&worker).await.unwrap();
    assert_eq!(standing(&queue, "sync_token:3").await, closed);
}

async fn one_message_finds_out_whether_apple_is_back_and_then_all_go(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    close_apple(&queue).await;
    queue.push_many(pushes(0..5, When::default())).await.unwrap();
    place.pass(5_000);
    let probe = place.claim(&queue, &worker, 10).await;
    assert_eq!(keys(&probe), ["0"], "a single one");
    let waiting = place.claim(&queue, &worker, 10).await;
    assert_eq!((waiting.taken.len(), waiting.more), (0, false));
    let other = queue.pace().take(TokenId(1), Class::Bulk).await.unwrap();
    assert!(matches!(other, Turn::Wait { .. }), "the probe is reserved: {other:?}");
    assert_eq!(queue.pace().take(TokenId(0), Class::Bulk).await.unwrap(), Turn::Go);
    let second = queue.pace().take(TokenId(0), Class::Bulk).await.unwrap();
    assert!(matches!(second, Turn::Wait { .. }), "one probe and not two: {second:?}");
    queue.pace().worked(TokenId(0)).await.unwrap();
    assert_eq!(place.claim(&queue, &worker, 10).await.taken.len(), 4);
}

async fn a_probe_that_is_never_made_makes_room_for_another(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    close_apple(&queue).await;
    queue.push_many(pushes(0..3, When::default())).await.unwrap();
    place.pass(5_000);
    let probe = place.claim_one(&queue, &worker).await;
    assert!(ended(&queue, &probe, Fate::Done).await, "it had nothing to ask Apple");
    let waiting = place.claim(&queue, &worker, 10).await;
    assert_eq!(waiting.taken.len(), 0);
    place.pass(i64::try_from(waiting.next_in_ms.unwrap()).unwrap());
    place.claim_one(&queue, &worker).await;
}

async fn each_state_of_a_message_has_its_sentence(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    assert_eq!(standing(&queue, "sync_token:7").await, Standing::Absent);
    queue.push(&job(7), When::due(Due::In(Duration::from_secs(5)))).await.unwrap();
    assert_eq!(standing(&queue, "sync_token:7").await, Standing::NoWorker);
    queue.attend(&worker).await.unwrap();
    let Standing::Later { due, attempts: 0, .. } = standing(&queue, "sync_token:7").await else {
        panic!("later")
    };
    assert_eq!(due, Timestamp(START + 5_000));
    queue.pause("sync_token").await.unwrap();
    assert_eq!(standing(&queue, "sync_token:7").await, Standing::Paused);
    queue.resume("sync_token").await.unwrap();
    place.pass(5_000);
    assert_eq!(standing(&queue, "sync_token:7").await, Standing::Next);
    queue.push(&ApplyChanges { token: TokenId(9) }, When::priority(crate::Priority::High)).await.unwrap();
    assert_eq!(standing(&queue, "sync_token:7").await, Standing::Behind { ahead: 1 });
    assert_eq!(standing(&queue, "apply_changes:9").await, Standing::Next);
    place.claim(&queue, &worker, 1).await;
    let taken = place.claim_one(&queue, &worker).await;
    assert!(matches!(standing(&queue, "sync_token:7").await, Standing::Running { again: false, .. }));
    queue.push(&job(7), When::default()).await.unwrap();
    assert!(matches!(standing(&queue, "sync_token:7").await, Standing::Running { again: true, .. }));
    let record = taken.record.clone();
    assert!(ended(&queue, &taken, Fate::Bury { reason: "no".to_owned(), record }).await);
    assert_eq!(standing(&queue, "sync_token:7").await, Standing::Next, "it was pushed again");
    let taken = place.claim_one(&queue, &worker).await;
    let record = taken.record.clone();
    assert!(ended(&queue, &taken, Fate::Bury { reason: "no".to_owned(), record }).await);
    assert!(
        matches!(standing(&queue, "sync_token:7").await, Standing::Dead { reason, .. } if reason == "no")
    );
    let sentence = queue.why("sync_token:7").await.unwrap().to_string();
    assert_eq!(sentence, "It was set aside and runs only when it is retried: no.");
    queue.leave(&worker).await.unwrap();
    assert!(queue.workers().await.unwrap().is_empty());
    assert!(matches!(queue.why("rubbish:7").await, Err(QueueError::UnknownKind { .. })));
}

async fn a_tokens_messages_say_that_apple_wants_it_left_alone(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    queue.attend(&worker).await.unwrap();
    let until = Timestamp(START + 20_000);
    queue.pace().close_until(TOKEN, until).await.unwrap();
    queue.push(&job(7), When::default()).await.unwrap();
    queue.push(&ApplyChanges { token: TOKEN }, When::default()).await.unwrap();
    assert!(place.claim(&queue, &worker, 10).await.taken.is_empty());
    let found = queue.why_token(TOKEN).await.unwrap();
    let ids: Vec<&str> = found.iter().map(|why| why.id.as_str()).collect();
    assert_eq!(ids, ["sync_token:7", "apply_changes:7"]);
    assert!(found.iter().all(|why| why.standing == Standing::TokenClosed { until }), "{found:?}");
}

async fn a_silent_worker_is_forgotten(place: Place) {
    let queue = place.still_queue().await;
    let (old, new) = (worker(&queue, "old"), worker(&queue, "new"));
    queue.attend(&old).await.unwrap();
    place.pass(31_000);
    assert!(queue.workers().await.unwrap().is_empty());
    queue.attend(&new).await.unwrap();
    let workers = queue.workers().await.unwrap();
    assert_eq!(workers.len(), 1);
    assert!(workers[0].name.starts_with("new#") && workers[0].kinds.contains(&"sweep".to_owned()));
}

async fn a_message_under_its_kinds_old_name_is_taken_too(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    let old = Push { kind: "sync_location".into(), ..Push::of(&job(7), When::default()) };
    queue.push_many(vec![old]).await.unwrap();
    let taken = place.claim_one(&queue, &worker).await;
    assert_eq!(&*taken.id, "sync_location:7");
    let read = crate::AnyJob::read("sync_location", &taken.record.payload).unwrap();
    assert_eq!(read.kind(), crate::jobs::SyncToken::KIND);
    assert!(ended(&queue, &taken, Fate::Done).await);
}

on_both!(
    a_message_of_a_closed_token_waits_in_the_queue_and_others_go,
    a_message_whose_turn_comes_soon_is_handed_out,
    many_messages_of_one_token_come_at_its_pace,
    while_apple_is_closed_only_what_does_not_call_it_is_handed_out,
    one_message_finds_out_whether_apple_is_back_and_then_all_go,
    a_probe_that_is_never_made_makes_room_for_another,
    each_state_of_a_message_has_its_sentence,
    a_tokens_messages_say_that_apple_wants_it_left_alone,
    a_silent_worker_is_forgotten,
    a_message_under_its_kinds_old_name_is_taken_too,
);
