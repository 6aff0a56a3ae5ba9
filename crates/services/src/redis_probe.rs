//! Speaks to a Redis or Valkey as far as PING and single commands go.
//!
//! The protocol is <https://redis.io/docs/latest/develop/reference/protocol-spec/>.

use std::io::{self, BufRead, BufReader, Read};

use crate::address::{Address, Stream};

const LINE_BYTES_MAX: u64 = 64 * 1024;
const LINES_MAX: usize = 10_000;

/// Whether a server answers and lets us in; the error is a clause for people.
pub(crate) fn ping(address: &Address) -> Result<(), String> {
    if address.encrypted {
        // Without TLS of our own, an open port is as far as one can look.
        return address.connect().map(drop).map_err(|error| format!("nothing answers there: {error}"));
    }
    match command(address, &["PING"]) {
        Ok(answer) if answer == "PONG" => Ok(()),
        Ok(answer) => Err(format!("what answers PING with {answer:?} is not Redis")),
        Err(error) => Err(error),
    }
}

/// Sends one command and gives its answer as text, the items of a list a line each.
pub(crate) fn command(address: &Address, words: &[&str]) -> Result<String, String> {
    exchange(&mut connect(address)?, words)
}

/// Connects and logs in.
pub(crate) fn connect(address: &Address) -> Result<BufReader<Box<dyn Stream>>, String> {
    let mut stream =
        address.connect().map(BufReader::new).map_err(|error| format!("nothing answers there: {error}"))?;
    if let Some(password) = &address.password {
        let login: Vec<&str> =
            ["AUTH"].into_iter().chain(address.user.as_deref()).chain([password.as_str()]).collect();
        exchange(&mut stream, &login)?;
    }
    if let Some(database) = &address.database {
        exchange(&mut stream, &["SELECT", database])?;
    }
    Ok(stream)
}

/// Sends one command over a connection and reads its answer.
pub(crate) fn exchange(stream: &mut BufReader<Box<dyn Stream>>, words: &[&str]) -> Result<String, String> {
    let mut message = format!("*{}\r\n", words.len());
    for word in words {
        message.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    stream.get_mut().write_all(message.as_bytes()).map_err(|error| format!("it hung up: {error}"))?;
    read_answer(stream)
}

fn read_answer(stream: &mut impl BufRead) -> Result<String, String> {
    // Lists may hold lists, so what is still to come is counted rather than followed by recursion.
    let mut missing: usize = 1;
    let mut lines = Vec::new();
    while missing > 0 {
        missing -= 1;
        if lines.len() >= LINES_MAX {
            return Err("its answer is too long".to_owned());
        }
        let line = read_line(stream).map_err(|error| format!("it did not finish its answer: {error}"))?;
        let (kind, rest) = line.split_at_checked(1).ok_or("it sent an empty line")?;
        match kind {
            "+" | ":" => lines.push(rest.to_owned()),
            "-" => return Err(format!("it says: {rest}")),
            "*" => missing += usize::try_from(rest.parse::<i64>().unwrap_or(0)).unwrap_or(0).min(LINES_MAX),
            "$" => {
                // A length of -1 is a missing value.
                if let Ok(length) = rest.parse::<u64>() {
                    lines.push(read_text(stream, length)?);
                } else {
                    lines.push(String::new());
                }
            }
            _ => return Err("what answers there is not Redis".to_owned()),
        }
    }
    Ok(lines.join("\n"))
}

fn read_line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    read_on(stream, &mut line)?;
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

/// Reads the rest of a line onto what there is of it.
pub(crate) fn read_on(stream: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<()> {
    stream.take(LINE_BYTES_MAX).read_until(b'\n', line)?;
    if line.last() != Some(&b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

fn read_text(stream: &mut impl BufRead, length: u64) -> Result<String, String> {
    const TEXT_BYTES_MAX: u64 = 16 * 1024 * 1024;
    if length > TEXT_BYTES_MAX {
        return Err("its answer is too long".to_owned());
    }
    let mut text = Vec::new();
    let whole = length + 2;
    let read = stream.take(whole).read_to_end(&mut text).map_err(|error| format!("it hung up: {error}"))?;
    if u64::try_from(read).unwrap_or_default() < whole {
        return Err("it hung up in mid-answer".to_owned());
    }
    text.truncate(text.len() - 2);
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_answer_is_read_whole() {
        let mut bytes: &[u8] = b"*3\r\n$3\r\na\nb\r\n:7\r\n*2\r\n+OK\r\n$-1\r\n+next\r\n";
        assert_eq!(read_answer(&mut bytes).unwrap(), "a\nb\n7\nOK\n");
        assert_eq!(read_answer(&mut bytes).unwrap(), "next");
    }

    #[test]
    fn an_error_and_a_cut_answer_are_errors() {
        assert!(read_answer(&mut &b"-NOAUTH who are you\r\n"[..]).unwrap_err().contains("NOAUTH"));
        assert!(read_answer(&mut &b"$10\r\nshort"[..]).is_err());
        assert!(read_answer(&mut &b"HTTP/1.1 400 Bad Request\r\n"[..]).is_err());
    }
}
