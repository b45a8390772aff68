//! Where the screens of emulated machines are: sockets of qemu in a directory of root alone. A port would let whoever
//! has an account in the control domain look at every guest.
//!
//! Each start has a name of its own, for an emulator that ends late takes the name it listened at with it.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Where they are on a host.
pub const SCREENS: &str = "/run/xennix/screens";

/// The directory of the sockets.
pub struct Screens(PathBuf);

impl Screens {
    /// # Errors
    /// A directory that cannot be made, or belongs to others.
    pub fn open(dir: &Path) -> std::io::Result<Screens> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
        Ok(Screens(dir.to_path_buf()))
    }

    /// A place for the screen of a new domain.
    pub fn fresh(&self, uuid: &str) -> PathBuf {
        let start = uuid::Uuid::new_v4().simple().to_string();
        self.0.join(format!("{uuid}.{}", &start[..8]))
    }

    fn all(&self, uuid: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(&self.0) else { return vec![] };
        let ours = |path: &PathBuf| path.file_stem().is_some_and(|stem| stem == uuid);
        entries.flatten().map(|entry| entry.path()).filter(ours).collect()
    }

    /// The screen of a domain that runs: the youngest there is.
    pub fn of(&self, uuid: &str) -> Option<PathBuf> {
        let born = |path: &PathBuf| fs::metadata(path).and_then(|about| about.modified()).ok();
        self.all(uuid).into_iter().max_by_key(born)
    }

    /// Removes what emulators of a domain that is gone left behind.
    pub fn forget(&self, uuid: &str) {
        for path in self.all(uuid) {
            if let Err(error) = fs::remove_file(&path)
                && error.kind() != ErrorKind::NotFound
            {
                tracing::warn!(%error, path = %path.display(), "what is left of a screen could not be removed");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_domain_has_the_screen_of_its_last_start_and_leaves_none() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("screens");
        let screens = Screens::open(&place).unwrap();
        assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o700);
        let (one, two) = ("0e260f5c-8fb8-48c9-90fb-d389a294d22a", "0e260f5c-8fb8-48c9-90fb-d389a294d22b");
        assert_eq!(screens.of(one), None);
        let (first, second) = (screens.fresh(one), screens.fresh(one));
        assert_ne!(first, second);
        let listen = |path: &PathBuf| drop(UnixListener::bind(path).unwrap());
        listen(&first);
        // Names that were made in the same tick of the clock have no order.
        let long_ago = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
        let other = screens.fresh(two);
        fs::write(place.join("x"), "").unwrap();
        fs::File::open(place.join("x")).unwrap().set_times(long_ago).unwrap();
        fs::rename(place.join("x"), &first).unwrap();
        listen(&second);
        listen(&other);
        assert_eq!(screens.of(one), Some(second));
        screens.forget(one);
        assert_eq!((screens.of(one), screens.of(two)), (None, Some(other)));
    }
}
