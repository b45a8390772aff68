//! Bytes this process itself reads and writes of a driver's volume, through the path the driver gave.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::Arc,
};

use xapi_backend::storage::DataPath;
use xapi_schema::Result;

use crate::fail::Doing;

/// A file or device that holds a volume's bytes.
#[derive(Clone)]
pub struct Bytes(Arc<File>);

impl Bytes {
    /// Opens what a path leads to.
    ///
    /// # Errors
    /// SR_BACKEND_FAILURE_46 where only a guest can get at it.
    pub fn open(path: &DataPath, writable: bool) -> Result<Bytes> {
        let path: &PathBuf = match path {
            DataPath::Block(path) | DataPath::File(path) => path,
            DataPath::Nbd { .. } => {
                return Err(Doing::Attach.failure("its driver offers no device, only a socket for guests"));
            }
        };
        let opened = OpenOptions::new().read(true).write(writable).open(path);
        opened.map(|file| Bytes(Arc::new(file))).map_err(|e| Doing::Attach.io(&e))
    }

    /// Reads; what lies behind the end of a file are zeros.
    ///
    /// # Errors
    /// The device's error.
    pub fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        let mut have = 0;
        while have < length {
            match self.0.read_at(&mut bytes[have..], offset + have as u64) {
                Ok(0) => break,
                Ok(n) => have += n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Doing::Other.io(&e)),
            }
        }
        Ok(bytes)
    }

    /// Writes.
    ///
    /// # Errors
    /// The device's error.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.0.write_all_at(bytes, offset).map_err(|e| Doing::Other.io(&e))
    }

    /// Makes everything durable.
    ///
    /// # Errors
    /// The device's error.
    pub fn flush(&self) -> Result<()> {
        self.0.sync_all().map_err(|e| Doing::Other.io(&e))
    }
}
