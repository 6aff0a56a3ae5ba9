//! How fast the queue is by itself: pushing, claiming and ending, picking up, and what that costs Redis.
//!
//! The driver pushes; a process of its own is the worker, with a handler that does nothing. Each measurement has keys of
//! its own, which are removed afterwards, and each median is of several runs.

mod delay;
mod drain;
mod figures;
mod idle;
mod meter;
mod pickup;
mod push;
mod variant;
mod worker;
mod worker_process;

use clap::Args;
use russet_queue::jobs::ReadNotifications;
use russet_queue::{Push, Queue, Settings, When};

use self::figures::Figures;
pub(super) use self::figures::percentile;
use self::meter::Meter;
use self::variant::{Server, Variant};
pub(super) use self::worker::{WorkerArgs, run as run_worker};
use crate::error::{CliError, failed};
use crate::print;

/// The kind of message that is measured: one that does not call Apple, so nobody paces it.
type Message = ReadNotifications;

#[derive(Debug, Args)]
pub(crate) struct QueueArgs {
    /// Measure this Redis as it is, under keys of our own that are removed afterwards. Otherwise private ones are
    /// started.
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// Which set-ups to measure.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Variant::ALL)]
    variants: Vec<Variant>,
    /// How many messages wait when the worker starts.
    #[arg(long, value_delimiter = ',', default_values_t = [5_000, 100_000, 1_000_000])]
    #[arg(value_parser = clap::value_parser!(u64).range(100..=5_000_000))]
    backlogs: Vec<u64>,
    /// How many messages the worker handles at once. Of 64, 256, 512 and 1024, 512 was the least that cost Redis and the
    /// worker no more for each message than the next.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    concurrency: u64,
    /// One run of each, and fewer and shorter samples: to see that it works.
    #[arg(long)]
    quick: bool,
}

/// What every measurement needs.
struct Bench<'a> {
    server: &'a Server,
    meter: Meter,
    figures: Figures,
    concurrency: u64,
    quick: bool,
}

pub(super) async fn run(args: QueueArgs) -> Result<(), CliError> {
    let variants = match &args.redis {
        Some(_) => vec![Variant::Plain],
        None => args.variants.clone(),
    };
    for variant in variants {
        print::remark(format!("queue: {} …", variant.as_str()));
        let server = Server::start(variant, args.redis.as_deref()).await?;
        measure(&server, variant, &args).await?;
    }
    Ok(())
}

async fn measure(server: &Server, variant: Variant, args: &QueueArgs) -> Result<(), CliError> {
    let bench = Bench {
        server,
        meter: Meter::new(server.direct())?,
        figures: Figures { variant, concurrency: args.concurrency },
        concurrency: args.concurrency,
        quick: args.quick,
    };
    push::singly(&bench).await?;
    for backlog in &args.backlogs {
        drain::measure(&bench, *backlog).await?;
    }
    pickup::measure(&bench).await?;
    idle::measure(&bench).await
}

impl Bench<'_> {
    /// A queue that nobody else uses. Whoever opens it has [`Self::clean`] remove it.
    async fn queue(&self) -> Result<(Queue, String), CliError> {
        let prefix = format!("russet-bench-{:016x}", rand::random::<u64>());
        Ok((open(self.server.url(), &prefix).await?, prefix))
    }

    async fn clean(&self, prefix: &str) -> Result<(), CliError> {
        self.meter.remove(prefix).await
    }
}

async fn open(url: &str, prefix: &str) -> Result<Queue, CliError> {
    let settings = Settings { url: url.to_owned(), prefix: prefix.to_owned(), ..Settings::default() };
    Queue::open(&settings).await.map_err(failed)
}

fn message(number: u64) -> Message {
    Message { token: russet_domain::TokenId(i64::try_from(number).unwrap_or(i64::MAX)) }
}

fn pushes(numbers: std::ops::Range<u64>) -> Vec<Push> {
    numbers.map(|number| Push::of(&message(number), When::default())).collect()
}
