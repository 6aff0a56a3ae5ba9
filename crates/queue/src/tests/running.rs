//! Workers at work: what a handler sees, and what becomes of what it says.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use russet_domain::{Timestamp, TokenId};
use tokio::sync::Notify;

use super::hand::{Hand, Running, SOON, all_done, left};
use super::on_both;
use super::support::{Place, depth, job, pushes};
use crate::contract::POISON;
use crate::jobs::SyncToken;
use crate::{AnyJob, Due, Ending, Job as _, Push, When, WorkerSettings};

async fn what_is_pushed_is_handled_once(place: Place) {
    let queue = place.queue().await;
    let hand = Hand::done();
    queue.push_many(pushes(0..100, When::default())).await.unwrap();
    let worker = Running::start_one(&queue, &hand);
    hand.seen(100).await;
    queue.push_many(pushes(100..300, When::default())).await.unwrap();
    hand.seen(300).await;
    all_done(&queue).await;
    worker.stopped().await;
    let mut keys: Vec<_> = hand.seen.lock().unwrap().iter().map(|claim| claim.job.key()).collect();
    keys.sort();
    keys.dedup();
    assert_eq!((keys.len(), hand.count()), (300, 300));
}

async fn no_more_run_at_once_than_allowed(place: Place) {
    let queue = place.queue().await;
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let hand = Hand::new({
        let most = Arc::clone(&most);
        move |_| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(5)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                Ending::Done
            }
        }
    });
    queue.push_many(pushes(0..60, When::default())).await.unwrap();
    let worker = Running::start_one(&queue, &hand);
    hand.seen(60).await;
    worker.stopped().await;
    assert_eq!(most.load(Ordering::SeqCst), 4);
    assert_eq!(left(&queue).await, 0);
}

async fn a_delayed_message_starts_on_time(place: Place) {
    let queue = place.queue().await;
    let hand = Hand::done();
    let worker = Running::start_one(&queue, &hand);
    // The worker is idle and must hear of it; and it must not wait for its next look.
    queue.push(&job(1), When::due(Due::In(Duration::from_millis(300)))).await.unwrap();
    let start = Instant::now();
    hand.seen(1).await;
    let late = start.elapsed();
    assert!(late >= Duration::from_millis(290) && late < Duration::from_millis(800), "{late:?}");
    worker.stopped().await;
}

async fn a_snooze_costs_no_attempt_and_a_retry_does(place: Place) {
    let mut place = place;
    place.settings.backoff_base_ms = 1;
    place.settings.backoff_cap_ms = 5;
    let queue = place.queue().await;
    let turn = Arc::new(AtomicUsize::new(0));
    let hand = Hand::new(move |_| {
        let turn = turn.fetch_add(1, Ordering::SeqCst);
        async move {
            match turn {
                0 | 1 => Ending::Snooze { until: Timestamp(0) },
                2 => Ending::Retry { why: "no luck".to_owned(), after: None },
                3 => Ending::Retry { why: "no luck".to_owned(), after: Some(Duration::from_millis(1)) },
                _ => Ending::Done,
            }
        }
    });
    queue.push(&job(1), When::default()).await.unwrap();
    let worker = Running::start_one(&queue, &hand);
    hand.seen(5).await;
    all_done(&queue).await;
    queue.push(&job(1), When::default()).await.unwrap();
    hand.seen(6).await;
    worker.stopped().await;
    let seen = hand.seen.lock().unwrap();
    assert_eq!(seen.iter().map(|claim| claim.attempt).collect::<Vec<_>>(), [1, 1, 1, 2, 3, 1]);
    assert_eq!(seen[4].last_error.as_deref(), Some("no luck"));
    assert!(seen.windows(2).all(|two| two[0].fence < two[1].fence));
}

async fn after_too_many_attempts_a_message_is_dead(place: Place) {
    let mut place = place;
    place.settings.max_attempts = 3;
    place.settings.backoff_base_ms = 1;
    let queue = place.queue().await;
    let hand = Hand::new(|_| async { Ending::Retry { why: "never\nworks".to_owned(), after: None } });
    queue.push(&job(1), When::default()).await.unwrap();
    let worker = Running::start_one(&queue, &hand);
    all_done(&queue).await;
    worker.stopped().await;
    let dead = queue.dead(10, None).await.unwrap().items;
    assert_eq!((dead.len(), dead[0].attempts, hand.count()), (1, 3, 3));
    assert!(dead[0].reason.contains("never works"), "{}", dead[0].reason);
}

async fn a_panic_is_contained_and_counts_as_an_attempt(place: Place) {
    let mut place = place;
    place.settings.max_attempts = 2;
    place.settings.backoff_base_ms = 1;
    let queue = place.queue().await;
    let hand = Hand::new(|claim| async move {
        assert!(claim.job.key() != "13", "unlucky");
        Ending::Done
    });
    queue.push_many(pushes(0..20, When::default())).await.unwrap();
    let worker = Running::start_one(&queue, &hand);
    all_done(&queue).await;
    worker.stopped().await;
    let dead = queue.dead(10, None).await.unwrap().items;
    assert_eq!((dead.len(), dead[0].key.as_str()), (1, "13"));
    assert!(dead[0].reason.contains("unlucky"), "{}", dead[0].reason);
    assert_eq!(hand.count(), 21);
}

async fn what_cannot_be_read_is_dead_at_once_and_harms_nobody(place: Place) {
    let queue = place.queue().await;
    let hand = Hand::done();
    let mut messages = pushes(0..5, When::default());
    messages[2].payload = "{\"v\":99}".to_owned();
    messages[3].payload = "\u{7f}\n|||".to_owned();
    queue.push_many(messages).await.unwrap();
    let worker = Running::start_one(&queue, &hand);
    all_done(&queue).await;
    worker.stopped().await;
    let dead = queue.dead(10, None).await.unwrap().items;
    assert_eq!((dead.len(), hand.count()), (2, 3));
    assert!(dead.iter().any(|dead| dead.reason.contains("version 99") && dead.payload == "{\"v\":99}"));
}

async fn a_message_pushed_while_it_runs_is_handled_again(place: Place) {
    let queue = place.queue().await;
    let go = Arc::new(Notify::new());
    let hand = Hand::new({
        let go = Arc::clone(&go);
        move |_| {
            let go = Arc::clone(&go);
            async move {
                go.notified().await;
                Ending::Done
            }
        }
    });
    let worker = Running::start_one(&queue, &hand);
    queue.push(&job(1), When::default()).await.unwrap();
    hand.seen(1).await;
    for _ in 0..3 {
        queue.push(&job(1), When::default()).await.unwrap();
    }
    go.notify_one();
    hand.seen(2).await;
    go.notify_one();
    all_done(&queue).await;
    worker.stopped().await;
    assert_eq!(hand.count(), 2);
}

/// Settings under which a worker that is gone is noticed within a second.
fn short_leases(place: &mut Place) {
    place.settings.lease_ms = 300;
    place.settings.renew_ms = 100;
}

async fn a_vanished_workers_message_is_taken_over_and_its_ending_is_void(place: Place) {
    let mut place = place;
    short_leases(&mut place);
    let queue = place.queue().await;
    let claimant = queue.claimant("vanished", AnyJob::KINDS);
    queue.push(&job(1), When::default()).await.unwrap();
    let abandoned = place.claim_one(&queue, &claimant).await;
    let hand = Hand::done();
    let worker = Running::start_one(&queue, &hand);
    hand.seen(1).await;
    all_done(&queue).await;
    let late = super::support::ended(&queue, &abandoned, crate::contract::Fate::Done).await;
    assert!(!late, "the ending of one that came back from the dead is void");
    worker.stopped().await;
}

async fn a_long_run_of_a_living_worker_is_never_taken_over(place: Place) {
    let mut place = place;
    short_leases(&mut place);
    let queue = place.queue().await;
    let hand = Hand::new(|_| async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        Ending::Done
    });
    let one = Running::start_one(&queue, &hand);
    let other = Running::start_one(&queue, &hand);
    queue.push(&job(1), When::default()).await.unwrap();
    hand.seen(1).await;
    all_done(&queue).await;
    one.stopped().await;
    other.stopped().await;
    assert_eq!(hand.count(), 1);
}

async fn what_kills_every_worker_ends_as_poison(place: Place) {
    let mut place = place;
    short_leases(&mut place);
    let queue = place.queue().await;
    queue.push(&job(1), When::default()).await.unwrap();
    for _ in 0..=place.settings.max_rescues {
        let hand = Hand::new(|_| std::future::pending());
        let worker = Running::start_one(&queue, &hand);
        hand.seen(1).await;
        worker.killed();
    }
    let hand = Hand::done();
    let worker = Running::start_one(&queue, &hand);
    all_done(&queue).await;
    worker.stopped().await;
    assert_eq!(queue.dead(10, None).await.unwrap().items[0].reason, POISON);
    assert_eq!(hand.count(), 0);
}

async fn a_stop_lets_running_work_end_and_hands_back_the_rest(place: Place) {
    let queue = place.queue().await;
    let hand = Hand::new(|claim| async move {
        if claim.job.key() == "0" {
            std::future::pending::<()>().await;
        }
        claim.stopping.cancelled().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ending::Done
    });
    queue.push_many(pushes(0..4, When::default())).await.unwrap();
    queue.push_many(pushes(4..8, When::due(Due::In(Duration::from_millis(20))))).await.unwrap();
    let worker = Running::start(&queue, &hand, WorkerSettings { concurrency: 4, grace_ms: 500 });
    hand.seen(4).await;
    worker.stopped().await;
    assert_eq!(hand.count(), 4, "nothing is claimed after the stop");
    let depth = depth(&queue).await;
    assert_eq!((depth.waiting, depth.running), (5, 0));
    // The same name starts again at once, and what was handed back has lost no attempt.
    let again = Hand::done();
    let worker = Running::start_one(&queue, &again);
    again.seen(5).await;
    all_done(&queue).await;
    worker.stopped().await;
    let attempts: HashMap<_, _> =
        again.seen.lock().unwrap().iter().map(|claim| (claim.job.key(), claim.attempt)).collect();
    assert_eq!(attempts["0"], 1);
}

async fn a_lost_message_tells_its_handler(place: Place) {
    let mut place = place;
    short_leases(&mut place);
    let queue = place.queue().await;
    let told = Arc::new(Notify::new());
    let hand = Hand::new({
        let told = Arc::clone(&told);
        move |claim| {
            let told = Arc::clone(&told);
            async move {
                claim.lost.cancelled().await;
                told.notify_one();
                std::future::pending().await
            }
        }
    });
    queue.push(&job(1), When::default()).await.unwrap();
    let worker = Running::start_one(&queue, &hand);
    hand.seen(1).await;
    // Somebody else ends it under the worker's hands, as a rescue and another worker would.
    let running = queue.running(10).await.unwrap().remove(0);
    let lease = crate::contract::Lease {
        fence: running.fence,
        due: hand.seen.lock().unwrap()[0].due.0,
        since: running.since.0,
        worker: running.worker.into(),
    };
    let end = crate::contract::End {
        id: running.id.into(),
        lease: lease.write().into(),
        fate: crate::contract::Fate::Done,
    };
    assert!(queue.end(&[end]).await.unwrap().is_empty());
    tokio::time::timeout(SOON, told.notified()).await.expect("the handler is told");
    worker.stopped().await;
    assert_eq!(left(&queue).await, 0);
}

async fn a_paused_kind_is_left_alone_until_resumed(place: Place) {
    let queue = place.queue().await;
    queue.pause(SyncToken::KIND).await.unwrap();
    let hand = Hand::done();
    let worker = Running::start_one(&queue, &hand);
    queue.push(&job(1), When::default()).await.unwrap();
    queue.push(&crate::jobs::ApplyChanges { token: TokenId(1) }, When::default()).await.unwrap();
    hand.seen(1).await;
    assert_eq!(hand.seen.lock().unwrap()[0].job.kind(), "apply_changes");
    queue.resume(SyncToken::KIND).await.unwrap();
    hand.seen(2).await;
    worker.stopped().await;
}

async fn a_delayed_message_starts_on_time_though_the_one_who_heard_of_it_is_busy(place: Place) {
    let queue = place.queue().await;
    let hand = Hand::new(|claim| async move {
        if claim.job.kind() == "apply_changes" {
            tokio::time::sleep(Duration::from_millis(900)).await;
        }
        Ending::Done
    });
    let single = WorkerSettings { concurrency: 1, grace_ms: 5_000 };
    let workers = [Running::start(&queue, &hand, single.clone()), Running::start(&queue, &hand, single)];
    for round in 0..4 {
        let start = Instant::now();
        queue.push(&job(round), When::due(Due::In(Duration::from_millis(200)))).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        queue.push(&crate::jobs::ApplyChanges { token: TokenId(round) }, When::default()).await.unwrap();
        hand.seen(usize::try_from(round).unwrap() * 2 + 2).await;
        let late = start.elapsed();
        assert!(
            late < Duration::from_millis(700),
            "one of two is free, so nobody waits for the other: {late:?}"
        );
        all_done(&queue).await;
    }
    for worker in workers {
        worker.stopped().await;
    }
}

async fn several_workers_share_a_burst(place: Place) {
    let queue = place.queue().await;
    let hands: Vec<_> = (0..3)
        .map(|_| {
            Hand::new(|_| async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Ending::Done
            })
        })
        .collect();
    let workers: Vec<_> = hands.iter().map(|hand| Running::start_one(&queue, hand)).collect();
    let messages: Vec<Push> = pushes(0..60, When::default());
    queue.push_many(messages).await.unwrap();
    all_done(&queue).await;
    for worker in workers {
        worker.stopped().await;
    }
    let counts: Vec<_> = hands.iter().map(Hand::count).collect();
    assert_eq!(counts.iter().sum::<usize>(), 60);
    assert!(counts.iter().all(|count| *count >= 8), "each was woken and did its part: {counts:?}");
}

on_both!(
    what_is_pushed_is_handled_once,
    no_more_run_at_once_than_allowed,
    a_delayed_message_starts_on_time,
    a_snooze_costs_no_attempt_and_a_retry_does,
    after_too_many_attempts_a_message_is_dead,
    a_panic_is_contained_and_counts_as_an_attempt,
    what_cannot_be_read_is_dead_at_once_and_harms_nobody,
    a_message_pushed_while_it_runs_is_handled_again,
    a_vanished_workers_message_is_taken_over_and_its_ending_is_void,
    a_long_run_of_a_living_worker_is_never_taken_over,
    what_kills_every_worker_ends_as_poison,
    a_stop_lets_running_work_end_and_hands_back_the_rest,
    a_lost_message_tells_its_handler,
    a_paused_kind_is_left_alone_until_resumed,
    a_delayed_message_starts_on_time_though_the_one_who_heard_of_it_is_busy,
    several_workers_share_a_burst,
);
