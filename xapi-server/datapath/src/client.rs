//! The client's half of an NBD handshake, for the kernel's client: it takes over the connection once both sides have
//! agreed. Plain answers only, as the kernel knows no others.

use crate::error::{Error, Result};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use xennix_disk::nbd::proto::{
    GREETING, OPTION_MAGIC, Parts, REPLY_MAGIC, handshake_flags, info, option, reply,
};

/// What the two sides agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Agreed {
    /// Bytes.
    pub(crate) size: u64,
    /// What the server can do.
    pub(crate) flags: u16,
}

/// Connects to the export `name` at `socket`.
///
/// # Errors
/// The socket's error; [`Error::Server`] for one that speaks something else or has no such export.
pub(crate) fn connect(socket: &Path, name: &str) -> Result<(UnixStream, Agreed)> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let agreed = negotiate(&stream, name)?;
    stream.set_read_timeout(None)?;
    Ok((stream, agreed))
}

fn wrong(what: &str) -> Error {
    Error::Server(format!("NBD handshake: {what}"))
}

fn negotiate<S>(stream: S, name: &str) -> Result<Agreed>
where
    S: Read + Write,
{
    let mut stream = stream;
    let mut hello = [0; 18];
    stream.read_exact(&mut hello)?;
    if hello[..8] != GREETING.to_be_bytes() || hello[8..16] != OPTION_MAGIC.to_be_bytes() {
        return Err(wrong("not a server"));
    }
    let flags = u32::from(handshake_flags::FIXED | handshake_flags::NO_ZEROES);
    let mut say = Vec::from(flags.to_be_bytes());
    say.extend(OPTION_MAGIC.to_be_bytes());
    say.extend(option::GO.to_be_bytes());
    say.extend((name.len() as u32 + 6).to_be_bytes());
    say.extend((name.len() as u32).to_be_bytes());
    say.extend(name.as_bytes());
    say.extend(0u16.to_be_bytes());
    stream.write_all(&say)?;
    let mut agreed = None;
    loop {
        let mut head = [0; 20];
        stream.read_exact(&mut head)?;
        let mut parts = Parts(&head[8..]);
        let (_, kind, len) = (parts.u32(), parts.u32().unwrap_or(0), parts.u32().unwrap_or(0));
        if head[..8] != REPLY_MAGIC.to_be_bytes() || len > 64 << 10 {
            return Err(wrong("an answer that is none"));
        }
        let mut data = vec![0; len as usize];
        stream.read_exact(&mut data)?;
        match kind {
            reply::ACK => return agreed.ok_or_else(|| wrong("no size was told")),
            reply::INFO => {
                let mut parts = Parts(&data);
                if parts.u16() == Some(info::EXPORT) {
                    let size = parts.u32().zip(parts.u32());
                    let (size, flags) = size.zip(parts.u16()).ok_or_else(|| wrong("a short answer"))?;
                    let size = u64::from(size.0) << 32 | u64::from(size.1);
                    agreed = Some(Agreed { size, flags });
                }
            }
            kind if kind >> 31 == 1 => return Err(wrong(&String::from_utf8_lossy(&data))),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// A stream that says what was prepared and hears everything.
    struct Prepared(Cursor<Vec<u8>>, Vec<u8>);

    impl Read for Prepared {
        fn read(&mut self, b: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(b)
        }
    }

    impl Write for Prepared {
        fn write(&mut self, b: &[u8]) -> std::io::Result<usize> {
            self.1.extend(b);
            Ok(b.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn talk(answers: &[u8]) -> Result<Agreed> {
        let mut says = Vec::from(*b"NBDMAGICIHAVEOPT\0\x03");
        says.extend(answers);
        negotiate(Prepared(Cursor::new(says), Vec::new()), "disk")
    }

    #[test]
    fn only_a_whole_answer_is_taken() {
        let mut good = xennix_disk::nbd::proto::option_reply(
            option::GO,
            reply::INFO,
            &[&[0, 0][..], &(5u64 << 32 | 7).to_be_bytes(), &[0x01, 0x2d]].concat(),
        );
        good.extend(xennix_disk::nbd::proto::option_reply(option::GO, reply::ACK, &[]));
        assert_eq!(talk(&good).expect("agreed"), Agreed { size: 5 << 32 | 7, flags: 0x12d });
        for end in 0..good.len() {
            assert!(talk(&good[..end]).is_err(), "{end}");
        }
        let unknown = xennix_disk::nbd::proto::option_reply(option::GO, reply::UNKNOWN, b"no such");
        assert!(talk(&unknown).expect_err("refused").to_string().contains("no such"));
        let ack = xennix_disk::nbd::proto::option_reply(option::GO, reply::ACK, &[]);
        assert!(talk(&ack).is_err(), "a size is needed");
    }
}
