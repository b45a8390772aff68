//! Which blocks of a simulated volume changed: a bit for each, in a file beside the volume. A bit is set before the
//! bytes are written, so that a killed process costs a bit too many, never one too few.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::storage::CBT_BLOCK;

/// Where a record stands in its line.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// The volume before.
    pub parent: Option<String>,
    /// The volume after.
    pub child: Option<String>,
}

/// The record of one volume. Its file grows with what is noted; what lies behind its end did not change.
pub struct Log(PathBuf);

impl Log {
    pub fn at(path: PathBuf) -> Log {
        Log(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Begins with nothing noted.
    pub fn create(&self) -> io::Result<()> {
        File::create(&self.0)?.sync_all()
    }

    /// Forgets everything noted.
    pub fn clear(&self) -> io::Result<()> {
        self.create()
    }

    pub fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.0) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    pub fn copy_to(&self, other: &Log) -> io::Result<()> {
        other.replace(&fs::read(&self.0)?)
    }

    /// Adds what is noted here to another record.
    pub fn merge_into(&self, other: &Log) -> io::Result<()> {
        other.replace(&or(fs::read(&other.0)?, &fs::read(&self.0)?))
    }

    /// Written whole or not at all.
    fn replace(&self, bits: &[u8]) -> io::Result<()> {
        let part = self.0.with_extension("part");
        let mut file = File::create(&part)?;
        file.write_all(bits)?;
        file.sync_all()?;
        fs::rename(&part, &self.0)
    }

    /// Notes that bytes change.
    pub fn mark(&self, offset: u64, length: u64) -> io::Result<()> {
        if length == 0 {
            return Ok(());
        }
        let (first, last) = (offset / CBT_BLOCK, (offset + length - 1) / CBT_BLOCK);
        let file = OpenOptions::new().read(true).write(true).open(&self.0)?;
        let mut bits = vec![0; (last / 8 - first / 8 + 1) as usize];
        let mut have = 0;
        while have < bits.len() {
            match file.read_at(&mut bits[have..], first / 8 + have as u64)? {
                0 => break,
                n => have += n,
            }
        }
        let before = bits.clone();
        for block in first..=last {
            bits[(block / 8 - first / 8) as usize] |= 1 << (block % 8);
        }
        if bits == before && have == bits.len() {
            return Ok(());
        }
        file.write_all_at(&bits, first / 8)
    }

    /// Everything noted in any of these, as stretches of a volume.
    pub fn union(all: &[Log], size: u64) -> io::Result<Vec<(u64, u64)>> {
        let mut bits = Vec::new();
        for log in all {
            bits = or(bits, &fs::read(&log.0)?);
        }
        let mut found: Vec<(u64, u64)> = Vec::new();
        for block in 0..size.div_ceil(CBT_BLOCK) {
            let set = bits.get((block / 8) as usize).is_some_and(|byte| byte & (1 << (block % 8)) != 0);
            match found.last_mut() {
                Some((start, length)) if set && *start + *length == block * CBT_BLOCK => *length += CBT_BLOCK,
                _ if set => found.push((block * CBT_BLOCK, CBT_BLOCK)),
                _ => {}
            }
        }
        Ok(found)
    }
}

fn or(mut left: Vec<u8>, right: &[u8]) -> Vec<u8> {
    if left.len() < right.len() {
        left.resize(right.len(), 0);
    }
    left.iter_mut().zip(right).for_each(|(left, right)| *left |= right);
    left
}
