//! HTTP/1.1 over a plain socket, as bytes: one request, one answer with a Content-Length. Judges nothing.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long an answer may take before the test gives up; not an expectation about speed.
const LIMIT: Duration = Duration::from_secs(60);

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Number in the status line.
    pub status: u16,
    /// Names as spelled, in order.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: String,
}

/// A connection that is used again for each request, and made anew when the server closed it.
pub struct Connection {
    address: Address,
    open: Option<BufReader<Box<dyn Stream>>>,
}

/// Where to connect to.
#[derive(Debug, Clone)]
enum Address {
    Network(SocketAddr),
    Local(PathBuf),
}

/// Bytes in both directions.
trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

impl Address {
    fn connect(&self) -> Result<Box<dyn Stream>, String> {
        match self {
            Address::Network(address) => {
                let stream = TcpStream::connect(address).map_err(|e| format!("connect: {e}"))?;
                stream.set_read_timeout(Some(LIMIT)).map_err(|e| e.to_string())?;
                Ok(Box::new(stream))
            }
            Address::Local(path) => {
                let stream = UnixStream::connect(path).map_err(|e| format!("connect: {e}"))?;
                stream.set_read_timeout(Some(LIMIT)).map_err(|e| e.to_string())?;
                Ok(Box::new(stream))
            }
        }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Connection {
    /// Opens nothing yet.
    pub fn new(address: SocketAddr) -> Connection {
        Connection { address: Address::Network(address), open: None }
    }

    /// As [`Connection::new`], to a local socket.
    pub fn local(path: &Path) -> Connection {
        Connection { address: Address::Local(path.to_path_buf()), open: None }
    }

    /// Sends a body and reads the answer.
    ///
    /// # Errors
    /// A broken connection or an answer that is no HTTP.
    pub fn post(&mut self, path: &str, content_type: &str, body: &str) -> Result<Answer, String> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let answer = self.exchange(&format!("{head}{body}"));
        match &answer {
            Ok(answer) if !closes(answer) => {}
            _ => self.open = None,
        }
        answer
    }

    fn exchange(&mut self, request: &str) -> Result<Answer, String> {
        if self.open.is_none() {
            self.open = Some(BufReader::new(self.address.connect()?));
        }
        let stream = self.open.as_mut().ok_or("no connection")?;
        match stream.get_mut().write_all(request.as_bytes()) {
            Ok(()) => read_answer(stream),
            // A server that has read enough to refuse may answer and close while we still send.
            Err(error) => read_answer(stream).map_err(|_| format!("send: {error}")),
        }
    }
}

fn closes(answer: &Answer) -> bool {
    answer
        .headers
        .iter()
        .any(|(name, value)| name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close"))
}

fn read_answer(stream: &mut impl BufRead) -> Result<Answer, String> {
    let mut line = String::new();
    stream.read_line(&mut line).map_err(|e| format!("status line: {e}"))?;
    let status = line.split(' ').nth(1).and_then(|code| code.trim().parse().ok());
    let status = status.ok_or_else(|| format!("no status line: {line:?}"))?;
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).map_err(|e| format!("header: {e}"))?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_string(), value.trim().to_string())),
            None => break,
        }
    }
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let mut body = Vec::new();
    match length.and_then(|(_, value)| value.parse::<u64>().ok()) {
        Some(length) => stream.take(length).read_to_end(&mut body),
        None => stream.read_to_end(&mut body),
    }
    .map_err(|e| format!("body: {e}"))?;
    Ok(Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() })
}
