//! The files of the examined host, wherever they are: a directory (a copied root, or `/` itself). Links are followed
//! inside the examined root only. Never writes.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

/// What stands under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A link that leads nowhere, a device, a socket.
    Other,
}

/// What is known of a file without reading it.
#[derive(Debug, Clone, Copy)]
pub struct Stat {
    /// What it is, links followed.
    pub kind: Kind,
    /// Bytes.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// Last change, seconds since 1970.
    pub mtime: i64,
}

/// Read-only access to the host's files by absolute path.
pub trait Tree {
    /// What stands at a path; `None` when nothing does.
    ///
    /// # Errors
    /// The system's error.
    fn stat(&self, path: &str) -> io::Result<Option<Stat>>;
    /// A file for reading; `None` when there is none.
    ///
    /// # Errors
    /// The system's error.
    fn open(&self, path: &str) -> io::Result<Option<Box<dyn Read + '_>>>;
    /// Sorted names in a directory; none when there is none.
    ///
    /// # Errors
    /// The system's error.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;
    /// Where a link leads, as it says itself; `None` when it is not a link.
    ///
    /// # Errors
    /// The system's error.
    fn link(&self, path: &str) -> io::Result<Option<String>>;
    /// The whole file; `None` when there is none.
    ///
    /// # Errors
    /// The system's error, and a file of more than `limit` bytes.
    fn read(&self, path: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = self.open(path)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(io::Error::other(format!("longer than {limit} bytes")));
        }
        Ok(Some(bytes))
    }
    /// Does anything stand there?
    fn exists(&self, path: &str) -> bool {
        matches!(self.stat(path), Ok(Some(_)))
    }
    /// Does it hold the running system's own `/proc` and `/sys`?
    fn is_live(&self) -> bool {
        false
    }
}

/// A directory as a root.
#[derive(Debug, Clone)]
pub struct Directory {
    root: PathBuf,
    live: bool,
}

/// As many links as the kernel follows.
const MOST_LINKS: usize = 40;

impl Directory {
    /// A copied root.
    pub fn copied(root: impl Into<PathBuf>) -> Directory {
        Directory { root: root.into(), live: false }
    }

    /// The running system.
    pub fn live() -> Directory {
        Directory { root: "/".into(), live: true }
    }

    /// The real path behind a path of the host: links are taken as the host would, so an absolute one stays inside.
    /// The last component's own link is followed only when `last` says so.
    fn resolve(&self, path: &str, last: bool) -> io::Result<PathBuf> {
        if self.live {
            return Ok(PathBuf::from(path));
        }
        let mut pending: Vec<String> = parts(Path::new(path)).rev().collect();
        let mut done: Vec<String> = Vec::new();
        let mut links = 0;
        while let Some(part) = pending.pop() {
            if part == ".." {
                done.pop();
                continue;
            }
            done.push(part);
            let here = self.real(&done);
            if pending.is_empty() && !last {
                break;
            }
            if let Ok(target) = fs::read_link(&here) {
                links += 1;
                if links > MOST_LINKS {
                    return Err(io::Error::other("too many links"));
                }
                done.pop();
                if target.is_absolute() {
                    done.clear();
                }
                pending.extend(parts(&target).rev());
            }
        }
        Ok(self.real(&done))
    }

    fn real(&self, parts: &[String]) -> PathBuf {
        parts.iter().fold(self.root.clone(), |path, part| path.join(part))
    }
}

fn parts(path: &Path) -> impl DoubleEndedIterator<Item = String> + '_ {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    })
}

fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(e),
    }
}

fn stat_of(meta: &Metadata) -> Stat {
    let kind = if meta.is_dir() {
        Kind::Directory
    } else if meta.is_file() {
        Kind::File
    } else {
        Kind::Other
    };
    Stat { kind, size: meta.len(), mode: meta.permissions().mode() & 0o7777, mtime: meta.mtime() }
}

impl Tree for Directory {
    fn stat(&self, path: &str) -> io::Result<Option<Stat>> {
        Ok(absent(fs::metadata(self.resolve(path, true)?))?.map(|meta| stat_of(&meta)))
    }

    fn open(&self, path: &str) -> io::Result<Option<Box<dyn Read + '_>>> {
        let path = self.resolve(path, true)?;
        // Nothing but plain files is ever opened: a device or a pipe would act or wait.
        match absent(fs::metadata(&path))? {
            Some(meta) if meta.is_file() => Ok(Some(Box::new(File::open(path)?))),
            _ => Ok(None),
        }
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let Some(entries) = absent(fs::read_dir(self.resolve(path, true)?))? else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn link(&self, path: &str) -> io::Result<Option<String>> {
        let path = self.resolve(path, false)?;
        Ok(fs::read_link(path).ok().map(|target| target.to_string_lossy().into_owned()))
    }

    fn is_live(&self) -> bool {
        self.live
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_stay_inside() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("etc/real")).unwrap();
        fs::write(dir.path().join("etc/real/passwd"), "inside").unwrap();
        symlink("/etc/real", dir.path().join("abs")).unwrap();
        symlink("../../../../../../etc/real/passwd", dir.path().join("etc/up")).unwrap();
        symlink("loop", dir.path().join("loop")).unwrap();
        let tree = Directory::copied(dir.path());
        assert_eq!(tree.read("/abs/passwd", 100).unwrap().unwrap(), b"inside");
        assert_eq!(tree.read("/etc/up", 100).unwrap().unwrap(), b"inside");
        assert!(tree.read("/loop", 100).is_err());
        assert!(tree.read("/etc/up", 3).is_err());
        assert_eq!(tree.link("/abs").unwrap().unwrap(), "/etc/real");
        assert_eq!(tree.list("/abs").unwrap(), ["passwd"]);
        assert!(tree.stat("/nothing/here").unwrap().is_none());
    }
}
