//! A Redis of a story's own, which may be stopped and started; and a line to it that may be cut.

use std::net::TcpListener as StdListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rand::RngExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

/// A Redis of a story's own. It ends with the story.
pub(crate) struct Server {
    child: Child,
    port: u16,
    folder: PathBuf,
    options: Vec<String>,
}

impl Server {
    /// Starts one, with more options than the usual.
    pub(crate) fn start(options: &[&str]) -> Self {
        let port = StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(format!("russet-redis-{}", Uuid::new_v4().simple()));
        std::fs::create_dir(&folder).unwrap();
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let child = spawn(port, &folder, &options);
        let server = Self { child, port, folder, options };
        server.await_answer();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// As a power failure would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn start_again(&mut self) {
        self.child = spawn(self.port, &self.folder, &self.options);
        self.await_answer();
    }

    /// Sends one command, and waits for its answer.
    pub(crate) fn command(&self, words: &[&str]) -> ::redis::Value {
        let client = ::redis::Client::open(self.url()).unwrap();
        let mut command = ::redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut client.get_connection().unwrap()).unwrap()
    }

    /// How often each command was called, those inside scripts included.
    pub(crate) fn calls(&self) -> u64 {
        let info: String = ::redis::from_redis_value(self.command(&["INFO", "commandstats"])).unwrap();
        let calls = info.lines().filter_map(|line| {
            let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            if name == "info" || name.starts_with("client") {
                None
            } else {
                rest.split(',').next()?.parse::<u64>().ok()
            }
        });
        calls.sum()
    }

    fn await_answer(&self) {
        let start = Instant::now();
        let client = ::redis::Client::open(self.url()).unwrap();
        loop {
            let answer =
                client.get_connection().and_then(|mut c| ::redis::cmd("PING").query::<String>(&mut c));
            if answer.is_ok() {
                return;
            }
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "the private Redis does not answer: {answer:?}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn spawn(port: u16, folder: &PathBuf, options: &[String]) -> Child {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
        .arg(folder)
        .args(options)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is installed")
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A line to a Redis that is cut now and then, also after a command arrived and before its answer got back.
pub(crate) struct Line {
    port: u16,
    /// One in so many answers is lost, and the connection with it; none when zero.
    pub(crate) lose_one_in: Arc<AtomicU32>,
    task: tokio::task::JoinHandle<()>,
}

impl Line {
    pub(crate) async fn to(url: &str) -> Self {
        let target = url.trim_start_matches("redis://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let lose_one_in = Arc::new(AtomicU32::new(0));
        let chance = Arc::clone(&lose_one_in);
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(&target).await else { continue };
                tokio::spawn(carry(near, far, Arc::clone(&chance)));
            }
        });
        Self { port, lose_one_in, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut near: TcpStream, mut far: TcpStream, lose_one_in: Arc<AtomicU32>) {
    let (mut asked, mut answered) = ([0_u8; 16_384], [0_u8; 16_384]);
    loop {
        tokio::select! {
            read = near.read(&mut asked) => match read {
                Ok(count @ 1..) if far.write_all(&asked[..count]).await.is_ok() => {}
                Ok(_) | Err(_) => return,
            },
            read = far.read(&mut answered) => {
                let chance = lose_one_in.load(Ordering::SeqCst);
                if chance > 0 && rand::rng().random_range(0..chance) == 0 {
                    return;
                }
                match read {
                    Ok(count @ 1..) if near.write_all(&answered[..count]).await.is_ok() => {}
                    Ok(_) | Err(_) => return,
                }
            }
        }
    }
}
