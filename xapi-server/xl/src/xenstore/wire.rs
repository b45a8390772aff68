//! Messages of xenstore: a header of four little-endian words, then the payload. Pure.

/// Longest payload the protocol allows.
pub const LONGEST: usize = 4_096;

/// What a message asks for or is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// Names below a node.
    Directory = 1,
    /// Value of a node.
    Read = 2,
    /// Permissions of a node.
    GetPerms = 3,
    /// Tell me of changes at and below a path.
    Watch = 4,
    /// No more of that.
    Unwatch = 5,
    /// Begin a transaction.
    TransactionStart = 6,
    /// End a transaction.
    TransactionEnd = 7,
    /// Set the value of a node, making it and its parents.
    Write = 11,
    /// Make an empty node.
    Mkdir = 12,
    /// Remove a node and what is below.
    Rm = 13,
    /// Set permissions.
    SetPerms = 14,
    /// A watch fired.
    WatchEvent = 15,
    /// The request failed.
    Error = 16,
    /// A part of a long list of names.
    DirectoryPart = 22,
}

/// The header of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// As in [`Kind`].
    pub kind: u32,
    /// Number of the request.
    pub request: u32,
    /// Number of the transaction, 0 for none.
    pub transaction: u32,
    /// Bytes of payload.
    pub length: u32,
}

impl Header {
    /// Bytes of a header.
    pub const SIZE: usize = 16;

    /// From its bytes.
    pub fn parse(bytes: &[u8; Header::SIZE]) -> Header {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Header { kind: word(0), request: word(4), transaction: word(8), length: word(12) }
    }
}

/// A whole message: texts that end with a zero byte each, then raw bytes.
pub fn message(kind: u32, request: u32, transaction: u32, texts: &[&str], raw: &[u8]) -> Vec<u8> {
    let length = texts.iter().map(|text| text.len() + 1).sum::<usize>() + raw.len();
    let mut bytes = Vec::with_capacity(Header::SIZE + length);
    for word in [kind, request, transaction, u32::try_from(length).unwrap_or(u32::MAX)] {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    for text in texts {
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
    }
    bytes.extend_from_slice(raw);
    bytes
}

/// The texts of a payload. A guest can write any bytes; bad UTF-8 is replaced.
pub fn texts(payload: &[u8]) -> Vec<String> {
    let payload = payload.strip_suffix(&[0]).unwrap_or(payload);
    if payload.is_empty() {
        return Vec::new();
    }
    payload.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned()).collect()
}

/// A path other programs take as well: absolute, of the allowed characters, not too long.
pub fn is_path(path: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_@/:.+".contains(c);
    let long = path.len() <= 3_000;
    let shaped = path.starts_with('/') && !path.contains("//") && (path == "/" || !path.ends_with('/'));
    long && path.chars().all(allowed) && (shaped || path.starts_with('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_what_the_daemon_reads() {
        let bytes = message(Kind::Write as u32, 7, 3, &["/a"], b"v");
        assert_eq!(bytes, [11, 0, 0, 0, 7, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, b'/', b'a', 0, b'v']);
        let header = Header::parse(bytes[..16].try_into().expect("16 bytes"));
        assert_eq!(header, Header { kind: 11, request: 7, transaction: 3, length: 4 });
    }

    #[test]
    fn payloads_are_lists_of_texts() {
        assert_eq!(texts(b"a\0b\0"), ["a", "b"]);
        assert_eq!(texts(b"a"), ["a"]);
        assert!(texts(b"").is_empty() && texts(b"\0").is_empty());
    }

    #[test]
    fn paths_are_checked() {
        for good in ["/", "/local/domain/0", "@releaseDomain", "/a-b_c.d:e+f"] {
            assert!(is_path(good), "{good}");
        }
        for bad in ["", "a", "/a/", "/a//b", "/a b", "/a\0", "/ä"] {
            assert!(!is_path(bad), "{bad}");
        }
    }
}
