//! Handshakes and framed messages on a byte stream.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{MAX_MESSAGE, Message, VERSION, decode, encode};

const MAGIC: &[u8; 27] = b"XenSource thin CLI protocol";

/// Bytes of one side's handshake.
pub const HANDSHAKE_LEN: usize = MAGIC.len() + 8;

/// The version a side announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Sides with different major versions cannot talk.
    pub major: i32,
    /// Grows with additions.
    pub minor: i32,
}

/// The bytes of our handshake.
pub fn handshake() -> [u8; HANDSHAKE_LEN] {
    let mut out = [0; HANDSHAKE_LEN];
    out[..27].copy_from_slice(MAGIC);
    out[27..31].copy_from_slice(&VERSION.major.to_le_bytes());
    out[31..].copy_from_slice(&VERSION.minor.to_le_bytes());
    out
}

/// The version in the other side's handshake, or `None` when it is something else.
pub fn parse_handshake(bytes: &[u8; HANDSHAKE_LEN]) -> Option<Version> {
    let (magic, rest) = bytes.split_first_chunk::<27>()?;
    if magic != MAGIC {
        return None;
    }
    let (major, rest) = rest.split_first_chunk::<4>()?;
    let minor = rest.first_chunk::<4>()?;
    Some(Version { major: i32::from_le_bytes(*major), minor: i32::from_le_bytes(*minor) })
}

/// Sends our handshake.
pub async fn write_handshake<W: AsyncWrite + Unpin>(stream: &mut W) -> io::Result<()> {
    stream.write_all(&handshake()).await?;
    stream.flush().await
}

/// Reads the other side's handshake. `InvalidData` when it is not one or the major version differs.
pub async fn read_handshake<R: AsyncRead + Unpin>(stream: &mut R) -> io::Result<Version> {
    let mut bytes = [0; HANDSHAKE_LEN];
    stream.read_exact(&mut bytes).await?;
    match parse_handshake(&bytes) {
        Some(version) if version.major == VERSION.major => Ok(version),
        Some(_) => Err(bad("Protocol version mismatch")),
        None => Err(bad("Not a thin CLI protocol peer")),
    }
}

/// Sends one message and flushes.
pub async fn write_message<W: AsyncWrite + Unpin>(stream: &mut W, message: &Message) -> io::Result<()> {
    let payload = encode(message);
    let mut bytes = Vec::with_capacity(payload.len() + 4);
    bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&payload);
    stream.write_all(&bytes).await?;
    stream.flush().await
}

/// Reads one message. `InvalidData` when it cannot be understood, `UnexpectedEof` at the end.
pub async fn read_message<R: AsyncRead + Unpin>(stream: &mut R) -> io::Result<Message> {
    let mut len = [0; 4];
    stream.read_exact(&mut len).await?;
    let len = u32::from_le_bytes(len) as usize;
    if len > MAX_MESSAGE {
        return Err(bad("message too long"));
    }
    let mut payload = Vec::new();
    let got = stream.take(len as u64).read_to_end(&mut payload).await?;
    if got < len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    decode(&payload).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}

fn bad(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Command;

    #[test]
    fn handshake_matches_the_recorded_bytes() {
        assert_eq!(&handshake()[..], b"XenSource thin CLI protocol\x00\x00\x00\x00\x02\x00\x00\x00");
        assert_eq!(parse_handshake(&handshake()), Some(VERSION));
    }

    #[tokio::test]
    async fn messages_pass_a_pipe() {
        let (mut a, mut b) = tokio::io::duplex(16);
        let sent = Message::Command(Command::Print("a longer text than the pipe".into()));
        let copy = sent.clone();
        let writer = tokio::spawn(async move { write_message(&mut a, &copy).await });
        assert_eq!(read_message(&mut b).await.ok(), Some(sent));
        assert!(writer.await.is_ok_and(|r| r.is_ok()));
        assert_eq!(read_message(&mut b).await.map_err(|e| e.kind()), Err(io::ErrorKind::UnexpectedEof));
    }
}
