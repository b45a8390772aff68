//! The body of a request as pieces, whatever says where it ends: a length, chunks, or the connection's end.

use std::io;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, ReadHalf};

use crate::connection::Lent;

/// A length at least this large is announced by clients that do not know it: they hang up after the last byte.
const UNKNOWN: u64 = 1 << 50;
/// Bytes read at a time from a bare connection.
const PIECE: usize = 128 << 10;

/// A body, unread.
#[derive(Debug)]
pub struct RequestBody(Inner);

#[derive(Debug)]
enum Inner {
    /// Its end is known to the HTTP library.
    Framed { body: Incoming, length: Option<u64> },
    /// Everything until the client closes.
    Rest(ReadHalf<Lent>),
    /// Nothing.
    Empty,
}

impl RequestBody {
    pub(crate) fn framed(body: Incoming, length: Option<u64>) -> RequestBody {
        RequestBody(Inner::Framed { body, length })
    }

    pub(crate) fn empty() -> RequestBody {
        RequestBody(Inner::Empty)
    }

    pub(crate) fn rest(read: ReadHalf<Lent>) -> RequestBody {
        RequestBody(Inner::Rest(read))
    }

    /// How many bytes will come, when the client says so and means it.
    pub fn length(&self) -> Option<u64> {
        match &self.0 {
            Inner::Framed { length, .. } => length.filter(|length| *length < UNKNOWN),
            Inner::Rest(_) | Inner::Empty => None,
        }
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// The client hung up before the end it announced.
    pub async fn piece(&mut self) -> Option<io::Result<Bytes>> {
        match &mut self.0 {
            Inner::Framed { body, length } => loop {
                match body.frame().await? {
                    Ok(frame) => {
                        if let Ok(bytes) = frame.into_data() {
                            return Some(Ok(bytes));
                        }
                    }
                    // Who announces more than there can be hangs up when there is no more.
                    Err(_) if length.is_some_and(|length| length >= UNKNOWN) => return None,
                    Err(error) => return Some(Err(io::Error::new(io::ErrorKind::UnexpectedEof, error))),
                }
            },
            Inner::Empty => None,
            Inner::Rest(read) => {
                let mut bytes = BytesMut::with_capacity(PIECE);
                match read.read_buf(&mut bytes).await {
                    Ok(0) => None,
                    Ok(_) => Some(Ok(bytes.freeze())),
                    Err(error) => Some(Err(error)),
                }
            }
        }
    }
}
