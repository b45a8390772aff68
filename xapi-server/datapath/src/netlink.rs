//! Generic netlink as far as the kernel's nbd client needs it: messages, attributes, one request and its answer.
//! Building and reading is pure; only [`Socket`] talks.

use crate::error::{Error, Result};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};
use std::os::fd::{AsRawFd, OwnedFd};

/// The family that tells of families.
const CONTROLLER: u16 = 0x10;
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;
/// A message of the kernel's about an error, or about none.
const ERROR: u16 = 2;
/// Request, with an acknowledgement.
const REQUEST: u16 = 1 | 4;
const HEADER: usize = 20;
/// Set on attributes that hold attributes.
const NESTED: u16 = 0x8000;

/// Attributes being put together.
#[derive(Debug, Default, Clone)]
pub(crate) struct Attributes(Vec<u8>);

impl Attributes {
    fn put(mut self, kind: u16, data: &[u8]) -> Attributes {
        self.0.extend((4 + data.len() as u16).to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(data);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    pub(crate) fn u32(self, kind: u16, value: u32) -> Attributes {
        self.put(kind, &value.to_ne_bytes())
    }

    pub(crate) fn u64(self, kind: u16, value: u64) -> Attributes {
        self.put(kind, &value.to_ne_bytes())
    }

    pub(crate) fn text(self, kind: u16, text: &str) -> Attributes {
        self.put(kind, &[text.as_bytes(), b"\0"].concat())
    }

    pub(crate) fn nested(self, kind: u16, inner: &Attributes) -> Attributes {
        self.put(kind | NESTED, &inner.0)
    }
}

/// The first attribute of `kind`.
pub(crate) fn attribute(mut b: &[u8], kind: u16) -> Option<&[u8]> {
    while b.len() >= 4 {
        let (len, this) = (usize::from(u16::from_ne_bytes([b[0], b[1]])), u16::from_ne_bytes([b[2], b[3]]));
        let data = b.get(4..len)?;
        if this & !0xc000 == kind {
            return Some(data);
        }
        b = b.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    None
}

fn message(family: u16, command: u8, sequence: u32, attributes: &Attributes) -> Vec<u8> {
    let mut b = Vec::with_capacity(HEADER + attributes.0.len());
    b.extend((HEADER as u32 + attributes.0.len() as u32).to_ne_bytes());
    b.extend(family.to_ne_bytes());
    b.extend(REQUEST.to_ne_bytes());
    b.extend(sequence.to_ne_bytes());
    b.extend(0u32.to_ne_bytes());
    b.extend([command, 1, 0, 0]);
    b.extend(&attributes.0);
    b
}

/// What one message of an answer is.
#[derive(Debug, PartialEq, Eq)]
enum Heard<'a> {
    /// Attributes.
    Data(&'a [u8]),
    /// The end: 0 or an error's number.
    End(i32),
}

/// The messages of one packet that belong to `sequence`.
fn messages(mut b: &[u8], sequence: u32) -> Vec<Heard<'_>> {
    let mut out = Vec::new();
    while b.len() >= 16 {
        let len = u32::from_ne_bytes([b[0], b[1], b[2], b[3]]) as usize;
        let Some(m) = b.get(..len).filter(|m| m.len() >= HEADER) else { break };
        let kind = u16::from_ne_bytes([m[4], m[5]]);
        if m[8..12] == sequence.to_ne_bytes() {
            out.push(if kind == ERROR {
                Heard::End(-i32::from_ne_bytes([m[16], m[17], m[18], m[19]]))
            } else {
                Heard::Data(&m[HEADER..])
            });
        }
        b = b.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    out
}

/// A connection to one family.
pub(crate) struct Socket {
    fd: OwnedFd,
    family: u16,
    sequence: u32,
}

impl Socket {
    /// Connects to the family `name`.
    ///
    /// # Errors
    /// [`Error::NotHere`] when the kernel has none; the system's error.
    pub(crate) fn open(name: &str) -> Result<Socket> {
        let fd = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkGeneric,
        )?;
        // The kernel answers at once, except where it waits for a device to become quiet.
        setsockopt(&fd, sockopt::ReceiveTimeout, &TimeVal::seconds(120))?;
        let mut socket = Socket { fd, family: CONTROLLER, sequence: 0 };
        let answer = socket.call(GET_FAMILY, &Attributes::default().text(FAMILY_NAME, name));
        let answer = match answer {
            Err(Error::Io(e)) if e.raw_os_error() == Some(Errno::ENOENT as i32) => {
                return Err(Error::NotHere(format!("the kernel has no {name}")));
            }
            other => other?,
        };
        let id = attribute(&answer, FAMILY_ID).and_then(|b| b.try_into().ok());
        socket.family = u16::from_ne_bytes(id.ok_or_else(|| Error::NotHere(name.to_owned()))?);
        Ok(socket)
    }

    /// Sends a command; the attributes of its answer, none where it is only acknowledged.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn call(&mut self, command: u8, attributes: &Attributes) -> Result<Vec<u8>> {
        self.sequence += 1;
        let say = message(self.family, command, self.sequence, attributes);
        send(self.fd.as_raw_fd(), &say, MsgFlags::empty())?;
        let mut data = Vec::new();
        let mut b = vec![0; 32 << 10];
        loop {
            let n = match recv(self.fd.as_raw_fd(), &mut b, MsgFlags::empty()) {
                Err(Errno::EINTR) => continue,
                other => other?,
            };
            for heard in messages(&b[..n], self.sequence) {
                match heard {
                    Heard::Data(d) => data = d.to_vec(),
                    Heard::End(0) => return Ok(data),
                    Heard::End(e) => return Err(std::io::Error::from_raw_os_error(e).into()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_again_and_broken_ones_are_not_believed() {
        let inner = Attributes::default().u32(1, 9);
        let a = Attributes::default().u32(1, 7).text(10, "disk").nested(7, &inner).u64(2, 1 << 40);
        assert_eq!(attribute(&a.0, 10), Some(&b"disk\0"[..]));
        assert_eq!(attribute(&a.0, 2), Some(&(1u64 << 40).to_ne_bytes()[..]));
        assert_eq!(attribute(attribute(&a.0, 7).expect("nested"), 1), Some(&9u32.to_ne_bytes()[..]));
        assert_eq!(attribute(&a.0, 3), None);
        for end in 0..a.0.len() {
            let _ = attribute(&a.0[..end], 2);
        }
        assert_eq!(attribute(&[0, 0, 1, 0, 0, 0, 1, 0], 1), None, "a length of nothing");
    }

    #[test]
    fn answers_are_told_apart_by_their_number() {
        let mut packet = message(30, 1, 5, &Attributes::default().u32(1, 3));
        let mut end = message(ERROR, 0, 5, &Attributes::default());
        end[16..20].copy_from_slice(&(-16i32).to_ne_bytes());
        packet.extend(&end);
        assert_eq!(messages(&packet, 4), []);
        let heard = messages(&packet, 5);
        let Heard::Data(d) = heard[0] else { panic!("data") };
        assert_eq!((attribute(d, 1), &heard[1]), (Some(&3u32.to_ne_bytes()[..]), &Heard::End(16)));
    }
}
