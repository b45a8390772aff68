//! The wire format of NBD: numbers, requests and replies. All integers big endian. Never does I/O.

/// What a server says first.
pub const GREETING: u64 = 0x4e42_444d_4147_4943;
/// In front of every option.
pub const OPTION_MAGIC: u64 = 0x4948_4156_454f_5054;
/// In front of every answer to an option.
pub const REPLY_MAGIC: u64 = 0x0003_e889_0455_65a9;
/// In front of every request.
pub const REQUEST_MAGIC: u32 = 0x2560_9513;
/// In front of a simple answer.
pub const SIMPLE_MAGIC: u32 = 0x6744_6698;
/// In front of a chunk of a structured answer.
pub const CHUNK_MAGIC: u32 = 0x668e_33ef;

/// Bytes of a request without its payload.
pub const REQUEST_LEN: usize = 28;
/// Longest payload of a request or answer.
pub const MAX_PAYLOAD: u32 = 32 << 20;
/// Longest option.
pub const MAX_OPTION: u32 = 64 << 10;

/// Handshake flags, the same in both directions: fixed newstyle, and no padding behind an export.
pub mod handshake_flags {
    /// Fixed newstyle.
    pub const FIXED: u16 = 1;
    /// No 124 zeros behind an old style export.
    pub const NO_ZEROES: u16 = 2;
}

/// Options of the handshake.
pub mod option {
    /// The export, without an answer to refuse it.
    pub const EXPORT_NAME: u32 = 1;
    /// Goodbye.
    pub const ABORT: u32 = 2;
    /// Which exports?
    pub const LIST: u32 = 3;
    /// Let us go on inside TLS.
    pub const STARTTLS: u32 = 5;
    /// What is this export?
    pub const INFO: u32 = 6;
    /// This export, please.
    pub const GO: u32 = 7;
    /// Answer in chunks.
    pub const STRUCTURED: u32 = 8;
    /// Which contexts has the export?
    pub const LIST_CONTEXT: u32 = 9;
    /// These contexts, please.
    pub const SET_CONTEXT: u32 = 10;
}

/// Answers to options.
pub mod reply {
    /// Done.
    pub const ACK: u32 = 1;
    /// An export.
    pub const SERVER: u32 = 2;
    /// Something about an export.
    pub const INFO: u32 = 3;
    /// A context.
    pub const CONTEXT: u32 = 4;
    /// This option is not known.
    pub const UNSUPPORTED: u32 = 1 << 31 | 1;
    /// The option makes no sense.
    pub const INVALID: u32 = 1 << 31 | 3;
    /// Not before TLS.
    pub const TLS_REQUIRED: u32 = 1 << 31 | 5;
    /// There is no such export.
    pub const UNKNOWN: u32 = 1 << 31 | 6;
    /// The option is too long.
    pub const TOO_BIG: u32 = 1 << 31 | 9;
}

/// What an answer of kind [`reply::INFO`] is about.
pub mod info {
    /// Size and flags.
    pub const EXPORT: u16 = 0;
    /// Name.
    pub const NAME: u16 = 1;
    /// Limits of requests.
    pub const BLOCK_SIZE: u16 = 3;
}

/// What an export can do.
pub mod transmission {
    /// There are flags.
    pub const HAS_FLAGS: u16 = 1;
    /// Writes are refused.
    pub const READ_ONLY: u16 = 2;
    /// Flush.
    pub const FLUSH: u16 = 4;
    /// Writes that are durable by themselves.
    pub const FUA: u16 = 8;
    /// Trim.
    pub const TRIM: u16 = 32;
    /// Zeros without sending them.
    pub const ZEROES: u16 = 64;
    /// Reads in one piece on demand.
    pub const DF: u16 = 128;
    /// A flush on one connection counts for all.
    pub const MULTI: u16 = 256;
}

/// Commands.
pub mod command {
    /// Read.
    pub const READ: u16 = 0;
    /// Write.
    pub const WRITE: u16 = 1;
    /// Goodbye.
    pub const DISCONNECT: u16 = 2;
    /// Flush.
    pub const FLUSH: u16 = 3;
    /// Trim.
    pub const TRIM: u16 = 4;
    /// Write zeros.
    pub const ZEROES: u16 = 6;
    /// Where is data?
    pub const STATUS: u16 = 7;
}

/// Flags of commands.
pub mod flag {
    /// Durable before the answer.
    pub const FUA: u16 = 1;
    /// Zeros must take space.
    pub const NO_HOLE: u16 = 2;
    /// In one piece.
    pub const DF: u16 = 4;
    /// One extent only.
    pub const ONE: u16 = 8;
}

/// Kinds of chunks of a structured answer; `DONE` is a flag.
pub mod chunk {
    /// The last chunk.
    pub const DONE: u16 = 1;
    /// Nothing inside.
    pub const NONE: u16 = 0;
    /// Bytes.
    pub const DATA: u16 = 1;
    /// Zeros.
    pub const HOLE: u16 = 2;
    /// Extents of a context.
    pub const STATUS: u16 = 5;
    /// An error.
    pub const ERROR: u16 = 1 << 15 | 1;
}

/// Errors on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errno {
    /// Not allowed: read only.
    Perm = 1,
    /// The device failed.
    Io = 5,
    /// The request makes no sense.
    Inval = 22,
    /// No space.
    NoSpace = 28,
    /// The request is too long.
    Overflow = 75,
    /// Not supported.
    NotSup = 95,
    /// The server is going.
    Shutdown = 108,
}

/// A request's fixed part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// See [`flag`].
    pub flags: u16,
    /// See [`command`].
    pub command: u16,
    /// Comes back in the answer.
    pub cookie: u64,
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub len: u32,
}

fn be<const N: usize>(b: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&b[at..at + N]);
    out
}

impl Request {
    /// Parses a request; `None` when it does not start with the magic number, which ends the connection.
    pub fn parse(b: &[u8; REQUEST_LEN]) -> Option<Request> {
        (u32::from_be_bytes(be(b, 0)) == REQUEST_MAGIC).then(|| Request {
            flags: u16::from_be_bytes(be(b, 4)),
            command: u16::from_be_bytes(be(b, 6)),
            cookie: u64::from_be_bytes(be(b, 8)),
            offset: u64::from_be_bytes(be(b, 16)),
            len: u32::from_be_bytes(be(b, 24)),
        })
    }

    /// The bytes on the wire.
    pub fn serialise(&self) -> [u8; REQUEST_LEN] {
        let mut b = [0; REQUEST_LEN];
        b[..4].copy_from_slice(&REQUEST_MAGIC.to_be_bytes());
        b[4..6].copy_from_slice(&self.flags.to_be_bytes());
        b[6..8].copy_from_slice(&self.command.to_be_bytes());
        b[8..16].copy_from_slice(&self.cookie.to_be_bytes());
        b[16..24].copy_from_slice(&self.offset.to_be_bytes());
        b[24..].copy_from_slice(&self.len.to_be_bytes());
        b
    }
}

/// The head of a simple answer.
pub fn simple(cookie: u64, error: Option<Errno>) -> [u8; 16] {
    let mut b = [0; 16];
    b[..4].copy_from_slice(&SIMPLE_MAGIC.to_be_bytes());
    b[4..8].copy_from_slice(&error.map_or(0, |e| e as u32).to_be_bytes());
    b[8..].copy_from_slice(&cookie.to_be_bytes());
    b
}

/// The head of a chunk with `len` bytes behind it.
pub fn chunk_head(cookie: u64, kind: u16, done: bool, len: u32) -> [u8; 20] {
    let mut b = [0; 20];
    b[..4].copy_from_slice(&CHUNK_MAGIC.to_be_bytes());
    b[4..6].copy_from_slice(&if done { chunk::DONE } else { 0 }.to_be_bytes());
    b[6..8].copy_from_slice(&kind.to_be_bytes());
    b[8..16].copy_from_slice(&cookie.to_be_bytes());
    b[16..].copy_from_slice(&len.to_be_bytes());
    b
}

/// An answer to an option.
pub fn option_reply(option: u32, kind: u32, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(20 + data.len());
    out.extend(REPLY_MAGIC.to_be_bytes());
    out.extend(option.to_be_bytes());
    out.extend(kind.to_be_bytes());
    out.extend((data.len() as u32).to_be_bytes());
    out.extend(data);
    out
}

/// Takes parts off an option's data; `None` where it is too short.
pub struct Parts<'a>(pub &'a [u8]);

impl<'a> Parts<'a> {
    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (now, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(now)
    }

    /// A 16 bit number.
    pub fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|b| u16::from_be_bytes(be(b, 0)))
    }

    /// A 32 bit number.
    pub fn u32(&mut self) -> Option<u32> {
        self.take(4).map(|b| u32::from_be_bytes(be(b, 0)))
    }

    /// Text behind its length.
    pub fn text(&mut self) -> Option<&'a str> {
        let n = self.u32()?;
        std::str::from_utf8(self.take(n as usize)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_survives_the_trip() {
        let r = Request { flags: 1, command: 6, cookie: u64::MAX - 1, offset: 1 << 41, len: 512 };
        let b = r.serialise();
        assert_eq!(Request::parse(&b), Some(r));
        let mut bad = b;
        bad[0] ^= 1;
        assert_eq!(Request::parse(&bad), None);
    }

    #[test]
    fn parts_end_where_the_data_ends() {
        let mut p = Parts(&[0, 0, 0, 2, b'h', b'i', 0, 7]);
        assert_eq!((p.text(), p.u16(), p.u16()), (Some("hi"), Some(7), None));
        assert_eq!(Parts(&[0xff; 6]).text(), None);
        assert_eq!(Parts(&[0, 0, 0, 1, 0xff]).text(), None);
    }
}
