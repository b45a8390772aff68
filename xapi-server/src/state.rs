//! The state directory: one daemon at a time, secrets readable by their owner only.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::fcntl::{Flock, FlockArg};

/// Makes the directory if needed.
///
/// # Errors
/// When it can't be made.
pub fn make(dir: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(dir).with_context(|| dir.display().to_string())
}

/// How long the lock of a daemon that is gone may last.
const HANDED_DOWN: Duration = Duration::from_secs(3);

/// Keeps other daemons out while the answer lives.
///
/// # Errors
/// When another daemon uses the directory.
pub fn lock(dir: &Path) -> Result<Flock<File>> {
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(dir.join("lock"))?;
    let (mut file, end) = (file, Instant::now() + HANDED_DOWN);
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            // A child that a killed daemon was just starting holds it until it runs a program of its own.
            Err((back, _)) if Instant::now() < end => file = back,
            Err((_, error)) => bail!("{} is used by another xapi ({error})", dir.display()),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Reads a secret file, or makes it with `make` when it is not there.
///
/// # Errors
/// When it can't be read or written.
pub fn secret(path: &Path, make: impl FnOnce() -> Result<String>) -> Result<String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().to_string()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let text = make()?;
            write_private(path, &text)?;
            Ok(text)
        }
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// Writes a file whole or not at all, readable by its owner only.
///
/// # Errors
/// When the disk refuses.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    let part = path.with_extension("part");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&part, path).with_context(|| path.display().to_string())
}

/// The secret members of a pool share.
///
/// # Errors
/// As [`secret`].
pub fn pool_secret(dir: &Path) -> Result<String> {
    secret(&dir.join("pool-secret"), || random_text(48))
}

/// Letters and digits from the system's randomness.
///
/// # Errors
/// When there is none.
pub fn random_text(length: usize) -> Result<String> {
    // 32 characters, so that every byte is used without bias; none looks like another.
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnopqrstuvwxyz2345678";
    let mut bytes = vec![0u8; length];
    getrandom::fill(&mut bytes).map_err(|e| anyhow::anyhow!("no randomness: {e}"))?;
    Ok(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())
}
