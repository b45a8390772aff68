//! The files a disk server makes for itself: its sockets and its state. Nothing else is ever put in the place of a file, or
//! removed: a name given by mistake may be a disk.

use super::server::Config;
use crate::error::{Error, Result};
use std::ffi::OsString;
use std::fs::{remove_file, symlink_metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// The name under which something is made that is then renamed to `path`.
fn new_name(path: &Path) -> PathBuf {
    let mut new = OsString::from(path.as_os_str());
    new.push(".new");
    new.into()
}

/// Refuses a configuration whose files are not each their own.
///
/// # Errors
/// [`Error::Refused`] with the name that is used twice or that something else has.
pub(super) fn assert_apart(config: &Config) -> Result<()> {
    let theirs =
        [Some(&config.image), config.track.as_ref(), config.changes.as_ref(), config.pending.as_ref()];
    let theirs: Vec<&PathBuf> = theirs.into_iter().flatten().collect();
    let ours = [&config.socket, &config.control, &config.state];
    for (i, path) in ours.iter().enumerate() {
        let taken = |other: &&&PathBuf| ***other == **path || is_same(other, path);
        if ours[..i].iter().chain(&theirs).any(|other| taken(&other)) {
            return Err(Error::Refused(format!("{} has two uses", path.display())));
        }
    }
    assert_state(&config.state)?;
    assert_state(&new_name(&config.state))
}

fn is_same(a: &Path, b: &Path) -> bool {
    match (std::fs::metadata(a), std::fs::metadata(b)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

/// What stands where the state goes is a state, whole or not.
fn assert_state(path: &Path) -> Result<()> {
    let mut first = [0; 1];
    let read = std::fs::File::open(path).and_then(|mut file| file.read(&mut first));
    match read {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Error::Beside { name: path.display().to_string(), source: Box::new(e.into()) }),
        Ok(0) => Ok(()),
        Ok(_) if first == *b"{" => Ok(()),
        Ok(_) => Err(Error::Refused(format!("{} is there already and no state of a server", path.display()))),
    }
}

/// Makes a socket only its owner can open, in place of one that nobody serves.
pub(super) fn listen(path: &Path) -> Result<UnixListener> {
    let new = new_name(path);
    for name in [path, &new] {
        match symlink_metadata(name) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(Error::Refused(format!("{} is there already and no socket", name.display())));
            }
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e.into()),
            _ => {}
        }
    }
    if UnixStream::connect(path).is_ok() {
        return Err(Error::Refused(format!("{} is served already", path.display())));
    }
    match remove_file(&new) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(e.into()),
        _ => {}
    }
    let named =
        |e: std::io::Error| Error::Beside { name: path.display().to_string(), source: Box::new(e.into()) };
    let listener = UnixListener::bind(&new).map_err(named)?;
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&new, path)?;
    Ok(listener)
}
