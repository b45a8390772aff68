//! One client on one stream: its requests in order, each answered when the disk has done it. Never lets one client's
//! mistake touch another's connection.

use super::export::{Export, is_zero};
use super::handshake::{Fixed, Outcome, Security, negotiate};
use super::proto::{Errno, MAX_PAYLOAD, REQUEST_LEN, Request, chunk, chunk_head, command, flag, simple};
use crate::error::{Error, Result};
use std::io::{self, BufReader, Read, Write};
use std::sync::Arc;

/// Most extents in one answer.
const MAX_EXTENTS: usize = 4096;
/// Shortest hole worth a chunk of its own.
const HOLE: u64 = 4096;

/// What an extent is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// Where is data?
    Allocation,
    /// What changed?
    Changes,
}

/// What client and server agreed on.
pub struct Agreed {
    /// The disk.
    pub export: Arc<Export>,
    /// Answers come in chunks.
    pub structured: bool,
    /// The contexts asked for, by their number on the wire.
    pub contexts: Vec<(u32, Context)>,
}

/// Serves one client to its end: handshake and requests. `input` and `output` are the two directions of its stream;
/// a client that may only get here after TLS comes with the streams inside it.
///
/// # Errors
/// What the stream says; [`Error::Format`] for a client that speaks something else. The disk's errors go to the
/// client, not here.
pub fn serve(input: &mut dyn Read, output: &mut dyn Write, exports: &[Arc<Export>]) -> Result<()> {
    let mut input = BufReader::with_capacity(64 << 10, input);
    match negotiate(&mut input, output, &Fixed(exports), Security::Plain)? {
        Outcome::Serve(agreed) => transmit(&mut input, output, &agreed),
        Outcome::Leave | Outcome::Secure(_) => Ok(()),
    }
}

/// Answers the requests of a client that took an export. Answers to small requests that came together leave together:
/// with many in flight most of a small request's price is the two system calls around it.
///
/// # Errors
/// As [`serve`].
pub fn transmit<R: Read>(input: &mut BufReader<R>, output: &mut dyn Write, agreed: &Agreed) -> Result<()> {
    let mut output = Answers { out: output, waiting: Vec::new() };
    // One buffer for payloads and answers: the largest request decides its size.
    let mut buf = Vec::new();
    loop {
        // Whoever waits for an answer sends no further request.
        if input.buffer().len() < REQUEST_LEN {
            output.flush()?;
        }
        let mut head = [0; REQUEST_LEN];
        match input.read_exact(&mut head) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(output.flush()?),
            other => other?,
        }
        let request = Request::parse(&head)
            .ok_or_else(|| Error::format("NBD", "a request without its magic number"))?;
        if request.command == command::DISCONNECT {
            return Ok(output.flush()?);
        }
        if request.command == command::WRITE {
            if request.len > MAX_PAYLOAD {
                // Its payload can't be skipped at a bearable price.
                return Err(Error::format("NBD", format!("a write of {} bytes", request.len)));
            }
            buf.resize(request.len as usize, 0);
            if input.buffer().len() < buf.len() {
                output.flush()?;
            }
            input.read_exact(&mut buf)?;
        }
        // What takes its time must not hold back what is done.
        if !matches!(request.command, command::READ | command::WRITE) || request.flags & flag::FUA != 0 {
            output.flush()?;
        }
        if request.command == command::READ {
            read(&request, agreed, &mut buf, &mut output)?;
        } else if request.command == command::STATUS && agreed.structured {
            status(&request, agreed, &mut output)?;
        } else {
            let done = perform(&request, agreed, &buf);
            answer(&request, agreed, done, &mut output)?;
        }
    }
}

/// Most bytes of answers that wait for others.
const TOGETHER: usize = 128 << 10;

/// Answers on their way to a client.
struct Answers<'a> {
    out: &'a mut dyn Write,
    waiting: Vec<u8>,
}

impl Write for Answers<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.waiting.len() + bytes.len() > TOGETHER {
            self.send()?;
        }
        if bytes.len() > TOGETHER / 2 {
            // Not worth a copy.
            self.send()?;
            self.out.write_all(bytes)?;
        } else {
            self.waiting.extend(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()?;
        self.out.flush()
    }
}

impl Answers<'_> {
    fn send(&mut self) -> io::Result<()> {
        if !self.waiting.is_empty() {
            self.out.write_all(&self.waiting)?;
            self.waiting.clear();
        }
        Ok(())
    }
}

/// Everything that has no data in its answer.
fn perform(r: &Request, agreed: &Agreed, payload: &[u8]) -> Result<(), Errno> {
    let export = &agreed.export;
    let known = match r.command {
        command::ZEROES => flag::FUA | flag::NO_HOLE,
        command::STATUS => flag::ONE,
        _ => flag::FUA,
    };
    if r.flags & !known != 0 {
        return Err(Errno::Inval);
    }
    let fua = r.flags & flag::FUA != 0;
    let len = u64::from(r.len);
    match r.command {
        command::WRITE => export.write(r.offset, payload, fua),
        command::FLUSH => export.flush(),
        command::TRIM => export.trim(r.offset, len, fua),
        // Space that must be taken is taken by writing.
        command::ZEROES if r.flags & flag::NO_HOLE != 0 => export.fill_zeros(r.offset, len, fua),
        command::ZEROES => export.zero(r.offset, len, fua),
        _ => return Err(Errno::Inval),
    }
    .map_err(|e| errno(&e, r.command))
}

/// What the wire calls an error.
fn errno(e: &Error, command: u16) -> Errno {
    match e {
        Error::ReadOnly => Errno::Perm,
        Error::Range { .. } if command == command::WRITE => Errno::NoSpace,
        Error::Range { .. } => Errno::Inval,
        Error::NoSpace { .. } => Errno::NoSpace,
        Error::Stopped => Errno::Shutdown,
        Error::Unsupported(_) => Errno::NotSup,
        Error::Io(e) if e.kind() == io::ErrorKind::StorageFull => Errno::NoSpace,
        _ => Errno::Io,
    }
}

fn answer(r: &Request, agreed: &Agreed, done: Result<(), Errno>, out: &mut dyn Write) -> io::Result<()> {
    match done {
        Err(e) if agreed.structured => fail(r, e, out),
        done => out.write_all(&simple(r.cookie, done.err())),
    }
}

fn fail(r: &Request, e: Errno, out: &mut dyn Write) -> io::Result<()> {
    let mut b = Vec::from(chunk_head(r.cookie, chunk::ERROR, true, 6));
    b.extend((e as u32).to_be_bytes());
    b.extend([0; 2]);
    out.write_all(&b)
}

fn read(r: &Request, agreed: &Agreed, buf: &mut Vec<u8>, out: &mut dyn Write) -> Result<()> {
    let export = &agreed.export;
    let len = u64::from(r.len);
    let bad = if r.flags & !(flag::FUA | flag::DF) != 0 || r.offset.checked_add(len).is_none() {
        Some(Errno::Inval)
    } else if r.len > MAX_PAYLOAD {
        Some(Errno::Overflow)
    } else {
        None
    };
    if let Some(e) = bad {
        return Ok(answer(r, agreed, Err(e), out)?);
    }
    if agreed.structured && r.flags & flag::DF == 0 && r.offset.is_multiple_of(512) && len.is_multiple_of(512)
    {
        return read_sparse(r, agreed, buf, out);
    }
    let head = if agreed.structured { 28 } else { 16 };
    buf.resize(head + len as usize, 0);
    if let Err(e) = export.read(r.offset, &mut buf[head..]) {
        return Ok(answer(r, agreed, Err(errno(&e, r.command)), out)?);
    }
    if agreed.structured {
        if len == 0 {
            return Ok(out.write_all(&chunk_head(r.cookie, chunk::NONE, true, 0))?);
        }
        buf[..20].copy_from_slice(&chunk_head(r.cookie, chunk::DATA, true, r.len + 8));
        buf[20..28].copy_from_slice(&r.offset.to_be_bytes());
    } else {
        buf[..16].copy_from_slice(&simple(r.cookie, None));
    }
    Ok(out.write_all(buf)?)
}

/// Data and holes in chunks of their own.
fn read_sparse(r: &Request, agreed: &Agreed, buf: &mut Vec<u8>, out: &mut dyn Write) -> Result<()> {
    let export = &agreed.export;
    let end = r.offset + u64::from(r.len);
    let found = export.extents(r.offset, u64::from(r.len), usize::MAX);
    let mut pieces: Vec<(u64, u64, bool)> = Vec::new();
    match found {
        Err(e) => return Ok(answer(r, agreed, Err(errno(&e, r.command)), out)?),
        Ok(extents) => {
            for e in extents {
                let hole = is_zero(&e) && e.len >= HOLE;
                match pieces.last_mut() {
                    Some(last) if last.2 == hole => last.1 += e.len,
                    _ => pieces.push((e.start, e.len, hole)),
                }
            }
        }
    }
    if pieces.is_empty() {
        return Ok(out.write_all(&chunk_head(r.cookie, chunk::NONE, true, 0))?);
    }
    for (start, len, hole) in pieces {
        let done = start + len == end;
        if hole {
            let mut b = Vec::from(chunk_head(r.cookie, chunk::HOLE, done, 12));
            b.extend(start.to_be_bytes());
            b.extend((len as u32).to_be_bytes());
            out.write_all(&b)?;
            continue;
        }
        buf.resize(28 + len as usize, 0);
        if let Err(e) = export.read(start, &mut buf[28..]) {
            return Ok(fail(r, errno(&e, r.command), out)?);
        }
        buf[..20].copy_from_slice(&chunk_head(r.cookie, chunk::DATA, done, len as u32 + 8));
        buf[20..28].copy_from_slice(&start.to_be_bytes());
        out.write_all(buf)?;
    }
    Ok(())
}

fn status(r: &Request, agreed: &Agreed, out: &mut dyn Write) -> Result<()> {
    if r.flags & !flag::ONE != 0 || r.len == 0 || agreed.contexts.is_empty() {
        return Ok(fail(r, Errno::Inval, out)?);
    }
    let count = if r.flags & flag::ONE != 0 { 1 } else { MAX_EXTENTS };
    let mut answers = Vec::new();
    for (id, context) in &agreed.contexts {
        match describe(r, agreed, *context, count) {
            Ok(pieces) => answers.push((*id, pieces)),
            Err(e) => return Ok(fail(r, errno(&e, r.command), out)?),
        }
    }
    let last = answers.len() - 1;
    for (i, (id, pieces)) in answers.into_iter().enumerate() {
        let len = 4 + 8 * pieces.len() as u32;
        let mut b = Vec::from(chunk_head(r.cookie, chunk::STATUS, i == last, len));
        b.extend(id.to_be_bytes());
        for (len, state) in pieces {
            b.extend(len.to_be_bytes());
            b.extend(state.to_be_bytes());
        }
        out.write_all(&b)?;
    }
    Ok(())
}

/// Lengths and states of a context from the request's offset on.
fn describe(r: &Request, agreed: &Agreed, context: Context, count: usize) -> Result<Vec<(u32, u32)>> {
    let (export, len) = (&agreed.export, u64::from(r.len));
    match (context, export.changes()) {
        (Context::Changes, Some((_, log))) => {
            if r.offset.checked_add(len).is_none_or(|end| end > export.size()) {
                return Err(Error::Range { offset: r.offset, len });
            }
            let mut out: Vec<(u32, u32)> = Vec::new();
            let mut at = r.offset;
            while at < r.offset + len {
                let next = (at / crate::cbt::GRAIN + 1) * crate::cbt::GRAIN;
                let n = (next.min(r.offset + len) - at) as u32;
                // What lies behind the log's end was not watched: changed.
                let state = u32::from(at >= log.size() || log.is_changed(at));
                let full = out.len() == count;
                match out.last_mut() {
                    Some(last) if last.1 == state => last.0 += n,
                    _ if full => break,
                    _ => out.push((n, state)),
                }
                at += u64::from(n);
            }
            Ok(out)
        }
        _ => {
            let extents = export.extents(r.offset, len, count)?;
            let end = r.offset + len;
            Ok(extents
                .iter()
                .map(|e| ((e.len.min(end - e.start)) as u32, if is_zero(e) { 3 } else { 0 }))
                .collect())
        }
    }
}
