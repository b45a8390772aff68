//! The small HTTP the client needs for transfers: one request, the head of one answer.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    Options,
    connect::{Target, connect},
};
use crate::run::Stream;

/// Largest head of an answer, in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// How often a redirect is followed.
const MAX_HOPS: usize = 10;

/// An answer whose body is still on the stream.
pub(super) struct Answer {
    pub status: u16,
    pub length: Option<u64>,
    location: Option<String>,
    pub stream: Box<dyn Stream>,
}

/// Sends a request and reads the head of the answer, following redirects.
pub(super) async fn request(
    options: &Options,
    method: &str,
    path: &str,
    headers: &str,
) -> Result<Answer, String> {
    let mut path = path.to_owned();
    for _ in 0..MAX_HOPS {
        let (target, local) = Target::locate(options, &path);
        let mut stream = connect(&target).await?;
        let head = format!("{method} {local} HTTP/1.0\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).await.map_err(|e| format!("Error: {e}"))?;
        stream.flush().await.map_err(|e| format!("Error: {e}"))?;
        let answer = answer(stream).await?;
        match (&answer.location, answer.status) {
            (Some(location), 302) => path.clone_from(location),
            _ => return Ok(answer),
        }
    }
    Err("Error: too many redirects".into())
}

async fn answer(mut stream: Box<dyn Stream>) -> Result<Answer, String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && !head.ends_with(b"\n\n") {
        let byte = stream.read_u8().await.map_err(|e| format!("Error: {e}"))?;
        head.push(byte);
        if head.len() > MAX_HEAD {
            return Err("Error: answer too long".into());
        }
    }
    let (status, length, location) =
        parse_head(&String::from_utf8_lossy(&head)).ok_or("Error: not an HTTP answer")?;
    Ok(Answer { status, length, location, stream })
}

type Head = (u16, Option<u64>, Option<String>);

/// Status, content length and location of an answer's head.
fn parse_head(head: &str) -> Option<Head> {
    let mut lines = head.lines();
    let mut first = lines.next()?.split_whitespace();
    if !first.next()?.starts_with("HTTP/") {
        return None;
    }
    let status = first.next()?.parse().ok()?;
    let (mut length, mut location) = (None, None);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok(),
            "location" => location = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    Some((status, length, location))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads() {
        let head = "HTTP/1.1 302 Found\r\nLocation: https://h/x\r\ncontent-length: 3\r\n\r\n";
        assert_eq!(parse_head(head), Some((302, Some(3), Some("https://h/x".into()))));
        assert_eq!(parse_head("XenSource thin\r\n\r\n"), None);
    }
}
