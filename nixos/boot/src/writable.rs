//! Keeps a file system writable while a file on it changes: the old system's is mounted read-only on a converted host.
//! Leaves the mount as it was found, and changes nothing where it is writable already.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use nix::{
    mount::{MsFlags, mount},
    sys::statvfs::{FsFlags, statvfs},
};

/// A read-only mount made writable; read-only again when this goes.
#[derive(Debug)]
pub struct Writable {
    point: Option<PathBuf>,
    flags: MsFlags,
}

impl Writable {
    /// For the file system a directory is on.
    ///
    /// # Errors
    /// It can't be told, or can't be made writable.
    pub fn around(directory: &Path) -> Result<Writable> {
        let told = || directory.display().to_string();
        let now = statvfs(directory).with_context(told)?.flags();
        if !now.contains(FsFlags::ST_RDONLY) {
            return Ok(Writable { point: None, flags: MsFlags::empty() });
        }
        let point = mount_point(&directory.canonicalize().with_context(told)?)?;
        let flags = kept(now);
        remount(&point, flags).with_context(|| format!("{} can't be made writable", point.display()))?;
        Ok(Writable { point: Some(point), flags })
    }
}

impl Drop for Writable {
    fn drop(&mut self) {
        if let Some(point) = &self.point
            && let Err(why) = remount(point, self.flags | MsFlags::MS_RDONLY)
        {
            eprintln!("xennix-boot: {} stays writable: {why}", point.display());
        }
    }
}

fn remount(point: &Path, flags: MsFlags) -> nix::Result<()> {
    mount(None::<&str>, point, None::<&str>, flags | MsFlags::MS_REMOUNT, None::<&str>)
}

/// What a remount would drop when it is not said again.
fn kept(now: FsFlags) -> MsFlags {
    let all = [
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
    ];
    all.iter().filter(|(is, _)| now.contains(*is)).fold(MsFlags::empty(), |flags, (_, flag)| flags | *flag)
}

/// The highest directory on the same file system.
fn mount_point(directory: &Path) -> Result<PathBuf> {
    let device = |path: &Path| std::fs::metadata(path).map(|one| one.dev());
    let own = device(directory)?;
    let mut point = directory;
    while let Some(above) = point.parent() {
        if device(above)? != own {
            break;
        }
        point = above;
    }
    Ok(point.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_writable_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Writable::around(dir.path()).unwrap().point.is_none());
    }

    #[test]
    fn the_mount_point_is_above_on_the_same_device() {
        let point = mount_point(Path::new("/proc/self/fd")).unwrap();
        assert_eq!(point, Path::new("/proc"));
    }

    #[test]
    fn a_remount_says_its_flags_again() {
        let flags = kept(FsFlags::ST_RDONLY | FsFlags::ST_NOEXEC);
        assert_eq!(flags, MsFlags::MS_NOEXEC);
    }
}
