//! Makes a server look far away: passes bytes on in order, each half a millisecond later, as many as there are.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Each way, so that a round trip takes a millisecond longer.
const ONE_WAY: Duration = Duration::from_micros(500);
/// A sleep ends this much late, as Linux gathers timers.
const LATE: Duration = Duration::from_micros(55);
/// How much is read at once, and how many such pieces may be on the way: far more than half a millisecond brings.
const PIECE_BYTES: usize = 64 * 1024;
const PIECES_MAX: usize = 1_024;

/// Listens until it is dropped; connections end with either of their ends. Threads rather than tasks, because tokio's
/// timers only know whole milliseconds.
pub(super) struct Delay {
    url: String,
    port: u16,
    over: Arc<AtomicBool>,
}

impl Delay {
    /// Listens on a free port for connections to the server on `port` of this machine.
    pub(super) fn start(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let ours = listener.local_addr()?.port();
        let over = Arc::new(AtomicBool::new(false));
        let watched = Arc::clone(&over);
        thread::spawn(move || {
            for near in listener.incoming() {
                if watched.load(Ordering::Acquire) {
                    return;
                }
                // A connection that cannot be passed on is closed, and its client dials again.
                let _ = near.and_then(|near| pass_on(near, port));
            }
        });
        Ok(Self { url: format!("redis://127.0.0.1:{ours}"), port: ours, over })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Delay {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        // The listener only looks up when somebody comes.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn pass_on(near: TcpStream, port: u16) -> io::Result<()> {
    let far = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    for stream in [&near, &far] {
        stream.set_nodelay(true)?;
    }
    one_way(near.try_clone()?, far.try_clone()?);
    one_way(far, near);
    Ok(())
}

fn one_way(from: TcpStream, to: TcpStream) {
    let (sender, receiver) = sync_channel(PIECES_MAX);
    thread::spawn(move || receive(from, &sender));
    thread::spawn(move || send(to, &receiver));
}

fn receive(mut from: TcpStream, pieces: &SyncSender<(Instant, Vec<u8>)>) {
    let mut buffer = vec![0; PIECE_BYTES];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if pieces.send((Instant::now() + ONE_WAY, buffer[..read].to_vec())).is_err() {
            break;
        }
    }
}

fn send(mut to: TcpStream, pieces: &Receiver<(Instant, Vec<u8>)>) {
    while let Ok((due, piece)) = pieces.recv() {
        let wait = due.saturating_duration_since(Instant::now());
        if wait > LATE {
            thread::sleep(wait.saturating_sub(LATE));
        }
        if to.write_all(&piece).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_trip_takes_a_millisecond_longer_and_keeps_its_order() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let delay = Delay::start(server.local_addr().unwrap().port()).unwrap();
        let mut near = TcpStream::connect(delay.url().strip_prefix("redis://").unwrap()).unwrap();
        let mut far = server.accept().unwrap().0;
        let began = Instant::now();
        for letter in b"abc" {
            near.write_all(&[*letter]).unwrap();
        }
        let mut letters = [0; 3];
        far.read_exact(&mut letters).unwrap();
        far.write_all(&letters).unwrap();
        near.read_exact(&mut letters).unwrap();
        assert_eq!(&letters, b"abc");
        assert!(began.elapsed() >= ONE_WAY * 2 - LATE * 2, "{:?}", began.elapsed());
    }
}
