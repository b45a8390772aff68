//! Uploads and downloads as scripts make them: HTTP on a plain socket, bodies of any size in pieces. Judges nothing.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// How long a silence may last before the test gives up.
const LIMIT: Duration = Duration::from_secs(300);

/// The head of an answer, and its body still to be read.
pub struct Answer {
    /// Number in the status line.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// What follows, to the end of the connection.
    pub body: BufReader<TcpStream>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.status, self.headers)
    }
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Everything that follows.
    ///
    /// # Errors
    /// A connection that was broken off.
    pub fn bytes(mut self) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        self.body.read_to_end(&mut all)?;
        Ok(all)
    }
}

fn open(server: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    Ok(stream)
}

fn answer(stream: TcpStream) -> io::Result<Answer> {
    let mut body = BufReader::with_capacity(1 << 17, stream);
    let mut line = String::new();
    body.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|code| code.trim().parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no status line: {line:?}")))?;
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        body.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_string()));
    }
    Ok(Answer { status, headers, body })
}

/// Asks for a download.
///
/// # Errors
/// A connection that was broken off before the answer.
pub fn get(server: SocketAddr, path: &str) -> io::Result<Answer> {
    let mut stream = open(server)?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
    answer(stream)
}

/// Uploads `length` bytes; the body of the answer ends when the server is done.
///
/// # Errors
/// A connection that was broken off before the answer.
pub fn put(server: SocketAddr, path: &str, length: u64, from: &mut dyn Read) -> io::Result<Answer> {
    let mut stream = open(server)?;
    let head = format!("PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    // Who is refused in the middle learns why from the answer.
    if let Err(error) = io::copy(&mut from.take(length), &mut stream) {
        return answer(stream).map_err(|_| error);
    }
    answer(stream)
}

/// Uploads without saying how much: the end of the stream is the end of the connection's half.
///
/// # Errors
/// As [`put`].
pub fn put_endless(server: SocketAddr, path: &str, from: &mut dyn Read) -> io::Result<Answer> {
    let mut stream = open(server)?;
    stream.write_all(format!("PUT {path} HTTP/1.0\r\n\r\n").as_bytes())?;
    if let Err(error) = io::copy(from, &mut stream) {
        return answer(stream).map_err(|_| error);
    }
    stream.shutdown(std::net::Shutdown::Write)?;
    answer(stream)
}
