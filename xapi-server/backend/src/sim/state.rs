//! A small state in a JSON file, replaced whole and durably at each change.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Mutex,
};

use serde::{Serialize, de::DeserializeOwned};
use xapi_schema::{Failure, Result};

/// Content of type `T`, kept in a file.
pub struct Kept<T> {
    path: PathBuf,
    value: Mutex<T>,
}

impl<T: Serialize + DeserializeOwned + Default + Clone> Kept<T> {
    /// Reads the file, or starts with the default.
    pub fn open(path: &Path) -> io::Result<Kept<T>> {
        let value = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => T::default(),
            Err(e) => return Err(e),
        };
        Ok(Kept { path: path.to_path_buf(), value: Mutex::new(value) })
    }

    /// A copy of the content.
    pub fn get(&self) -> T {
        self.value.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }

    /// Looks at the content.
    pub fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.value.lock().unwrap_or_else(|e| e.into_inner()))
    }

    /// Changes the content; nothing has changed when the closure or the disk fails.
    pub fn change<R>(&self, change: impl FnOnce(&mut T) -> Result<R>) -> Result<R> {
        let mut value = self.value.lock().unwrap_or_else(|e| e.into_inner());
        let mut next = value.clone();
        let answer = change(&mut next)?;
        self.write(&next).map_err(|e| Failure::internal(format!("{}: {e}", self.path.display())))?;
        *value = next;
        Ok(answer)
    }

    fn write(&self, value: &T) -> io::Result<()> {
        let beside = self.path.with_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(&serde_json::to_vec(value)?)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)
    }
}
