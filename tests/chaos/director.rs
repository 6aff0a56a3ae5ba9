//! Runs the play: sets the stage, lets work and faults loose on it, heals it, and calls the judge.

use std::sync::Arc;
use std::time::{Duration, Instant};

use russet_tests::{Dice, now_ms};
use serde_json::json;
use tokio::task::JoinSet;

use crate::acts::Act;
use crate::report::Report;
use crate::say::say;
use crate::stage::Stage;
use crate::work::{self, Wishes};
use crate::{judge, keys, ticks, weather};

/// Faults that are under way at the same time, at most.
const ACTS_AT_ONCE: usize = 3;

/// Between two faults, in milliseconds.
const PAUSE_MS: std::ops::Range<u64> = 100..900;

/// How long the faults under way may take to end.
const ACTS_END_WITHIN: Duration = Duration::from_secs(40);

/// How long clients may take after the healing until their last submission is answered.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

/// Plays until the report says all.
pub(crate) async fn play(report: Report, seed: u64, length: Duration) {
    let mut stage = Arc::new(Stage::set(report.clone(), seed).await);
    let tokens = work::tokens(&stage).await;
    let _ = stage.tokens.set(tokens.clone());
    say(&format!("the stage is set: {} tokens", tokens.len()));
    weather::drizzle(&stage).await;

    let until = Instant::now() + length;
    let mut clients = JoinSet::new();
    for (number, token) in tokens.into_iter().enumerate() {
        let dice = Dice::new(seed ^ (0xC0FFEE + number as u64));
        clients.spawn(work::wish(
            Arc::clone(&stage),
            token,
            dice,
            until,
            until + ANSWERED_WITHIN + ACTS_END_WITHIN,
        ));
    }
    rage(&stage, Dice::new(seed), until).await;

    say("healing");
    stage.heal().await;
    let (healed, healed_ms) = (Instant::now(), now_ms());
    let wishes: Vec<Wishes> = clients.join_all().await;
    say("every submission is answered; waiting for the jobs to end");
    judge::ends(&stage, &wishes, healed).await;
    report.figure("recovered_s", json!((healed.elapsed().as_secs_f64() * 10.0).round() / 10.0));
    ticks::calm(healed_ms).await;
    ticks::judge(&stage, &wishes, healed_ms).await;
    keys::drain(&stage).await;
    judge::all(&stage, &wishes).await;
    keys::judge(&stage).await;
    report.judged();

    // Nobody else holds the stage any more, unless a client broke off.
    if !report.is_ok()
        && let Some(stage) = Arc::get_mut(&mut stage)
    {
        say(&format!("the logs are kept in {}", stage.keep_logs().display()));
    }
}

/// Draws faults and does them, a few at a time, until the end.
async fn rage(stage: &Arc<Stage>, mut dice: Dice, until: Instant) {
    let mut acts = JoinSet::new();
    while Instant::now() < until {
        if acts.len() >= ACTS_AT_ONCE {
            finished(stage, acts.join_next().await);
        }
        let act = Act::draw(&mut dice);
        say(&act.to_string());
        let on = Arc::clone(stage);
        acts.spawn(async move { act.perform(&on).await });
        tokio::time::sleep(Duration::from_millis(dice.within(PAUSE_MS))).await;
    }
    let ending = async {
        while let Some(act) = acts.join_next().await {
            finished(stage, Some(act));
        }
    };
    if tokio::time::timeout(ACTS_END_WITHIN, ending).await.is_err() {
        stage.report.finding("a fault did not come to its end".to_owned());
    }
}

fn finished(stage: &Stage, act: Option<Result<(), tokio::task::JoinError>>) {
    if let Some(Err(error)) = act {
        stage.report.finding(format!("a fault could not be done: {error}"));
    }
}
