//! The limiter: never above the rate, fair between classes, obedient to refusals, and the same over Redis as here.

use std::time::Duration;

use proptest::prelude::*;
use russet_domain::{Timestamp, TokenId};

use super::on_both;
use super::support::{Place, START, try_many};
use crate::pace::SETTLE_MS;
use crate::{Booking, Class, Pace, Queue, QueueError, Turn, Wait};

const TOKEN: TokenId = TokenId(7);

/// The most turns in any second that includes its beginning and not its end.
fn most_in_a_second(times_us: &[i64]) -> usize {
    let mut times = times_us.to_vec();
    times.sort_unstable();
    times
        .iter()
        .map(|start| times.iter().filter(|at| (*start..*start + 1_000_000).contains(*at)).count())
        .max()
        .unwrap_or(0)
}

async fn take_all(place: &Place, pace: &Pace, class: Class, millis: i64) -> Vec<i64> {
    let mut taken = Vec::new();
    let end = place.now() + millis;
    while place.now() < end {
        match pace.take(TOKEN, class).await.unwrap() {
            Turn::Go => taken.push(place.now() * 1_000),
            Turn::Wait { until, .. } => place.pass((until.0 - place.now()).clamp(1, end - place.now())),
        }
    }
    taken
}

async fn a_token_gets_its_rate_and_no_sliding_second_more(place: Place) {
    let queue = place.still_queue().await;
    let pace = queue.pace();
    let taken = take_all(&place, &pace, Class::Bulk, 20_000).await;
    assert!(most_in_a_second(&taken) <= 14, "13.5 a second are at most 14 in any second");
    let used = taken.len() as f64 / 20.0 / 13.5;
    assert!(used >= 0.95, "only {used} of the rate is used");
}

async fn a_limiter_that_has_just_begun_gives_no_turns_yet(place: Place) {
    let queue = Queue::open_with(&place.settings, place.clock()).await.unwrap();
    let pace = queue.pace();
    // What was sent before it began it cannot know, and Apple counts over a second.
    let wait = Turn::Wait { until: Timestamp(START), why: Wait::Pace };
    assert_eq!(pace.take(TOKEN, Class::Interactive).await.unwrap(), wait);
    place.pass(SETTLE_MS - 1);
    assert_eq!(pace.take(TokenId(8), Class::Bulk).await.unwrap(), wait);
    place.pass(1);
    assert_eq!(pace.take(TOKEN, Class::Interactive).await.unwrap(), Turn::Go);
}

async fn a_token_has_the_rate_it_was_given(place: Place) {
    let queue = place.still_queue().await;
    let pace = queue.pace();
    for rate in [0.5, 1.0, 4.5, 90.0] {
        pace.set_rate(TOKEN, rate).await.unwrap();
        place.pass(5_000);
        let taken = take_all(&place, &pace, Class::Bulk, 10_000).await;
        assert!(most_in_a_second(&taken) as f64 <= rate.ceil(), "{rate}");
        assert!(taken.len() as f64 >= rate * 9.4, "{rate}: {}", taken.len());
    }
    assert!(matches!(pace.set_rate(TOKEN, f64::NAN).await, Err(QueueError::Setting { .. })));
    assert!(matches!(pace.set_rate(TOKEN, 0.0).await, Err(QueueError::Setting { .. })));
}

async fn the_time_told_is_exact(place: Place) {
    let queue = place.still_queue().await;
    let pace = queue.pace();
    assert_eq!(pace.take(TOKEN, Class::Bulk).await.unwrap(), Turn::Go);
    let Turn::Wait { until, why } = pace.take(TOKEN, Class::Bulk).await.unwrap() else {
        panic!("no turn is left")
    };
    assert_eq!(why, Wait::Pace);
    place.pass(until.0 - 1 - place.now());
    assert!(matches!(pace.take(TOKEN, Class::Bulk).await.unwrap(), Turn::Wait { .. }));
    place.pass(1);
    assert_eq!(pace.take(TOKEN, Class::Bulk).await.unwrap(), Turn::Go);
    assert_eq!(
        pace.take(TokenId(8), Class::Bulk).await.unwrap(),
        Turn::Go,
        "another token has its own turns"
    );
}

async fn no_class_is_shut_out_by_another(place: Place) {
    let queue = place.still_queue().await;
    let pace = queue.pace();
    let classes = [Class::Bulk, Class::Status, Class::Interactive];
    let mut counts = [0; 3];
    for _ in 0..20_000 {
        for (class, count) in classes.iter().zip(&mut counts) {
            if pace.take(TOKEN, *class).await.unwrap() == Turn::Go {
                *count += 1;
            }
        }
        place.pass(1);
    }
    let total: i32 = counts.iter().sum();
    assert!(f64::from(total) >= 20.0 * 13.5 * 0.95, "{counts:?}");
    assert!(counts.iter().all(|count| f64::from(*count) >= f64::from(total) * 0.05), "{counts:?}");
}

async fn work_alone_uses_every_turn_and_company_gets_its_share_at_once(place: Place) {
    let queue = place.still_queue().await;
    let pace = queue.pace();
    take_all(&place, &pace, Class::Bulk, 10_000).await;
    let Turn::Wait { until, .. } = pace.take(TOKEN, Class::Interactive).await.unwrap() else { return };
    assert!(until.0 - place.now() <= 78, "at most one turn away");
}

async fn a_refusal_halves_the_rate_and_it_climbs_back(place: Place) {
    let queue = place.still_queue().await;
    let pace = queue.pace();
    let until = pace.slow_down(TOKEN).await.unwrap();
    assert!(
        until.0 >= START && until.0 <= START + 1_000,
        "a random moment below a second: {}",
        until.0 - START
    );
    for _ in 0..5 {
        assert_eq!(pace.slow_down(TOKEN).await.unwrap(), until, "refused together is refused once");
    }
    place.pass(2_000);
    let slow = take_all(&place, &pace, Class::Bulk, 10_000).await;
    assert!((64..=68).contains(&slow.len()), "half of 13.5: {}", slow.len());
    place.pass(6 * 60_000);
    let fast = take_all(&place, &pace, Class::Bulk, 10_000).await;
    assert!(fast.len() >= 128, "{}", fast.len());
    for _ in 0..40 {
        place.pass(1_000);
        pace.slow_down(TOKEN).await.unwrap();
    }
    place.pass(60_000);
    let Turn::Wait { .. } = ({
        pace.take(TOKEN, Class::Bulk).await.unwrap();
        pace.take(TOKEN, Class::Bulk).await.unwrap()
    }) else {
        panic!("after many refusals there is little")
    };
}

async fn a_closed_token_stays_closed_until_it_was_told(place: Place) {
    let queue = place.still_queue().await;
    let pace = queue.pace();
    let until = Timestamp(START + 30_000);
    pace.close_until(TOKEN, until).await.unwrap();
    pace.close_until(TOKEN, Timestamp(START + 10_000)).await.unwrap();
    assert_eq!(
        pace.take(TOKEN, Class::Interactive).await.unwrap(),
        Turn::Wait { until, why: Wait::TokenClosed }
    );
    assert_eq!(pace.take(TokenId(8), Class::Bulk).await.unwrap(), Turn::Go);
    place.pass(30_000);
    assert_eq!(pace.take(TOKEN, Class::Interactive).await.unwrap(), Turn::Go);
    pace.close_until(TOKEN, Timestamp(i64::MAX / 2)).await.unwrap();
    place.pass(86_400_000);
    assert_eq!(
        pace.take(TOKEN, Class::Bulk).await.unwrap(),
        Turn::Go,
        "nobody is closed for longer than a day"
    );
}

async fn many_failing_tokens_close_apple_and_one_probe_opens_it(place: Place) {
    let queue = place.still_queue().await;
    let pace = queue.pace();
    for token in 0..4 {
        for _ in 0..5 {
            pace.failed(TokenId(token)).await.unwrap();
        }
    }
    assert_eq!(pace.take(TOKEN, Class::Bulk).await.unwrap(), Turn::Go, "four tokens are not many");
    pace.failed(TokenId(4)).await.unwrap();
    let closed = Turn::Wait { until: Timestamp(START + 5_000), why: Wait::AppleClosed };
    assert_eq!(pace.take(TokenId(100), Class::Interactive).await.unwrap(), closed);
    place.pass(5_000);
    assert_eq!(pace.take(TokenId(1), Class::Bulk).await.unwrap(), Turn::Go, "the probe");
    for token in 2..5 {
        let turn = pace.take(TokenId(token), Class::Bulk).await.unwrap();
        assert!(matches!(turn, Turn::Wait { why: Wait::AppleClosed, .. }), "one probe at a time: {turn:?}");
    }
    pace.failed(TokenId(1)).await.unwrap();
    let closed = Turn::Wait { until: Timestamp(START + 15_000), why: Wait::AppleClosed };
    assert_eq!(pace.take(TokenId(1), Class::Bulk).await.unwrap(), closed, "closed for twice as long");
    place.pass(10_000);
    assert_eq!(pace.take(TokenId(2), Class::Bulk).await.unwrap(), Turn::Go, "the next probe");
    pace.worked(TokenId(2)).await.unwrap();
    assert_eq!(pace.take(TokenId(3), Class::Bulk).await.unwrap(), Turn::Go, "open again");
}

async fn a_probe_that_never_reports_makes_room_for_another(place: Place) {
    let queue = place.still_queue().await;
    let pace = queue.pace();
    for token in 0..5 {
        pace.failed(TokenId(token)).await.unwrap();
    }
    place.pass(5_000);
    assert_eq!(pace.take(TokenId(1), Class::Bulk).await.unwrap(), Turn::Go);
    let Turn::Wait { until, .. } = pace.take(TokenId(2), Class::Bulk).await.unwrap() else {
        panic!("one probe")
    };
    place.pass(until.0 - place.now());
    assert_eq!(pace.take(TokenId(2), Class::Bulk).await.unwrap(), Turn::Go);
}

async fn failures_among_many_that_work_close_nothing(place: Place) {
    let queue = place.still_queue().await;
    let pace = queue.pace();
    for token in 0..30 {
        pace.worked(TokenId(token)).await.unwrap();
    }
    for token in 0..10 {
        pace.failed(TokenId(token)).await.unwrap();
    }
    assert_eq!(pace.take(TOKEN, Class::Bulk).await.unwrap(), Turn::Go);
}

async fn waiting_in_place_spaces_a_crowd_out(place: Place) {
    let queue = place.settled_queue().await;
    let pace = queue.pace();
    let crowd = (0..20).map(|n| {
        let pace = pace.clone();
        let class = if n % 2 == 0 { Class::Interactive } else { Class::Bulk };
        async move {
            let turn = pace.turn(TOKEN, class, Duration::from_secs(10)).await.unwrap();
            assert_eq!(turn, Turn::Go);
            std::time::Instant::now()
        }
    });
    let start = std::time::Instant::now();
    let times = futures::future::join_all(crowd.map(tokio::spawn)).await;
    let times: Vec<i64> = times
        .into_iter()
        .map(|at| i64::try_from(at.unwrap().duration_since(start).as_micros()).unwrap())
        .collect();
    assert!(most_in_a_second(&times) <= 15, "one may be late by a timer's width: {times:?}");
    let last = *times.iter().max().unwrap();
    assert!((1_400_000..2_500_000).contains(&last), "twenty turns take a second and a half: {last}");
    let turn = pace.turn(TOKEN, Class::Bulk, Duration::ZERO).await.unwrap();
    assert!(matches!(turn, Turn::Wait { why: Wait::Pace, .. }), "no patience, no wait");
}

async fn a_booked_turn_is_void_once_the_token_is_closed(place: Place) {
    let queue = place.settled_queue().await;
    let pace = queue.pace();
    pace.set_rate(TOKEN, 2.0).await.unwrap();
    assert_eq!(pace.take(TOKEN, Class::Bulk).await.unwrap(), Turn::Go);
    let waiting = tokio::spawn({
        let pace = pace.clone();
        async move { pace.turn(TOKEN, Class::Interactive, Duration::from_secs(5)).await.unwrap() }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let until = Timestamp(queue.now().await.unwrap().0 + 60_000);
    pace.close_until(TOKEN, until).await.unwrap();
    assert_eq!(waiting.await.unwrap(), Turn::Wait { until, why: Wait::TokenClosed });
}

async fn a_turn_that_was_missed_is_void(place: Place) {
    let queue = place.settled_queue().await;
    let pace = queue.pace();
    pace.set_rate(TOKEN, 2.0).await.unwrap();
    let start = std::time::Instant::now();
    let Booking::Turn(booked) = pace.book(TOKEN, Class::Bulk, Duration::from_secs(2)).await.unwrap() else {
        panic!("a turn is free")
    };
    // The database was slow, or the whole process was frozen.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(booked.come().await.unwrap(), Turn::Go);
    let waited = start.elapsed();
    assert!(
        waited >= Duration::from_millis(490),
        "the next turn is half a second after the first: {waited:?}"
    );
}

async fn a_probe_that_was_missed_or_not_needed_makes_room_at_once(mut place: Place) {
    place.settings.breaker_pause_ms = 50;
    let queue = place.settled_queue().await;
    let pace = queue.pace();
    for token in 0..5 {
        pace.failed(TokenId(token)).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(60)).await;
    let patience = Duration::from_secs(2);
    let Booking::Turn(missed) = pace.book(TOKEN, Class::Bulk, patience).await.unwrap() else {
        panic!("the probe")
    };
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(missed.come().await.unwrap(), Turn::Go, "its own probe is not in its way");
    pace.worked(TOKEN).await.unwrap();

    for token in 10..15 {
        pace.failed(TokenId(token)).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(60)).await;
    let Booking::Turn(unused) = pace.book(TOKEN, Class::Bulk, patience).await.unwrap() else {
        panic!("the probe")
    };
    unused.give_back().await.unwrap();
    assert_eq!(pace.take(TokenId(9), Class::Bulk).await.unwrap(), Turn::Go, "another probes");
}

on_both!(
    a_probe_that_was_missed_or_not_needed_makes_room_at_once,
    a_turn_that_was_missed_is_void,
    a_limiter_that_has_just_begun_gives_no_turns_yet,
    a_token_gets_its_rate_and_no_sliding_second_more,
    a_token_has_the_rate_it_was_given,
    the_time_told_is_exact,
    no_class_is_shut_out_by_another,
    work_alone_uses_every_turn_and_company_gets_its_share_at_once,
    a_refusal_halves_the_rate_and_it_climbs_back,
    a_closed_token_stays_closed_until_it_was_told,
    many_failing_tokens_close_apple_and_one_probe_opens_it,
    a_probe_that_never_reports_makes_room_for_another,
    failures_among_many_that_work_close_nothing,
    waiting_in_place_spaces_a_crowd_out,
    a_booked_turn_is_void_once_the_token_is_closed,
);

/// Something that happens to a limiter.
#[derive(Clone, Debug)]
enum Step {
    Pass(i64),
    Book(i64, Class, i64),
    Rate(i64, f64),
    Slow(i64, f64),
    Close(i64, i64),
    Report(i64, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let class = prop_oneof![Just(Class::Interactive), Just(Class::Status), Just(Class::Bulk)];
    let token = 0_i64..7;
    prop_oneof![
        3 => prop_oneof![0_i64..100, 0_i64..3_000, Just(61_000_i64)].prop_map(Step::Pass),
        8 => (token.clone(), class, prop_oneof![Just(0_i64), 0_i64..2_000_000]).prop_map(|(t, c, a)| Step::Book(t, c, a)),
        1 => (token.clone(), 0.1_f64..40.0).prop_map(|(t, rate)| Step::Rate(t, rate)),
        1 => (token.clone(), 0.0_f64..1.0).prop_map(|(t, unit)| Step::Slow(t, unit)),
        1 => (token.clone(), -5_000_i64..5_000).prop_map(|(t, off)| Step::Close(t, off)),
        2 => (token, any::<bool>()).prop_map(|(t, failed)| Step::Report(t, failed)),
    ]
}

#[test]
fn redis_and_this_process_give_the_same_turns() {
    try_many(24, &proptest::collection::vec(step(), 1..120), |steps| {
        tokio::runtime::Runtime::new().unwrap().block_on(play(steps));
    });
}

async fn play(steps: Vec<Step>) {
    let place = Place::over_redis();
    let redis = crate::redis::Redis::open(&place.settings, place.clock()).await.unwrap();
    let mut paces = crate::pace::Paces::default();
    paces.begin(place.now());
    let rate = place.settings.default_rate;
    for step in steps {
        let (ms, us) = (place.now(), place.now() * 1_000);
        match step {
            Step::Pass(millis) => place.pass(millis),
            Step::Book(token, class, ahead) => {
                let there = redis.pace_take(TokenId(token), class, ahead).await.unwrap();
                assert_eq!(there, paces.take(TokenId(token), class, us, ahead, rate));
                let there = redis.pace_holds(TokenId(token), us).await.unwrap();
                assert_eq!(there, paces.holds(TokenId(token), us, us));
            }
            Step::Rate(token, rate) => {
                redis.pace_rate(TokenId(token), rate).await.unwrap();
                paces.set_rate(TokenId(token), rate, ms);
            }
            Step::Slow(token, unit) => {
                let there = redis.pace_slow(TokenId(token), unit).await.unwrap();
                assert_eq!(there.0, paces.slow_down(TokenId(token), ms, unit, rate));
            }
            Step::Close(token, off) => {
                redis.pace_close(TokenId(token), Timestamp(ms + off)).await.unwrap();
                paces.close(TokenId(token), ms + off, ms);
            }
            Step::Report(token, failed) => {
                let there = redis.pace_report(TokenId(token), failed).await.unwrap();
                assert_eq!(there, paces.report(TokenId(token), failed, ms, &place.settings));
            }
        }
    }
}

#[test]
fn no_sliding_second_holds_more_than_the_rate() {
    let call = (0_i64..80_000, 0_u8..3, 0_i64..500_000);
    let calls = proptest::collection::vec(call, 1..400);
    try_many(256, &(1.0_f64..60.0, calls), |(rate, calls)| {
        let mut paces = crate::pace::Paces::default();
        let mut now = START * 1_000;
        paces.begin(START - SETTLE_MS);
        paces.set_rate(TOKEN, rate, START);
        let mut turns = Vec::new();
        for (pass, class, ahead) in calls {
            now += pass;
            let class = [Class::Interactive, Class::Status, Class::Bulk][usize::from(class)];
            let answer = paces.take(TOKEN, class, now, ahead, rate);
            if answer.verdict == crate::pace::Verdict::Go {
                turns.push(answer.at_us);
            }
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "rates are small and positive"
        )]
        let most = rate.ceil() as usize;
        assert!(most_in_a_second(&turns) <= most, "{} at {rate} a second", most_in_a_second(&turns));
    });
}
