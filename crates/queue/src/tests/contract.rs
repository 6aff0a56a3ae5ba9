//! The promises of the queue, one story each, with a clock that stands until moved.

use std::time::Duration;

use russet_domain::Timestamp;

use super::on_both;
use super::support::{Place, START, depth, end, ended, job, keys, pushes, worker};
use crate::contract::{Again, Ask, Fate, POISON, Record};
use crate::jobs::{ApplyChanges, SyncToken};
use crate::{Due, Job as _, Priority, When};
use russet_domain::TokenId;

fn due_in(millis: u64) -> When {
    When::due(Due::In(Duration::from_millis(millis)))
}

fn wait(again: Again, record: &Record) -> Fate {
    Fate::Wait { again, record: record.clone() }
}

async fn a_message_pushed_twice_is_one(place: Place) {
    let queue = place.still_queue().await;
    queue.push(&job(1), When::default()).await.unwrap();
    queue.push(&job(1), When::default()).await.unwrap();
    let worker = worker(&queue, "w");
    let taken = place.claim_one(&queue, &worker).await;
    assert_eq!(&*taken.id, "sync_token:1");
    assert_eq!(SyncToken::read(&taken.record.payload).unwrap(), job(1));
    assert!(ended(&queue, &taken, Fate::Done).await);
    let left = place.claim(&queue, &worker, 10).await;
    assert!(left.taken.is_empty() && !left.more && left.next_in_ms.is_none(), "{left:?}");
}

async fn pushing_again_brings_a_waiting_message_forward_and_never_back(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    queue.push(&job(1), due_in(5_000)).await.unwrap();
    queue.push(&job(1), due_in(9_000)).await.unwrap();
    assert_eq!(place.claim(&queue, &worker, 1).await.next_in_ms, Some(5_000));
    queue.push(&job(1), due_in(1_000)).await.unwrap();
    assert_eq!(place.claim(&queue, &worker, 1).await.next_in_ms, Some(1_000));
    place.pass(1_000);
    assert_eq!(place.claim_one(&queue, &worker).await.lease.due, START + 1_000);
}

async fn pushing_again_raises_the_priority_and_never_lowers_it(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    for priority in [Priority::Low, Priority::High, Priority::Normal] {
        queue.push(&job(1), When { priority, due: Due::In(Duration::from_secs(1)) }).await.unwrap();
    }
    assert_eq!(depth(&queue).await.waiting, 1);
    place.pass(1_000);
    assert_eq!(place.claim_one(&queue, &worker).await.record.priority, Priority::High);
}

async fn a_message_pushed_while_it_runs_runs_once_more(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    queue.push(&job(1), When::default()).await.unwrap();
    let first = place.claim_one(&queue, &worker).await;
    queue.push(&job(1), When::default()).await.unwrap();
    queue.push(&job(1), When::priority(Priority::High)).await.unwrap();
    assert!(place.claim(&queue, &worker, 10).await.taken.is_empty(), "one at a time per key");
    assert!(ended(&queue, &first, Fate::Done).await);
    let second = place.claim_one(&queue, &worker).await;
    assert_eq!(second.record.priority, Priority::High);
    assert!(second.lease.fence > first.lease.fence);
    assert!(ended(&queue, &second, Fate::Done).await);
    assert!(place.claim(&queue, &worker, 10).await.taken.is_empty());
}

async fn a_message_pushed_while_it_runs_and_then_failed_runs_anyway(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    queue.push(&job(1), When::default()).await.unwrap();
    let taken = place.claim_one(&queue, &worker).await;
    queue.push(&job(1), When::default()).await.unwrap();
    let fate = Fate::Bury { reason: "no".to_owned(), record: taken.record.clone() };
    assert!(ended(&queue, &taken, fate).await);
    assert_eq!(queue.dead(10, None).await.unwrap().items.len(), 1);
    place.claim_one(&queue, &worker).await;
}

async fn a_snoozed_message_pushed_while_it_ran_takes_the_earlier_time(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    queue.push(&job(1), When::default()).await.unwrap();
    let taken = place.claim_one(&queue, &worker).await;
    queue.push(&job(1), due_in(2_000)).await.unwrap();
    let snooze = wait(Again::NotBefore(Timestamp(START + 60_000)), &taken.record);
    assert!(ended(&queue, &taken, snooze).await);
    assert_eq!(place.claim(&queue, &worker, 1).await.next_in_ms, Some(2_000));
}

async fn a_snoozed_message_keeps_its_attempts(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    queue.push(&job(1), When::default()).await.unwrap();
    let taken = place.claim_one(&queue, &worker).await;
    let record = Record { attempts: 3, why: "busy".to_owned(), ..taken.record.clone() };
    assert!(ended(&queue, &taken, wait(Again::After(0), &record)).await);
    assert_eq!(place.claim_one(&queue, &worker).await.record, record);
}

async fn a_snooze_to_the_past_goes_to_the_end_of_the_line(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    queue.push(&job(1), When::default()).await.unwrap();
    let taken = place.claim_one(&queue, &worker).await;
    place.pass(10);
    queue.push(&job(2), When::default()).await.unwrap();
    place.pass(10);
    assert!(ended(&queue, &taken, wait(Again::NotBefore(Timestamp(0)), &taken.record)).await);
    assert_eq!(keys(&place.claim(&queue, &worker, 10).await), ["2", "1"]);
}

async fn a_message_handed_back_keeps_its_place(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    queue.push(&job(1), When::default()).await.unwrap();
    let taken = place.claim_one(&queue, &worker).await;
    place.pass(10);
    queue.push(&job(2), When::default()).await.unwrap();
    assert!(ended(&queue, &taken, wait(Again::InPlace(taken.lease.due), &taken.record)).await);
    assert_eq!(keys(&place.claim(&queue, &worker, 10).await), ["1", "2"]);
}

async fn ready_messages_come_by_due_time_less_head_start(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    let head_start = i64::try_from(place.settings.head_start_ms).unwrap();
    queue.push(&job(1), When::priority(Priority::Low)).await.unwrap();
    queue.push(&ApplyChanges { token: TokenId(2) }, When::default()).await.unwrap();
    place.pass(head_start - 1);
    // One head start after the second and two after the first, less a moment: the urgent ones win.
    queue.push(&job(3), When::priority(Priority::High)).await.unwrap();
    place.pass(1);
    queue.push(&job(4), When::default()).await.unwrap();
    let claimed = place.claim(&queue, &worker, 10).await;
    assert_eq!(keys(&claimed), ["3", "2", "1", "4"]);
}

async fn an_old_message_of_low_priority_is_not_overtaken_for_ever(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    queue.push(&job(0), When::priority(Priority::Low)).await.unwrap();
    let mut rounds = 0;
    loop {
        rounds += 1;
        assert!(rounds < 100, "the old message starved");
        // There is always a fresh urgent message, and only one place.
        queue.push(&job(rounds), When::priority(Priority::High)).await.unwrap();
        let claimed = place.claim(&queue, &worker, 1).await;
        let ends: Vec<_> = claimed.taken.iter().map(|taken| end(taken, Fate::Done)).collect();
        assert!(queue.end(&ends).await.unwrap().is_empty());
        if keys(&claimed) == ["0"] {
            break;
        }
        place.pass(2_000);
    }
    assert!((60..=62).contains(&rounds), "after two head starts, and not before: {rounds}");
}

async fn a_delayed_message_is_not_handed_out_early(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    // A head start shortens the wait in line, not the delay.
    let when = When { priority: Priority::High, due: Due::In(Duration::from_secs(30)) };
    queue.push(&job(1), when).await.unwrap();
    place.pass(29_999);
    let claimed = place.claim(&queue, &worker, 10).await;
    assert!(claimed.taken.is_empty());
    assert_eq!(claimed.next_in_ms, Some(1));
    place.pass(1);
    place.claim_one(&queue, &worker).await;
}

async fn a_claim_takes_no_more_than_asked_and_says_that_there_is_more(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    queue.push_many(pushes(0..1_200, When::default())).await.unwrap();
    let claimed = place.claim(&queue, &worker, 7).await;
    assert_eq!(claimed.taken.len(), 7);
    assert!(claimed.more);
    let mut count = 7;
    loop {
        let claimed = place.claim(&queue, &worker, 10_000).await;
        count += claimed.taken.len();
        let ends: Vec<_> = claimed.taken.iter().map(|taken| end(taken, Fate::Done)).collect();
        assert!(queue.end(&ends).await.unwrap().is_empty());
        if !claimed.more {
            break;
        }
    }
    assert_eq!(count, 1_200);
}

async fn many_lanes_are_merged_in_order(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    for token in 0..200 {
        if token % 2 == 0 {
            queue.push(&job(token), When::default()).await.unwrap();
        } else {
            queue.push(&ApplyChanges { token: TokenId(token) }, When::default()).await.unwrap();
        }
        place.pass(1);
    }
    let mut found = Vec::new();
    while found.len() < 200 {
        let claimed = place.claim(&queue, &worker, 150).await;
        assert!(!claimed.taken.is_empty());
        found.extend(keys(&claimed).into_iter().map(|key| key.parse::<i64>().unwrap()));
    }
    assert!(found.is_sorted(), "{found:?}");
}

async fn a_claim_whose_answer_was_lost_is_answered_the_same_again(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    queue.push_many(pushes(0..5, When::default())).await.unwrap();
    let first = queue.claim(&worker, Ask { request: 9_000, max: 3 }).await.unwrap();
    let again = queue.claim(&worker, Ask { request: 9_000, max: 3 }).await.unwrap();
    assert_eq!(first.taken, again.taken);
    let other = queue.claim(&worker, Ask { request: 9_001, max: 1 }).await.unwrap();
    assert_eq!(other.taken.len(), 1, "a request that never arrived is a new one");
    let late = queue.claim(&worker, Ask { request: 9_000, max: 3 }).await.unwrap();
    assert!(late.taken.is_empty(), "nobody waits for the answer to an older request");
}

async fn an_ending_with_a_stale_lease_is_refused(place: Place) {
    let queue = place.still_queue().await;
    let (zombie, living) = (worker(&queue, "w"), worker(&queue, "w"));
    queue.push(&job(1), When::default()).await.unwrap();
    let first = place.claim_one(&queue, &zombie).await;
    queue.rescue().await.unwrap();
    place.pass(10_000);
    queue.rescue().await.unwrap();
    place.pass(6_000);
    assert_eq!(queue.rescue().await.unwrap().rescued, 1);
    let second = place.claim_one(&queue, &living).await;
    assert!(second.lease.fence > first.lease.fence);
    assert!(!ended(&queue, &first, Fate::Done).await, "the zombie's ending is void");
    assert_eq!(queue.renew(&[(first.id.clone(), first.text.clone())]).await.unwrap(), [0]);
    assert!(ended(&queue, &second, Fate::Done).await);
    assert!(!ended(&queue, &second, Fate::Done).await, "repeating changes nothing");
}

async fn of_many_endings_only_the_stale_are_refused(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    queue.push_many(pushes(0..4, When::default())).await.unwrap();
    queue.push(&ApplyChanges { token: TokenId(9) }, When::default()).await.unwrap();
    let taken = place.claim(&queue, &worker, 10).await.taken;
    assert!(ended(&queue, &taken[1], Fate::Done).await);
    assert!(ended(&queue, &taken[2], Fate::Done).await);
    let fates = [
        wait(Again::After(5), &taken[0].record),
        wait(Again::After(5), &taken[1].record),
        Fate::Done,
        Fate::Done,
        Fate::Bury { reason: "no".to_owned(), record: taken[4].record.clone() },
    ];
    let ends: Vec<_> = taken.iter().zip(fates).map(|(taken, fate)| end(taken, fate)).collect();
    let mut refused = queue.end(&ends).await.unwrap();
    refused.sort_unstable();
    assert_eq!(refused, [1, 2]);
    assert_eq!(queue.dead(10, None).await.unwrap().items[0].id, *taken[4].id);
    assert_eq!(place.claim(&queue, &worker, 10).await.next_in_ms, Some(5));
}

async fn a_lease_that_is_renewed_is_not_rescued(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    queue.push(&job(1), When::default()).await.unwrap();
    let taken = place.claim_one(&queue, &worker).await;
    for _ in 0..20 {
        place.pass(5_000);
        assert!(queue.renew(&[(taken.id.clone(), taken.text.clone())]).await.unwrap().is_empty());
        assert_eq!(queue.rescue().await.unwrap().rescued, 0);
    }
    assert!(ended(&queue, &taken, Fate::Done).await);
}

async fn after_a_silence_the_living_get_time_to_renew(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    queue.push_many(pushes(0..2, When::default())).await.unwrap();
    let taken = place.claim(&queue, &worker, 2).await.taken;
    queue.rescue().await.unwrap();
    // Nobody was there for a minute, as when Redis is away: all leases have run out.
    place.pass(60_000);
    assert_eq!(queue.rescue().await.unwrap().rescued, 0);
    assert!(queue.renew(&[(taken[0].id.clone(), taken[0].text.clone())]).await.unwrap().is_empty());
    place.pass(6_001);
    assert_eq!(queue.rescue().await.unwrap().rescued, 1, "only what nobody renewed");
    assert!(ended(&queue, &taken[0], Fate::Done).await);
    assert!(!ended(&queue, &taken[1], Fate::Done).await);
}

async fn what_takes_worker_after_worker_down_is_set_aside_as_poison(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    queue.push(&job(1), When::default()).await.unwrap();
    let mut claims = 0;
    while queue.dead(1, None).await.unwrap().items.is_empty() {
        claims += 1;
        place.claim_one(&queue, &worker).await;
        for _ in 0..4 {
            place.pass(4_000);
            queue.rescue().await.unwrap();
        }
        assert!(claims < 10);
    }
    assert_eq!(claims, 1 + place.settings.max_rescues);
    let dead = &queue.dead(1, None).await.unwrap().items[0];
    assert_eq!((dead.reason.as_str(), dead.rescues), (POISON, claims));
    assert!(place.claim(&queue, &worker, 10).await.taken.is_empty());
}

async fn a_rescued_message_pushed_while_it_ran_takes_the_higher_priority(place: Place) {
    let queue = place.still_queue().await;
    let worker = worker(&queue, "w");
    queue.push(&job(1), When::default()).await.unwrap();
    place.claim_one(&queue, &worker).await;
    queue.push(&job(1), When::priority(Priority::High)).await.unwrap();
    for _ in 0..4 {
        queue.rescue().await.unwrap();
        place.pass(5_000);
    }
    let taken = place.claim_one(&queue, &worker).await;
    assert_eq!((taken.record.priority, taken.record.rescues), (Priority::High, 1));
    assert_eq!(taken.lease.due, START, "its place in line is the old one");
}

on_both!(
    a_message_pushed_twice_is_one,
    pushing_again_brings_a_waiting_message_forward_and_never_back,
    pushing_again_raises_the_priority_and_never_lowers_it,
    a_message_pushed_while_it_runs_runs_once_more,
    a_message_pushed_while_it_runs_and_then_failed_runs_anyway,
    a_snoozed_message_pushed_while_it_ran_takes_the_earlier_time,
    a_snoozed_message_keeps_its_attempts,
    a_snooze_to_the_past_goes_to_the_end_of_the_line,
    a_message_handed_back_keeps_its_place,
    ready_messages_come_by_due_time_less_head_start,
    an_old_message_of_low_priority_is_not_overtaken_for_ever,
    a_delayed_message_is_not_handed_out_early,
    a_claim_takes_no_more_than_asked_and_says_that_there_is_more,
    many_lanes_are_merged_in_order,
    a_claim_whose_answer_was_lost_is_answered_the_same_again,
    an_ending_with_a_stale_lease_is_refused,
    of_many_endings_only_the_stale_are_refused,
    a_lease_that_is_renewed_is_not_rescued,
    after_a_silence_the_living_get_time_to_renew,
    what_takes_worker_after_worker_down_is_set_aside_as_poison,
    a_rescued_message_pushed_while_it_ran_takes_the_higher_priority,
);
