//! UEFI variables as `VM.NVRAM` keeps them between lives of a guest. Pure.
//!
//! Little endian: `VARS`, version, count, length of what follows; with version 2 a block of other state the firmware
//! keeps; then the variables one after another.

use std::fmt::Write;

const MAGIC: &[u8; 4] = b"VARS";
/// Versions there are.
const NEWEST: u32 = 2;
/// Bytes of the block version 2 has.
const EXTRA: usize = 268;
/// The largest blob that is kept.
const LARGEST: usize = 128 << 10;

/// A variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Name in UCS-2 without an end mark.
    pub name: Vec<u8>,
    /// Whose name it is.
    pub guid: [u8; 16],
    /// Attributes.
    pub attributes: u32,
    /// When it was last written with a signature.
    pub time: [u8; 16],
    /// Content.
    pub data: Vec<u8>,
    /// Of the certificate that may change it; only a firmware service of its own keeps that.
    pub digest: [u8; 32],
}

/// All variables of a guest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blob {
    /// Other state, handed through.
    pub extra: Option<Vec<u8>>,
    /// The variables in their order.
    pub variables: Vec<Variable>,
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (head, rest) = self.0.split_at_checked(length).ok_or("it ends too early")?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N)?.try_into().map_err(|_| "it ends too early".to_string())
    }

    fn sized(&mut self) -> Result<&'a [u8], String> {
        let length = u64::from_le_bytes(self.array()?);
        self.take(usize::try_from(length).map_err(|_| "a length is absurd")?)
    }
}

impl Blob {
    /// Reads a blob.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Blob, String> {
        if bytes.len() > LARGEST {
            return Err(format!("it has more than {LARGEST} bytes"));
        }
        let mut reader = Reader(bytes);
        if reader.take(4)? != MAGIC {
            return Err("it holds no UEFI variables".into());
        }
        let version = u32::from_le_bytes(reader.array()?);
        if !(1..=NEWEST).contains(&version) {
            return Err(format!("its version {version} is not known"));
        }
        let count = u64::from_le_bytes(reader.array()?);
        reader.take(8)?;
        let extra = if version >= 2 { Some(reader.take(EXTRA)?.to_vec()) } else { None };
        let mut variables = Vec::new();
        for _ in 0..count {
            let name = reader.sized()?;
            let data = reader.sized()?.to_vec();
            let guid = reader.array()?;
            let attributes = u32::from_le_bytes(reader.array()?);
            let (time, digest) = (reader.array()?, reader.array()?);
            if name.is_empty() || name.len() % 2 != 0 {
                return Err("a name is no name".into());
            }
            let name = name.strip_suffix(&[0, 0]).unwrap_or(name).to_vec();
            variables.push(Variable { name, guid, attributes, time, data, digest });
        }
        Ok(Blob { extra, variables })
    }

    /// The bytes of a blob.
    ///
    /// # Errors
    /// More than is kept.
    pub fn bytes(&self) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        for one in &self.variables {
            for part in [&one.name, &one.data] {
                body.extend((part.len() as u64).to_le_bytes());
                body.extend(part);
            }
            body.extend(one.guid);
            body.extend(one.attributes.to_le_bytes());
            body.extend(one.time);
            body.extend(one.digest);
        }
        let version = if self.extra.is_some() { 2u32 } else { 1 };
        let mut bytes = MAGIC.to_vec();
        bytes.extend(version.to_le_bytes());
        bytes.extend((self.variables.len() as u64).to_le_bytes());
        bytes.extend((body.len() as u64).to_le_bytes());
        bytes.extend(self.extra.iter().flatten());
        bytes.extend(body);
        if bytes.len() > LARGEST {
            return Err(format!("the variables take more than {LARGEST} bytes"));
        }
        Ok(bytes)
    }

    /// What a guest left, with what only the blob before knew of the same variables.
    #[must_use]
    pub fn after(before: &Blob, mut variables: Vec<Variable>) -> Blob {
        for one in &mut variables {
            let same = |old: &&Variable| old.name == one.name && old.guid == one.guid && old.data == one.data;
            if let Some(old) = before.variables.iter().find(same) {
                one.digest = old.digest;
            }
        }
        Blob { extra: before.extra.clone(), variables }
    }
}

impl Variable {
    /// Its name for people.
    pub fn label(&self) -> String {
        let mut text = String::new();
        for pair in self.name.chunks_exact(2) {
            match char::from_u32(u32::from(u16::from_le_bytes([pair[0], pair[1]]))) {
                Some(c) if !c.is_control() => text.push(c),
                // Writing into a string cannot fail.
                _ => drop(write!(text, "\\u{:02x}{:02x}", pair[1], pair[0])),
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn variable(name: &str, data: &[u8]) -> Variable {
        Variable {
            name: name.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            guid: [7; 16],
            attributes: 7,
            time: [1; 16],
            data: data.to_vec(),
            digest: [9; 32],
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for extra in [None, Some(vec![5; EXTRA])] {
            let blob = Blob { extra, variables: vec![variable("BootOrder", &[0, 0]), variable("a", b"")] };
            let bytes = blob.bytes().expect("fits");
            assert_eq!(&bytes[..4], b"VARS");
            assert_eq!(bytes[4], if blob.extra.is_some() { 2 } else { 1 });
            assert_eq!(Blob::read(&bytes), Ok(blob));
        }
    }

    #[test]
    fn a_blob_by_hand() {
        let mut bytes = b"VARS\x01\0\0\0\x01\0\0\0\0\0\0\0\x5a\0\0\0\0\0\0\0".to_vec();
        bytes.extend(b"\x04\0\0\0\0\0\0\0P\0K\0\x02\0\0\0\0\0\0\0xy");
        bytes.extend([3; 16]);
        bytes.extend(b"\x27\0\0\0");
        bytes.extend([1; 16]);
        bytes.extend([2; 32]);
        let blob = Blob::read(&bytes).expect("is one");
        let one = &blob.variables[0];
        assert_eq!((one.label().as_str(), one.data.as_slice(), one.attributes), ("PK", &b"xy"[..], 0x27));
        assert_eq!(blob.bytes().expect("fits"), bytes);
    }

    #[test]
    fn what_is_none_is_refused_and_never_panics() {
        let bytes = Blob { extra: None, variables: vec![variable("x", b"y")] }.bytes().expect("fits");
        for end in 0..bytes.len() {
            assert!(Blob::read(&bytes[..end]).is_err(), "cut at {end}");
        }
        for (at, value) in [(0, b'X'), (4, 9), (8, 200), (31, 0xff)] {
            let mut bad = bytes.clone();
            bad[at] = value;
            assert!(Blob::read(&bad).is_err(), "{at}");
        }
        assert!(Blob::read(&vec![0; LARGEST + 1]).is_err());
        let large = Blob { extra: None, variables: vec![variable("x", &vec![0; LARGEST])] };
        assert!(large.bytes().is_err());
    }

    #[test]
    fn what_only_the_blob_knew_is_kept() {
        let before =
            Blob { extra: Some(vec![5; EXTRA]), variables: vec![variable("PK", b"k"), variable("a", b"1")] };
        let left = |name, data| Variable { digest: [0; 32], ..variable(name, data) };
        let after = Blob::after(&before, vec![left("PK", b"k"), left("a", b"2")]);
        assert_eq!(after.extra, before.extra);
        assert_eq!((after.variables[0].digest, after.variables[1].digest), ([9; 32], [0; 32]));
    }
}
