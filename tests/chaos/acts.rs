//! The faults, one a function, and how often each is drawn.

use std::fmt;
use std::time::Duration;

use russet_tests::{Dice, Mood};
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::player::Player;
use crate::stage::{LEASE_MS, LINES, Stage};
use crate::weather;

/// A fault, with everything about it that is left to chance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Act {
    kind: Kind,
    /// Which of several processes, lines or storms; taken modulo how many there are.
    which: usize,
    /// How long it lasts.
    lasts: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    KillWorker,
    FreezeWorker,
    EndWorker,
    KillApi,
    FreezeApi,
    KillRedis,
    StopRedis,
    FreezeRedis,
    PauseRedis,
    ForgetScripts,
    HangUp,
    Flush,
    FillUp,
    RestartPostgres,
    StallLine,
    CutLine,
    CloseLine,
    SlowLine,
    HalfOpenLine,
    LoseAnswers,
    LoseAfterQuestions,
    Storm,
}

/// How often each is drawn, and between which milliseconds it lasts. A kill's length is the time until the next start.
const DRAWN: [(Kind, usize, std::ops::Range<u64>); 22] = [
    (Kind::KillWorker, 8, 0..1_500),
    // Beyond the lease and the time in which somebody else looks for expired ones.
    (Kind::FreezeWorker, 5, LEASE_MS + 1_500..LEASE_MS + 5_000),
    (Kind::EndWorker, 3, 0..500),
    (Kind::KillApi, 4, 0..1_500),
    (Kind::FreezeApi, 2, 1_000..6_000),
    (Kind::KillRedis, 3, 0..2_000),
    (Kind::StopRedis, 1, 0..2_000),
    (Kind::FreezeRedis, 2, 500..5_000),
    (Kind::PauseRedis, 1, 500..3_000),
    (Kind::ForgetScripts, 2, 0..1),
    (Kind::HangUp, 2, 0..1),
    (Kind::Flush, 2, 0..1),
    (Kind::FillUp, 2, 500..4_000),
    (Kind::RestartPostgres, 2, 0..2_000),
    (Kind::StallLine, 5, 200..5_000),
    (Kind::CutLine, 5, 0..1),
    (Kind::CloseLine, 3, 500..3_000),
    (Kind::SlowLine, 3, 1_000..4_000),
    (Kind::HalfOpenLine, 3, 0..1),
    (Kind::LoseAnswers, 5, 1_000..4_000),
    (Kind::LoseAfterQuestions, 5, 1_000..4_000),
    (Kind::Storm, 6, 500..3_000),
];

impl Act {
    /// Draws one.
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let all: usize = DRAWN.iter().map(|(_, weight, _)| weight).sum();
        let mut left = dice.below(all);
        let mut drawn = &DRAWN[0];
        for entry in &DRAWN {
            drawn = entry;
            match left.checked_sub(entry.1) {
                Some(rest) => left = rest,
                None => break,
            }
        }
        let lasts = Duration::from_millis(dice.within(drawn.2.clone()));
        Self { kind: drawn.0, which: dice.below(1_000), lasts }
    }

    /// Does it, and ends it.
    pub(crate) async fn perform(self, stage: &Stage) {
        let count = |name| stage.report.count(name, 1);
        match self.kind {
            Kind::KillWorker => {
                count("kills");
                kill(self.pick(&stage.workers), self.lasts).await;
            }
            Kind::KillApi => {
                count("kills");
                kill(self.pick(&stage.apis), self.lasts).await;
            }
            Kind::FreezeWorker => {
                count("freezes");
                freeze(self.pick(&stage.workers), self.lasts).await;
            }
            Kind::FreezeApi => {
                count("freezes");
                freeze(self.pick(&stage.apis), self.lasts).await;
            }
            Kind::EndWorker => {
                count("ends");
                end(self.pick(&stage.workers), self.lasts).await;
            }
            Kind::KillRedis | Kind::StopRedis => {
                count("redis_restarts");
                self.restart_redis(stage).await;
            }
            Kind::FreezeRedis => {
                count("stalls");
                self.freeze_redis(stage).await;
            }
            Kind::PauseRedis => {
                count("stalls");
                let millis = self.lasts.as_millis().to_string();
                tell_redis(stage, &["CLIENT", "PAUSE", &millis, "ALL"]).await;
            }
            Kind::ForgetScripts => tell_redis(stage, &["SCRIPT", "FLUSH"]).await,
            Kind::HangUp => {
                count("cuts");
                tell_redis(stage, &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
            }
            Kind::Flush => {
                count("flushes");
                tell_redis(stage, &["FLUSHALL"]).await;
            }
            Kind::FillUp => {
                count("full");
                tell_redis(stage, &["CONFIG", "SET", "maxmemory", "1"]).await;
                sleep(self.lasts).await;
                tell_redis(stage, &["CONFIG", "SET", "maxmemory", "0"]).await;
            }
            Kind::RestartPostgres => {
                count("postgres_restarts");
                self.restart_postgres(stage).await;
            }
            Kind::StallLine
            | Kind::CutLine
            | Kind::CloseLine
            | Kind::SlowLine
            | Kind::HalfOpenLine
            | Kind::LoseAnswers
            | Kind::LoseAfterQuestions => self.disturb_line(stage).await,
            Kind::Storm => {
                count("storms");
                weather::storm(stage, self.which, self.lasts).await;
            }
        }
    }

    fn pick<'a, T>(&self, all: &'a [T]) -> &'a T {
        &all[self.which % all.len()]
    }

    fn line(&self) -> usize {
        // The half-open are for Redis, whose answers have a time limit; see `docs/faults.md`.
        let among = if self.kind == Kind::HalfOpenLine { 2 } else { LINES.len() };
        self.which % among
    }

    async fn restart_redis(self, stage: &Stage) {
        let mut redis = stage.redis.lock().await;
        let ended = tokio::task::block_in_place(|| match self.kind {
            Kind::StopRedis => redis.stop(),
            _ => redis.kill(),
        });
        sleep(self.lasts).await;
        let started = ended.and_then(|()| tokio::task::block_in_place(|| redis.start_again()));
        if let Err(error) = started {
            stage.report.finding(format!("Redis does not start again: {error}"));
        }
    }

    async fn freeze_redis(self, stage: &Stage) {
        let mut redis = stage.redis.lock().await;
        let frozen = tokio::task::block_in_place(|| redis.freeze());
        sleep(self.lasts).await;
        if let Err(error) = frozen.and_then(|()| tokio::task::block_in_place(|| redis.thaw())) {
            stage.report.finding(format!("Redis cannot be frozen and thawed: {error}"));
        }
    }

    async fn restart_postgres(self, stage: &Stage) {
        let mut postgres = stage.postgres.lock().await;
        let ended = tokio::task::block_in_place(|| postgres.stop());
        sleep(self.lasts).await;
        if let Err(error) = ended.and_then(|()| tokio::task::block_in_place(|| postgres.start_again())) {
            stage.report.finding(format!("PostgreSQL does not start again: {error}"));
        }
    }

    async fn disturb_line(self, stage: &Stage) {
        let line = &stage.lines[self.line()];
        let calm = Mood::default();
        let mood = match self.kind {
            Kind::StallLine => Mood { stalled: true, ..calm },
            Kind::CloseLine => Mood { closed: true, ..calm },
            Kind::SlowLine => Mood { latency_ms: 20 + self.which as u64 % 200, ..calm },
            Kind::LoseAnswers => Mood { lose_answer_one_in: 12, ..calm },
            Kind::LoseAfterQuestions => Mood { lose_after_question_one_in: 12, ..calm },
            _ => calm,
        };
        stage.report.count(if mood.stalled { "stalls" } else { "cuts" }, 1);
        match self.kind {
            Kind::HalfOpenLine => line.half_open(),
            Kind::CutLine => line.cut(),
            _ => {
                line.set(mood);
                if mood.closed {
                    line.cut();
                }
                sleep(self.lasts).await;
                line.set(calm);
            }
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.lasts.as_secs_f64();
        let line = LINES[self.line()];
        match self.kind {
            Kind::KillWorker => write!(f, "a worker is killed, back after {seconds:.1} s"),
            Kind::FreezeWorker => write!(f, "a worker is frozen for {seconds:.1} s"),
            Kind::EndWorker => write!(f, "a worker is asked to end, back after {seconds:.1} s"),
            Kind::KillApi => write!(f, "an API is killed, back after {seconds:.1} s"),
            Kind::FreezeApi => write!(f, "an API is frozen for {seconds:.1} s"),
            Kind::KillRedis => write!(f, "Redis is killed, back after {seconds:.1} s"),
            Kind::StopRedis => write!(f, "Redis is stopped, back after {seconds:.1} s"),
            Kind::FreezeRedis => write!(f, "Redis is frozen for {seconds:.1} s"),
            Kind::PauseRedis => write!(f, "Redis makes all clients wait for {seconds:.1} s"),
            Kind::ForgetScripts => write!(f, "Redis forgets its scripts"),
            Kind::HangUp => write!(f, "Redis hangs up on all clients"),
            Kind::Flush => write!(f, "Redis is emptied"),
            Kind::FillUp => write!(f, "Redis is out of memory for {seconds:.1} s"),
            Kind::RestartPostgres => write!(f, "PostgreSQL crashes, back after {seconds:.1} s"),
            Kind::StallLine => write!(f, "the line {line} stalls for {seconds:.1} s"),
            Kind::CutLine => write!(f, "the line {line} is cut"),
            Kind::CloseLine => write!(f, "the line {line} is closed for {seconds:.1} s"),
            Kind::SlowLine => write!(f, "the line {line} is slow for {seconds:.1} s"),
            Kind::HalfOpenLine => write!(f, "connections {line} die without a word"),
            Kind::LoseAnswers => write!(f, "the line {line} loses answers for {seconds:.1} s"),
            Kind::LoseAfterQuestions => {
                write!(f, "the line {line} breaks after questions for {seconds:.1} s")
            }
            Kind::Storm => write!(f, "{} for {seconds:.1} s", weather::name(self.which)),
        }
    }
}

async fn kill(player: &Mutex<Player>, pause: Duration) {
    let mut player = player.lock().await;
    player.kill();
    sleep(pause).await;
    player.start();
}

async fn freeze(player: &Mutex<Player>, pause: Duration) {
    let mut player = player.lock().await;
    player.freeze();
    sleep(pause).await;
    player.thaw();
}

async fn end(player: &Mutex<Player>, pause: Duration) {
    let mut player = player.lock().await;
    player.end().await;
    sleep(pause).await;
    player.start();
}

/// Sends Redis a command. One that is away or frozen by another fault does not hear it.
async fn tell_redis(stage: &Stage, words: &[&str]) {
    let redis = stage.redis.lock().await;
    let _ = tokio::task::block_in_place(|| redis.command(words));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_act_is_drawn_and_the_same_seed_draws_the_same() {
        let draw = |seed| -> Vec<String> {
            let mut dice = Dice::new(seed);
            (0..2_000).map(|_| format!("{:?}", Act::draw(&mut dice))).collect()
        };
        assert_eq!(draw(5), draw(5));
        for (kind, ..) in &DRAWN {
            let name = format!("{kind:?},");
            assert!(draw(5).iter().any(|act| act.contains(&name)), "{name} is never drawn");
        }
    }
}
