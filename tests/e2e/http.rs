//! Just enough HTTP/1.1 for the tests: one request, one answer, one connection.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// No call of these tests takes longer, unless something hangs.
const PATIENCE: Duration = Duration::from_secs(60);
const LARGEST_HEAD_BYTES: usize = 64 * 1024;

/// A request or an answer.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// With its empty line at the end.
    pub head: String,
    pub body: Vec<u8>,
}

impl Message {
    /// Reads one request; `None` when the other side closed without one.
    pub fn read_request(stream: &mut TcpStream) -> io::Result<Option<Message>> {
        let mut bytes = Vec::new();
        let Some(end) = read_head(stream, &mut bytes)? else { return Ok(None) };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut message = Message { head, body: bytes.split_off(end) };
        if message.header("expect").is_some() {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        if let Some(size) = message.header("content-length").and_then(|v| v.parse::<usize>().ok()) {
            let missing = size.saturating_sub(message.body.len());
            stream.take(missing as u64).read_to_end(&mut message.body)?;
        } else if message.header("transfer-encoding").is_some() {
            while !message.body.ends_with(b"0\r\n\r\n") {
                let mut chunk = [0; 8192];
                match stream.read(&mut chunk)? {
                    0 => break,
                    read => message.body.extend(&chunk[..read]),
                }
            }
        }
        Ok(Some(message))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let line = |line: &'_ str| line.split_once(':').is_some_and(|(key, _)| key.eq_ignore_ascii_case(name));
        self.head.lines().find(|l| line(l)).and_then(|l| l.split_once(':')).map(|(_, value)| value.trim())
    }

    /// `POST / HTTP/1.1` → (`POST`, `/`).
    pub fn target(&self) -> (&str, &str) {
        let mut words = self.head.split_whitespace();
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    pub fn status(&self) -> u16 {
        self.head.split_whitespace().nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Sends this request on a connection of its own; the whole answer as it came.
    pub fn send(&self, to: SocketAddr) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let kept = self.head.trim_end().lines().filter(|line| {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            !matches!(name.as_str(), "connection" | "expect")
        });
        let mut bytes = kept.collect::<Vec<_>>().join("\r\n").into_bytes();
        bytes.extend(b"\r\nconnection: close\r\n\r\n");
        bytes.extend(&self.body);
        stream.write_all(&bytes)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }
}

/// Reads up to the end of the head at least; gives where the head ends.
fn read_head(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<Option<usize>> {
    loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            return Ok(Some(at + 4));
        }
        if bytes.len() > LARGEST_HEAD_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the head has no end"));
        }
        let mut chunk = [0; 8192];
        match stream.read(&mut chunk)? {
            0 => return Ok(None),
            read => bytes.extend(&chunk[..read]),
        }
    }
}

/// Calls a URL of the emulator, whose host names need not resolve: they only go into the Host header.
pub fn call(emulator: SocketAddr, method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Message {
    let rest = url.strip_prefix("http://").expect("an http URL");
    let (host, path) = rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, path.to_owned()));
    let mut head = format!("{method} /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    let request = Message { head: head + "\r\n", body: body.as_bytes().to_vec() };
    let answer = request.send(emulator).unwrap_or_else(|e| panic!("{method} {url}: {e}"));
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut answer = Message { head, body: answer[end..].to_vec() };
    if answer.header("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
        answer.body = joined_chunks(&answer.body);
    }
    answer
}

fn joined_chunks(mut body: &[u8]) -> Vec<u8> {
    let mut joined = Vec::new();
    while let Some(at) = body.windows(2).position(|w| w == b"\r\n") {
        let size = usize::from_str_radix(String::from_utf8_lossy(&body[..at]).trim(), 16).unwrap_or(0);
        let chunk = &body[at + 2..];
        if size == 0 || chunk.len() < size {
            break;
        }
        joined.extend(&chunk[..size]);
        body = chunk.get(size + 2..).unwrap_or_default();
    }
    joined
}
