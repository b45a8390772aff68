//! The handshake with a client: which export, how it is answered. Fixed newstyle only; an option that is not known
//! is refused by name and the talk goes on.

use super::export::Export;
use super::proto::{
    GREETING, MAX_OPTION, MAX_PAYLOAD, OPTION_MAGIC, Parts, handshake_flags, info, option, option_reply,
    reply, transmission,
};
use super::session::{Agreed, Context};
use crate::error::{Error, Result};
use std::io::{Read, Write};
use std::sync::Arc;

/// The disks a client may choose from.
pub trait Exports {
    /// The disk of a name.
    fn find(&self, name: &str) -> Option<Arc<Export>>;
    /// Names to tell; none where they are secrets.
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A few disks, known beforehand.
pub struct Fixed<'a>(pub &'a [Arc<Export>]);

impl Exports for Fixed<'_> {
    fn find(&self, name: &str) -> Option<Arc<Export>> {
        let named = self.0.iter().find(|e| e.name() == name);
        // The empty name is the default export: the only one.
        let only = self.0.first().filter(|_| name.is_empty() && self.0.len() == 1);
        named.or(only).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|e| e.name().to_owned()).collect()
    }
}

/// What a server thinks of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// There is none.
    Plain,
    /// Who wants it gets it.
    Optional,
    /// Nothing else before it.
    Required,
}

/// How a talk ended.
pub enum Outcome {
    /// The client took an export.
    Serve(Agreed),
    /// The client begins TLS with its next byte; go on with [`resume`] inside it.
    Secure(Greeted),
    /// The client left.
    Leave,
}

/// What was agreed on before the first option; holds on inside TLS.
#[derive(Debug, Clone, Copy)]
pub struct Greeted {
    no_zeroes: bool,
}

/// What a client asked for so far.
struct Talk<'a> {
    exports: &'a dyn Exports,
    security: Security,
    structured: bool,
    no_zeroes: bool,
    /// The export the contexts belong to.
    chosen: Option<String>,
    contexts: Vec<(u32, Context)>,
}

/// Talks from the first byte on. Reads nothing behind the option that ends the talk.
///
/// # Errors
/// What the stream says; [`Error::Format`] for a client that speaks something else.
pub fn negotiate(
    input: &mut dyn Read,
    output: &mut dyn Write,
    exports: &dyn Exports,
    security: Security,
) -> Result<Outcome> {
    let mut hello = Vec::with_capacity(18);
    hello.extend(GREETING.to_be_bytes());
    hello.extend(OPTION_MAGIC.to_be_bytes());
    hello.extend((handshake_flags::FIXED | handshake_flags::NO_ZEROES).to_be_bytes());
    output.write_all(&hello)?;
    output.flush()?;
    let mut b = [0; 4];
    input.read_exact(&mut b)?;
    let flags = u32::from_be_bytes(b);
    if flags & u32::from(handshake_flags::FIXED) == 0 {
        return Err(Error::format("NBD", "the client does not speak fixed newstyle"));
    }
    let no_zeroes = flags & u32::from(handshake_flags::NO_ZEROES) != 0;
    options(input, output, exports, security, Greeted { no_zeroes })
}

/// Goes on with a talk inside TLS.
///
/// # Errors
/// As [`negotiate`].
pub fn resume(
    input: &mut dyn Read,
    output: &mut dyn Write,
    exports: &dyn Exports,
    greeted: Greeted,
) -> Result<Outcome> {
    options(input, output, exports, Security::Plain, greeted)
}

fn options(
    input: &mut dyn Read,
    output: &mut dyn Write,
    exports: &dyn Exports,
    security: Security,
    greeted: Greeted,
) -> Result<Outcome> {
    let Greeted { no_zeroes } = greeted;
    let mut talk =
        Talk { exports, security, structured: false, no_zeroes, chosen: None, contexts: Vec::new() };
    loop {
        let mut head = [0; 16];
        input.read_exact(&mut head)?;
        let mut parts = Parts(&head);
        if parts.take(8) != Some(&OPTION_MAGIC.to_be_bytes()) {
            return Err(Error::format("NBD", "an option without its magic number"));
        }
        let (code, len) = (parts.u32().unwrap_or(0), parts.u32().unwrap_or(0));
        if len > MAX_OPTION {
            return Err(Error::format("NBD", format!("an option of {len} bytes")));
        }
        let mut data = vec![0; len as usize];
        input.read_exact(&mut data)?;
        let step = talk.answer(code, &data);
        output.write_all(&step.out)?;
        output.flush()?;
        match step.next {
            Next::More => {}
            Next::Leave => return Ok(Outcome::Leave),
            Next::Serve(agreed) => return Ok(Outcome::Serve(agreed)),
            Next::Secure => return Ok(Outcome::Secure(greeted)),
        }
    }
}

enum Next {
    More,
    Leave,
    Serve(Agreed),
    Secure,
}

struct Step {
    out: Vec<u8>,
    next: Next,
}

impl Talk<'_> {
    fn find(&self, name: &str) -> Option<Arc<Export>> {
        self.exports.find(name)
    }

    /// Everything about one option; pure but for the sizes that exports have at the moment.
    fn answer(&mut self, code: u32, data: &[u8]) -> Step {
        let more = |out| Step { out, next: Next::More };
        match code {
            option::ABORT => Step { out: option_reply(code, reply::ACK, &[]), next: Next::Leave },
            option::STARTTLS if self.security != Security::Plain && data.is_empty() => {
                Step { out: option_reply(code, reply::ACK, &[]), next: Next::Secure }
            }
            option::STARTTLS if self.security != Security::Plain => {
                more(option_reply(code, reply::INVALID, b"data is not wanted"))
            }
            // The one option that can't be refused by an answer.
            option::EXPORT_NAME if self.security == Security::Required => {
                Step { out: Vec::new(), next: Next::Leave }
            }
            _ if self.security == Security::Required => {
                more(option_reply(code, reply::TLS_REQUIRED, b"TLS comes first"))
            }
            option::EXPORT_NAME => self.old_style(data),
            option::LIST if data.is_empty() => more(self.list()),
            option::STRUCTURED if data.is_empty() => {
                self.structured = true;
                more(option_reply(code, reply::ACK, &[]))
            }
            option::LIST | option::STRUCTURED => {
                more(option_reply(code, reply::INVALID, b"data is not wanted"))
            }
            option::INFO | option::GO => self.info(code, data),
            option::LIST_CONTEXT | option::SET_CONTEXT => more(self.contexts(code, data)),
            _ => more(option_reply(code, reply::UNSUPPORTED, b"this option is not known")),
        }
    }

    /// The one option that has no answer but the connection's end.
    fn old_style(&mut self, data: &[u8]) -> Step {
        let export = std::str::from_utf8(data).ok().and_then(|name| self.find(name));
        let Some(export) = export else { return Step { out: Vec::new(), next: Next::Leave } };
        let mut out = Vec::new();
        out.extend(export.size().to_be_bytes());
        out.extend(flags(&export, self.structured).to_be_bytes());
        if !self.no_zeroes {
            out.extend([0; 124]);
        }
        let agreed = self.agree(export);
        Step { out, next: Next::Serve(agreed) }
    }

    fn agree(&mut self, export: Arc<Export>) -> Agreed {
        let ours =
            self.chosen.as_deref().and_then(|n| self.find(n)).is_some_and(|e| Arc::ptr_eq(&e, &export));
        let contexts = if ours { std::mem::take(&mut self.contexts) } else { Vec::new() };
        Agreed { export, structured: self.structured, contexts }
    }

    fn list(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for name in self.exports.names() {
            let mut data = Vec::from((name.len() as u32).to_be_bytes());
            data.extend(name.as_bytes());
            out.extend(option_reply(option::LIST, reply::SERVER, &data));
        }
        out.extend(option_reply(option::LIST, reply::ACK, &[]));
        out
    }

    fn info(&mut self, code: u32, data: &[u8]) -> Step {
        let more = |out| Step { out, next: Next::More };
        let Some((name, wanted)) = info_request(data) else {
            return more(option_reply(code, reply::INVALID, b"malformed"));
        };
        let Some(export) = self.find(name) else {
            return more(option_reply(code, reply::UNKNOWN, b"there is no such export"));
        };
        let mut out = Vec::new();
        let mut say = |kind: u16, body: &[u8]| {
            let mut data = Vec::from(kind.to_be_bytes());
            data.extend(body);
            out.extend(option_reply(code, reply::INFO, &data));
        };
        let mut body = Vec::from(export.size().to_be_bytes());
        body.extend(flags(&export, self.structured).to_be_bytes());
        say(info::EXPORT, &body);
        if wanted.contains(&info::NAME) {
            say(info::NAME, export.name().as_bytes());
        }
        // Without being asked too: a client that can't keep the limits is served all the same.
        let mut body = Vec::new();
        for n in [if wanted.contains(&info::BLOCK_SIZE) { 512u32 } else { 1 }, 4096, MAX_PAYLOAD] {
            body.extend(n.to_be_bytes());
        }
        say(info::BLOCK_SIZE, &body);
        out.extend(option_reply(code, reply::ACK, &[]));
        let next = if code == option::GO { Next::Serve(self.agree(export)) } else { Next::More };
        Step { out, next }
    }

    fn contexts(&mut self, code: u32, data: &[u8]) -> Vec<u8> {
        let setting = code == option::SET_CONTEXT;
        if setting {
            self.contexts.clear();
            self.chosen = None;
        }
        if !self.structured {
            return option_reply(code, reply::INVALID, b"structured replies come first");
        }
        let Some((name, queries)) = context_request(data) else {
            return option_reply(code, reply::INVALID, b"malformed");
        };
        let Some(export) = self.find(name) else {
            return option_reply(code, reply::UNKNOWN, b"there is no such export");
        };
        let mut known = vec![(1u32, Context::Allocation, "base:allocation")];
        if let Some((name, _)) = export.changes() {
            known.push((2, Context::Changes, name));
        }
        let mut out = Vec::new();
        for (id, context, name) in known {
            let asked = |q: &&str| *q == name || (!setting && q.ends_with(':') && name.starts_with(*q));
            if !queries.iter().any(asked) && (setting || !queries.is_empty()) {
                continue;
            }
            let mut data = Vec::from(id.to_be_bytes());
            data.extend(name.as_bytes());
            out.extend(option_reply(code, reply::CONTEXT, &data));
            if setting {
                self.contexts.push((id, context));
            }
        }
        if setting {
            self.chosen = Some(name.to_owned());
        }
        out.extend(option_reply(code, reply::ACK, &[]));
        out
    }
}

fn info_request(data: &[u8]) -> Option<(&str, Vec<u16>)> {
    let mut parts = Parts(data);
    let name = parts.text()?;
    let wanted: Option<Vec<u16>> = (0..parts.u16()?).map(|_| parts.u16()).collect();
    Some((name, wanted?)).filter(|_| parts.0.is_empty())
}

fn context_request(data: &[u8]) -> Option<(&str, Vec<&str>)> {
    let mut parts = Parts(data);
    let name = parts.text()?;
    let queries: Option<Vec<&str>> = (0..parts.u32()?).map(|_| parts.text()).collect();
    Some((name, queries?)).filter(|_| parts.0.is_empty())
}

/// What the export can do.
fn flags(export: &Export, structured: bool) -> u16 {
    use transmission as t;
    let mut flags = t::HAS_FLAGS | t::FLUSH | t::FUA | t::MULTI;
    flags |= if export.read_only() { t::READ_ONLY } else { t::TRIM | t::ZEROES };
    flags | if structured { t::DF } else { 0 }
}
