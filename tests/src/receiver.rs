//! An MDM side that is told things, for stories.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The largest request that is read.
const REQUEST_MAX: usize = 1024 * 1024;

/// Takes requests, keeps them, and answers with the status it was last given.
pub struct Receiver {
    url: String,
    status: Arc<AtomicU16>,
    told: Arc<Mutex<Vec<Told>>>,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its headers, their names in small letters.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Told {
    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("what is told is JSON")
    }

    /// Whether it was signed with this secret, as a receiver would find out by itself.
    #[must_use]
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let header = |name: &str| {
            self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
        };
        let mut signed = header("russet-timestamp").as_bytes().to_vec();
        signed.push(b'.');
        signed.extend_from_slice(&self.body);
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
        let hex = header("russet-signature").strip_prefix("v1=").unwrap_or_default();
        let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or_default());
        let tag: Option<Vec<u8>> = pairs.map(|pair| u8::from_str_radix(pair, 16).ok()).collect();
        tag.is_some_and(|tag| ring::hmac::verify(&key, &signed, &tag).is_ok())
    }
}

impl Receiver {
    /// Starts one on a port of its own; it answers 204.
    ///
    /// # Panics
    ///
    /// When it cannot listen.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let (status, told) = (Arc::new(AtomicU16::new(204)), Arc::new(Mutex::new(Vec::new())));
        let (answering, keeping) = (Arc::clone(&status), Arc::clone(&told));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(take(stream, Arc::clone(&answering), Arc::clone(&keeping)));
            }
        });
        Self { url, status, told }
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Answers with this status from now on.
    pub fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// Everything it was told so far.
    ///
    /// # Panics
    ///
    /// When a request could not be kept.
    #[must_use]
    pub fn told(&self) -> Vec<Told> {
        self.told.lock().expect("what was told").clone()
    }
}

/// Reads one request and answers it; the connection ends with it.
async fn take(mut stream: TcpStream, status: Arc<AtomicU16>, told: Arc<Mutex<Vec<Told>>>) {
    let mut bytes = Vec::new();
    let request = loop {
        if let Some(request) = whole(&bytes) {
            break request;
        }
        match stream.read_buf(&mut bytes).await {
            Ok(1..) if bytes.len() < REQUEST_MAX => {}
            Ok(_) | Err(_) => return,
        }
    };
    told.lock().expect("what was told").push(request);
    let status = status.load(Ordering::SeqCst);
    let answer = format!("HTTP/1.1 {status} Story\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// The request, when all of it is there.
fn whole(bytes: &[u8]) -> Option<Told> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let headers: Vec<(String, String)> = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length")?.1.parse::<usize>().ok()?;
    let body = bytes.get(end + 4..end + 4 + length)?.to_vec();
    Some(Told { headers, body })
}
