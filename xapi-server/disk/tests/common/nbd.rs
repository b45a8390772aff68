//! A small NBD client, written for the tests alone.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use xennix_disk::nbd::proto::{self, Request, command, option};

/// A connected client with structured replies and `base:allocation`.
pub struct Client {
    stream: UnixStream,
    /// Virtual size.
    pub size: u64,
    /// Transmission flags.
    pub flags: u16,
    cookie: u64,
}

/// All chunks as (kind, bytes), or the error's number.
pub type Answer = Result<Vec<(u16, Vec<u8>)>, u32>;

fn be32(b: &[u8]) -> u32 {
    u32::from_be_bytes(b[..4].try_into().expect("4 bytes"))
}

fn be64(b: &[u8]) -> u64 {
    u64::from_be_bytes(b[..8].try_into().expect("8 bytes"))
}

fn text(s: &str) -> Vec<u8> {
    [&(s.len() as u32).to_be_bytes(), s.as_bytes()].concat()
}

impl Client {
    /// Connects to an export and asks for `contexts`.
    pub fn connect(socket: &Path, export: &str, contexts: &[&str]) -> Client {
        Client::try_connect(socket, export, contexts).expect("connect")
    }

    /// The same, for servers that may be gone.
    pub fn try_connect(socket: &Path, export: &str, contexts: &[&str]) -> std::io::Result<Client> {
        let mut c = Client { stream: UnixStream::connect(socket)?, size: 0, flags: 0, cookie: 0 };
        assert_eq!(c.take(18)?[..8], *b"NBDMAGIC");
        c.stream.write_all(&3u32.to_be_bytes())?;
        c.option(option::STRUCTURED, &[])?;
        let mut query = text(export);
        query.extend((contexts.len() as u32).to_be_bytes());
        contexts.iter().for_each(|n| query.extend(text(n)));
        let found = c.option(option::SET_CONTEXT, &query)?;
        assert_eq!(found.len(), contexts.len(), "contexts: {found:?}");
        let go = [text(export), vec![0, 1, 0, 3]].concat();
        for info in c.option(option::GO, &go)? {
            if info[..2] == [0, 0] {
                c.size = be64(&info[2..]);
                c.flags = u16::from_be_bytes([info[10], info[11]]);
            }
        }
        Ok(c)
    }

    fn take(&mut self, n: usize) -> std::io::Result<Vec<u8>> {
        let mut b = vec![0; n];
        self.stream.read_exact(&mut b)?;
        Ok(b)
    }

    /// Sends an option; the answers up to its acknowledgement.
    fn option(&mut self, code: u32, data: &[u8]) -> std::io::Result<Vec<Vec<u8>>> {
        let head = [&b"IHAVEOPT"[..], &code.to_be_bytes(), &(data.len() as u32).to_be_bytes(), data].concat();
        self.stream.write_all(&head)?;
        let mut out = Vec::new();
        loop {
            let head = self.take(20)?;
            assert_eq!((be64(&head), be32(&head[8..])), (proto::REPLY_MAGIC, code));
            let data = self.take(be32(&head[16..]) as usize)?;
            match be32(&head[12..]) {
                1 => return Ok(out),
                kind if kind >> 31 == 1 => panic!("option {code}: {:?}", String::from_utf8_lossy(&data)),
                _ => out.push(data),
            }
        }
    }

    /// One request and its answer: all chunks as (kind, bytes), or the error.
    pub fn call(
        &mut self,
        command: u16,
        flags: u16,
        offset: u64,
        len: u32,
        payload: &[u8],
    ) -> std::io::Result<Answer> {
        self.cookie += 1;
        let cookie = self.cookie;
        let request = Request { flags, command, cookie, offset, len }.serialise();
        self.stream.write_all(&[&request[..], payload].concat())?;
        let mut chunks = Vec::new();
        loop {
            let magic = be32(&self.take(4)?);
            if magic == proto::SIMPLE_MAGIC {
                let b = self.take(12)?;
                assert_eq!(be64(&b[4..]), cookie);
                let error = be32(&b);
                return Ok(if error == 0 { Ok(chunks) } else { Err(error) });
            }
            assert_eq!(magic, proto::CHUNK_MAGIC);
            let b = self.take(16)?;
            assert_eq!(be64(&b[4..]), cookie);
            let data = self.take(be32(&b[12..]) as usize)?;
            let kind = u16::from_be_bytes([b[2], b[3]]);
            if kind >> 15 == 1 {
                return Ok(Err(be32(&data)));
            }
            chunks.push((kind, data));
            if b[1] & 1 == 1 {
                return Ok(Ok(chunks));
            }
        }
    }

    /// Reads bytes, holes filled in.
    pub fn read(&mut self, offset: u64, len: usize) -> Vec<u8> {
        let mut out = vec![0xee; len];
        for (kind, b) in self.call(command::READ, 0, offset, len as u32, &[]).expect("I/O").expect("read") {
            if kind == 0 {
                continue;
            }
            let at = (be64(&b) - offset) as usize;
            match kind {
                1 => out[at..at + b.len() - 8].copy_from_slice(&b[8..]),
                2 => out[at..at + be32(&b[8..]) as usize].fill(0),
                other => panic!("chunk {other}"),
            }
        }
        out
    }

    /// Writes bytes.
    pub fn write(&mut self, offset: u64, data: &[u8], flags: u16) {
        self.call(command::WRITE, flags, offset, data.len() as u32, data).expect("I/O").expect("write");
    }

    /// Anything without payload that must succeed.
    pub fn must(&mut self, command: u16, flags: u16, offset: u64, len: u32) {
        self.call(command, flags, offset, len, &[]).expect("I/O").expect("command");
    }

    /// (length, state) of a context from `offset` on.
    pub fn status(&mut self, context: u32, flags: u16, offset: u64, len: u32) -> Vec<(u32, u32)> {
        let chunks = self.call(command::STATUS, flags, offset, len, &[]).expect("I/O").expect("status");
        let chunk = chunks.iter().find(|(kind, b)| *kind == 5 && be32(b) == context).expect("context");
        chunk.1[4..].chunks(8).map(|c| (be32(c), be32(&c[4..]))).collect()
    }
}
