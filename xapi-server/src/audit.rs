//! The audit log: a file of one line a call, turned over before it grows without end.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Bytes after which a new file is begun; the one before it is kept beside it.
const LARGEST: u64 = 16 << 20;

/// The file lines are written to.
pub struct AuditFile {
    path: PathBuf,
    file: File,
    size: u64,
}

impl AuditFile {
    /// Goes on with the file that is there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(path: &Path) -> io::Result<AuditFile> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        let size = file.metadata()?.len();
        Ok(AuditFile { path: path.to_path_buf(), file, size })
    }

    fn turn_over(&mut self) -> io::Result<()> {
        fs::rename(&self.path, self.path.with_extension("log.1"))?;
        *self = AuditFile::open(&self.path.clone())?;
        Ok(())
    }
}

impl Write for AuditFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.size > LARGEST {
            self.turn_over()?;
        }
        let written = self.file.write(line)?;
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_makes_room_for_a_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.log");
        let mut audit = AuditFile::open(&path).unwrap();
        audit.write_all(b"first\n").unwrap();
        audit.size = LARGEST + 1;
        audit.write_all(b"second\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second\n");
        assert_eq!(fs::read(dir.path().join("audit.log.1")).unwrap(), b"first\n");
    }
}
