//! HTTP/1.1 over a plain socket, as bytes: one request, one answer with a Content-Length. Judges nothing.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
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
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    open: Option<BufReader<TcpStream>>,
}

impl Connection {
    /// Opens nothing yet.
    pub fn new(address: SocketAddr) -> Connection {
        Connection { address, open: None }
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
            let stream = TcpStream::connect(self.address).map_err(|e| format!("connect: {e}"))?;
            stream.set_read_timeout(Some(LIMIT)).map_err(|e| e.to_string())?;
            self.open = Some(BufReader::new(stream));
        }
        let stream = self.open.as_mut().ok_or("no connection")?;
        stream.get_mut().write_all(request.as_bytes()).map_err(|e| format!("send: {e}"))?;
        read_answer(stream)
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
