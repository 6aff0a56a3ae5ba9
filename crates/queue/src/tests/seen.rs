//! What can be seen of a queue from outside, and what can be done to it.

use std::time::Duration;

use russet_domain::TokenId;

use super::hand::{Hand, Running, SOON};
use super::on_both;
use super::support::{Place, depth, ended, eventually, job, keys, pushes, worker};
use crate::contract::Fate;
use crate::jobs::ApplyChanges;
use crate::{Due, Ending, Push, QueueError, When};

async fn a_paused_kind_waits_and_others_do_not(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    queue.push(&job(1), When::default()).await.unwrap();
    queue.push(&ApplyChanges { token: TokenId(2) }, When::default()).await.unwrap();
    queue.pause("sync_token").await.unwrap();
    assert_eq!(keys(&place.claim(&queue, &worker, 10).await), ["2"]);
    assert!(queue.depths().await.unwrap().iter().any(|depth| depth.paused && depth.due == 1));
    queue.resume("sync_token").await.unwrap();
    assert_eq!(keys(&place.claim(&queue, &worker, 10).await), ["1"]);
    assert!(matches!(queue.pause("no_kind").await, Err(QueueError::UnknownKind { .. })));
}

async fn a_kind_that_a_worker_does_not_know_waits_for_one_that_does(place: Place) {
    let queue = place.still_queue().await;
    let old = queue.claimant("old", &["apply_changes"]);
    let new = worker(&queue, "new");
    queue.push(&job(1), When::default()).await.unwrap();
    assert!(place.claim(&queue, &old, 10).await.taken.is_empty());
    place.claim_one(&queue, &new).await;
}

async fn depths_count_what_is_where(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    queue.push_many(pushes(0..3, When::default())).await.unwrap();
    queue.push(&job(9), When::due(Due::In(Duration::from_secs(1)))).await.unwrap();
    let taken = place.claim(&queue, &worker, 2).await.taken;
    let fate = Fate::Bury { reason: "no".to_owned(), record: taken[0].record.clone() };
    assert!(ended(&queue, &taken[0], fate).await);
    place.pass(250);
    let depth = depth(&queue).await;
    assert_eq!((depth.waiting, depth.due, depth.delayed, depth.running, depth.dead), (2, 1, 1, 1, 1));
    assert_eq!(depth.oldest_age_ms, Some(250));
    let running = queue.running(10).await.unwrap();
    assert_eq!((running.len(), running[0].fence), (1, taken[1].lease.fence));
    assert!(running[0].worker.starts_with("w#"));
}

async fn the_dead_can_be_seen_retried_and_discarded(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    queue.push_many(pushes(0..5, When::default())).await.unwrap();
    for taken in place.claim(&queue, &worker, 5).await.taken {
        let fate = Fate::Bury { reason: format!("no {}", taken.id), record: taken.record.clone() };
        assert!(ended(&queue, &taken, fate).await);
        place.pass(1);
    }
    let first = queue.dead(2, None).await.unwrap();
    let second = queue.dead(2, first.next_cursor.as_deref()).await.unwrap();
    let third = queue.dead(2, second.next_cursor.as_deref()).await.unwrap();
    let keys_of = |page: &crate::DeadPage| page.items.iter().map(|dead| dead.key.clone()).collect::<Vec<_>>();
    assert_eq!(
        [keys_of(&first), keys_of(&second), keys_of(&third)],
        [vec!["4", "3"], vec!["2", "1"], vec!["0"]]
    );
    assert_eq!(third.next_cursor, None);
    assert_eq!(first.items[0].reason, "no sync_token:4");
    let ids: Vec<String> = ["sync_token:4", "sync_token:3", "sync_token:77"].map(str::to_owned).to_vec();
    assert_eq!(queue.retry_dead(&ids).await.unwrap(), 2);
    assert_eq!(queue.retry_dead(&ids).await.unwrap(), 0);
    assert_eq!(place.claim(&queue, &worker, 10).await.taken.len(), 2);
    assert_eq!(queue.discard_dead(&["sync_token:0".to_owned()]).await.unwrap(), 1);
    assert_eq!(queue.dead(10, None).await.unwrap().items.len(), 2);
}

async fn the_dead_of_one_kind_are_found_among_those_of_others(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    queue.push_many(pushes(0..6, When::default())).await.unwrap();
    let others = [1, 2, 3].map(|token| Push::of(&ApplyChanges { token: TokenId(token) }, When::default()));
    queue.push_many(others.to_vec()).await.unwrap();
    for taken in place.claim(&queue, &worker, 9).await.taken {
        let fate = Fate::Bury { reason: "no".to_owned(), record: taken.record.clone() };
        assert!(ended(&queue, &taken, fate).await);
        place.pass(1);
    }
    let first = queue.dead_of("apply_changes", 2, None).await.unwrap();
    let second = queue.dead_of("apply_changes", 2, first.next_cursor.as_deref()).await.unwrap();
    assert_eq!((first.items.len(), second.items.len(), second.next_cursor), (2, 1, None));
    assert!(first.items.iter().all(|dead| dead.kind == "apply_changes"));
    assert_eq!(queue.dead_of("sweep", 2, None).await.unwrap(), crate::DeadPage::default());
}

async fn the_dead_are_kept_up_to_a_bound_and_the_oldest_go_first(mut place: Place) {
    place.settings.dead_max = 3;
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    queue.push_many(pushes(0..8, When::default())).await.unwrap();
    for taken in place.claim(&queue, &worker, 8).await.taken {
        let fate = Fate::Bury { reason: "no".to_owned(), record: taken.record.clone() };
        assert!(ended(&queue, &taken, fate).await);
        place.pass(1);
    }
    let left: Vec<String> =
        queue.dead(10, None).await.unwrap().items.into_iter().map(|dead| dead.key).collect();
    assert_eq!(left, ["7", "6", "5"]);
}

async fn a_message_that_cannot_be_held_is_refused_where_it_enters(place: Place) {
    let queue = place.still_queue().await;
    let mut long = Push::of(&job(1), When::default());
    long.key = "x".repeat(300);
    let mut odd = Push::of(&job(1), When::default());
    odd.key = "a\nb".to_owned();
    for message in [long, odd] {
        let all = vec![Push::of(&job(2), When::default()), message];
        assert!(matches!(queue.push_many(all).await, Err(QueueError::Message { .. })));
    }
    assert!(queue.depths().await.unwrap().iter().all(|depth| depth.waiting == 0), "nothing was pushed");
}

async fn a_message_that_dies_again_while_it_is_retried_stays_dead(place: Place) {
    let queue = place.queue().await;
    let hand = Hand::new(|_| async { Ending::Fail { why: "no".to_owned() } });
    queue.push(&job(7), When::default()).await.unwrap();
    let worker = Running::start_one(&queue, &hand);
    for round in 1..=50 {
        hand.seen(round).await;
        eventually(SOON, "it is dead", async || depth(&queue).await.dead == 1).await;
        assert_eq!(queue.retry_dead(&["sync_token:7".to_owned()]).await.unwrap(), 1, "round {round}");
    }
    worker.stopped().await;
}

on_both!(
    a_message_that_dies_again_while_it_is_retried_stays_dead,
    a_paused_kind_waits_and_others_do_not,
    a_kind_that_a_worker_does_not_know_waits_for_one_that_does,
    depths_count_what_is_where,
    the_dead_can_be_seen_retried_and_discarded,
    the_dead_of_one_kind_are_found_among_those_of_others,
    the_dead_are_kept_up_to_a_bound_and_the_oldest_go_first,
    a_message_that_cannot_be_held_is_refused_where_it_enters,
);
