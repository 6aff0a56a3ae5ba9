//! Sends single commands to a Redis or Valkey, and counts what its clients send: for benchmarks.

use std::fmt;
use std::io::{BufReader, ErrorKind};
use std::time::{Duration, Instant};

use crate::address::{Address, Stream};
use crate::error::ServicesError;
use crate::redis_probe;

/// A server by its address. Every call connects anew, so nothing is kept open.
pub struct RedisClient {
    url: String,
    address: Address,
}

impl RedisClient {
    /// A client of the server at `url`, which is not asked yet.
    ///
    /// # Errors
    ///
    /// When the address is not one of a Redis, or wants TLS, which is not spoken here.
    pub fn new(url: &str) -> Result<Self, ServicesError> {
        let refused = |why| ServicesError::Command { address: Address::without_password(url), why };
        let address = Address::redis(url).map_err(refused)?;
        if address.encrypted {
            return Err(refused("TLS is not spoken here; name a server with redis://".to_owned()));
        }
        Ok(Self { url: url.to_owned(), address })
    }

    /// Sends one command, such as `&["INFO", "stats"]`. Gives the answer as text, the items of a list a line each.
    ///
    /// # Errors
    ///
    /// When the server does not answer within five seconds, or answers with an error.
    pub fn command(&self, words: &[&str]) -> Result<String, ServicesError> {
        redis_probe::command(&self.address, words).map_err(|why| self.refused(why))
    }

    /// Counts for about `span` the commands that clients send, and gives the count with the time it took, which is up
    /// to five seconds longer when it is quiet. What scripts call is not counted. Slows the server down, so it is only
    /// for servers that have little to do.
    ///
    /// # Errors
    ///
    /// When the server does not let us monitor it, or hangs up meanwhile.
    pub fn count_commands(&self, span: Duration) -> Result<(u64, Duration), ServicesError> {
        let mut stream = redis_probe::connect(&self.address).map_err(|why| self.refused(why))?;
        redis_probe::exchange(&mut stream, &["MONITOR"]).map_err(|why| self.refused(why))?;
        let began = Instant::now();
        let mut count = 0;
        let mut line = Vec::new();
        while began.elapsed() < span {
            match next_line(&mut stream, &mut line) {
                Ok(true) => {
                    count += u64::from(!by_script(&line));
                    line.clear();
                }
                // It was quiet for as long as one read waits.
                Ok(false) => {}
                Err(why) => return Err(self.refused(why)),
            }
        }
        Ok((count, began.elapsed()))
    }

    fn refused(&self, why: String) -> ServicesError {
        ServicesError::Command { address: Address::without_password(&self.url), why }
    }
}

impl fmt::Debug for RedisClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Address::without_password(&self.url))
    }
}

/// Reads on until a line is whole; false when nothing more came for a while. What came of a line is kept.
fn next_line(stream: &mut BufReader<Box<dyn Stream>>, line: &mut Vec<u8>) -> Result<bool, String> {
    match redis_probe::read_on(stream, line) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(false),
        Err(error) => Err(format!("it hung up: {error}")),
    }
}

/// A line is `+1339518083.107412 [0 127.0.0.1:60866] "keys" "*"`, with `lua` for the address when a script calls. See
/// <https://redis.io/docs/latest/commands/monitor/>.
fn by_script(line: &[u8]) -> bool {
    let line = String::from_utf8_lossy(line);
    let source = line.split_once(']').map_or("", |(source, _)| source);
    source.ends_with(" lua")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PrivateRedis, RedisOptions};

    #[test]
    fn what_a_script_calls_is_told_from_what_a_client_sends() {
        assert!(by_script(b"+1.2 [0 lua] \"get\" \"a]\""));
        assert!(!by_script(b"+1.2 [0 127.0.0.1:1] \"set\" \"a\" \"[0 lua]\""));
    }

    #[test]
    fn commands_are_counted_one_by_one() {
        let redis = PrivateRedis::start(&RedisOptions::default()).unwrap();
        let client = RedisClient::new(redis.url()).unwrap();
        std::thread::scope(|scope| {
            let counting = scope.spawn(|| client.count_commands(Duration::from_millis(600)).unwrap());
            std::thread::sleep(Duration::from_millis(200));
            client.command(&["SET", "a", "1"]).unwrap();
            client.command(&["EVAL", "return redis.call('GET', KEYS[1])", "1", "a"]).unwrap();
            // The count ends with the first command after its time.
            std::thread::sleep(Duration::from_millis(500));
            client.command(&["PING"]).unwrap();
            assert_eq!(counting.join().unwrap().0, 3);
        });
    }

    #[test]
    fn an_address_that_wants_tls_is_refused_in_a_sentence() {
        let error = RedisClient::new("rediss://:hush@example:1").unwrap_err().to_string();
        assert!(error.contains("redis://") && !error.contains("hush"), "{error}");
    }
}
