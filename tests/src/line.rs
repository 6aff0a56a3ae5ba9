//! A line to a server that can be stalled, cut, slowed down and made to lose questions and answers.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::dice::Dice;

/// Bytes carried at once.
const CHUNK: usize = 16_384;

/// How a line behaves. The default carries everything at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mood {
    /// Nothing is carried; what was said meanwhile arrives later, even when nobody waits for the answer any more.
    pub stalled: bool,
    /// Who dials is hung up on.
    pub closed: bool,
    /// How much later everything arrives.
    pub latency_ms: u64,
    /// One in so many questions is the last its connection carries: it arrives, and its answer does not. None when zero.
    pub lose_after_question_one_in: u32,
    /// One in so many answers is lost, and the connection with it. None when zero.
    pub lose_answer_one_in: u32,
}

/// What every connection of a line watches.
#[derive(Debug, Clone, Copy, Default)]
struct Orders {
    mood: Mood,
    /// Connections that began before this many were counted are cut.
    cut_before: u64,
    /// Connections that began before this many were counted stay open and carry nothing any more.
    dead_before: u64,
}

/// A line to a server on this machine, on a port of its own. Dropping it cuts it.
#[derive(Debug)]
pub struct Line {
    port: u16,
    orders: watch::Sender<Orders>,
    count: watch::Receiver<u64>,
    task: JoinHandle<()>,
}

impl Line {
    /// A line to a port of this machine.
    ///
    /// # Panics
    ///
    /// When no port is free.
    pub async fn to(target: u16, seed: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let port = listener.local_addr().expect("a listener has an address").port();
        let (orders, _) = watch::channel(Orders::default());
        let (counter, count) = watch::channel(0_u64);
        let task = tokio::spawn(accept(listener, target, orders.clone(), counter, seed));
        Self { port, orders, count, task }
    }

    /// Where it is dialed.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on it behaves like this.
    pub fn set(&self, mood: Mood) {
        self.orders.send_modify(|orders| orders.mood = mood);
    }

    /// Cuts all connections there are.
    pub fn cut(&self) {
        let count = *self.count.borrow();
        self.orders.send_modify(|orders| orders.cut_before = count);
    }

    /// Lets all connections there are die without a word, as when a machine in between loses its memory: both sides see
    /// them open, and nothing arrives.
    pub fn half_open(&self) {
        let count = *self.count.borrow();
        self.orders.send_modify(|orders| orders.dead_before = count);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    target: u16,
    orders: watch::Sender<Orders>,
    counter: watch::Sender<u64>,
    seed: u64,
) {
    let target = SocketAddr::from((Ipv4Addr::LOCALHOST, target));
    while let Ok((near, _)) = listener.accept().await {
        if orders.borrow().mood.closed {
            continue;
        }
        counter.send_modify(|count| *count += 1);
        let number = *counter.borrow();
        let orders = orders.subscribe();
        tokio::spawn(async move {
            if let Ok(far) = TcpStream::connect(target).await {
                // What is small is to arrive as fast as without us.
                let _ = (near.set_nodelay(true), far.set_nodelay(true));
                Connection { near, far, number, dice: Dice::new(seed ^ number) }.carry(orders).await;
            }
        });
    }
}

struct Connection {
    near: TcpStream,
    far: TcpStream,
    number: u64,
    dice: Dice,
}

impl Connection {
    /// Carries until one side hangs up or the line is cut.
    async fn carry(mut self, mut orders: watch::Receiver<Orders>) {
        let (mut asked, mut answered) = ([0_u8; CHUNK], [0_u8; CHUNK]);
        loop {
            let now = *orders.borrow_and_update();
            if self.number <= now.cut_before {
                return;
            }
            if self.number <= now.dead_before {
                return self.swallow().await;
            }
            if now.mood.stalled {
                if orders.changed().await.is_err() {
                    return;
                }
                continue;
            }
            let goes_on = tokio::select! {
                changed = orders.changed() => changed.is_ok(),
                read = self.near.read(&mut asked) => match read {
                    Ok(count @ 1..) => self.ask(&asked[..count], now.mood).await,
                    Ok(_) | Err(_) => false,
                },
                read = self.far.read(&mut answered) => match read {
                    Ok(count @ 1..) => self.answer(&answered[..count], now.mood).await,
                    Ok(_) | Err(_) => false,
                },
            };
            if !goes_on {
                return;
            }
        }
    }

    async fn ask(&mut self, bytes: &[u8], mood: Mood) -> bool {
        tokio::time::sleep(Duration::from_millis(mood.latency_ms)).await;
        self.far.write_all(bytes).await.is_ok() && !self.falls(mood.lose_after_question_one_in)
    }

    async fn answer(&mut self, bytes: &[u8], mood: Mood) -> bool {
        tokio::time::sleep(Duration::from_millis(mood.latency_ms)).await;
        !self.falls(mood.lose_answer_one_in) && self.near.write_all(bytes).await.is_ok()
    }

    fn falls(&mut self, one_in: u32) -> bool {
        one_in > 0 && self.dice.below(one_in as usize) == 0
    }

    /// Takes what comes and carries nothing, until this side hangs up.
    async fn swallow(&mut self) {
        let mut bytes = [0_u8; CHUNK];
        while matches!(self.near.read(&mut bytes).await, Ok(1..)) {}
    }
}
