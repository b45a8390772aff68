//! Memory of crashed guests, kept in files: the newest of each guest, a few in all, and never so much that the host has no
//! room for its own work.

use std::{
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

use xapi_schema::{Failure, Result};

use crate::shared::Shared;

/// Dumps that are kept.
const KEPT: usize = 4;
/// Bytes a dump leaves free on its file system: the host's own state may live there.
const RESERVE: u64 = 1 << 30;
/// What a dump has besides the memory: its head, and the processors' state.
const HEAD: u64 = 16 << 20;
/// A dump that is being written. Half a dump would be taken for a whole one.
const PART: &str = "part";
const WHOLE: &str = "core";

/// A dump that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Dump {
    file: PathBuf,
    uuid: String,
    size: u64,
    written: SystemTime,
}

/// What makes way for a new dump.
#[derive(Debug, PartialEq, Eq)]
struct Way {
    /// Before it is written, for its room.
    before: Vec<PathBuf>,
    /// When it is whole.
    after: Vec<PathBuf>,
}

/// Which dumps go when the guest `uuid` leaves one of `size` bytes and `free` are free; `None` when even without all of
/// them there would be no room.
fn way(mut dumps: Vec<Dump>, uuid: &str, size: u64, free: u64) -> Option<Way> {
    // An earlier one of the guest goes first, then whichever is oldest.
    dumps.sort_by_key(|dump| (dump.uuid != uuid, dump.written));
    let others = dumps.iter().filter(|dump| dump.uuid != uuid).count();
    let doomed = dumps.len() - others + (others + 1).saturating_sub(KEPT);
    let (needed, mut room, mut count) = (size.saturating_add(RESERVE), free, 0);
    while room < needed {
        room = room.saturating_add(dumps.get(count)?.size);
        count += 1;
    }
    let files: Vec<PathBuf> = dumps.into_iter().map(|dump| dump.file).collect();
    Some(Way { before: files[..count].to_vec(), after: files[count..doomed.max(count)].to_vec() })
}

/// The dumps below a directory. What a toolstack that was killed left half-written goes.
fn found(dir: &Path) -> std::io::Result<Vec<Dump>> {
    let mut dumps = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let (file, meta, name) = (entry.path(), entry.metadata()?, entry.file_name());
        match file.extension().and_then(|end| end.to_str()) {
            Some(PART) => std::fs::remove_file(&file)?,
            Some(WHOLE) => {
                let uuid = name.to_string_lossy().split('.').next().unwrap_or_default().to_string();
                dumps.push(Dump { file, uuid, size: meta.len(), written: meta.modified()? });
            }
            _ => {}
        }
    }
    Ok(dumps)
}

fn free(dir: &Path) -> std::io::Result<u64> {
    let stat = nix::sys::statvfs::statvfs(dir)?;
    Ok(stat.blocks_available().saturating_mul(stat.fragment_size()))
}

impl Shared {
    /// Writes the memory of a domain to a file. Earlier dumps make way for it.
    pub async fn dump_core(&self, uuid: &str) -> Result<()> {
        // One after the other: each looks at what room there is.
        let _turn = self.dumping.lock().await;
        let row = self.state(uuid).await?;
        let row = row.ok_or_else(|| Failure::internal(format!("there is no domain {uuid}")))?;
        let dir = &self.core_dumps;
        let broken = |e: std::io::Error| Failure::internal(format!("{}: {e}", dir.display()));
        // What stood in a guest's memory is nobody else's to read.
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(broken)?;
        let size = (row.memory.max(0).unsigned_abs() << 20) + HEAD;
        let (dumps, free) = (found(dir).map_err(broken)?, free(dir).map_err(broken)?);
        let Some(way) = way(dumps, uuid, size, free) else {
            let text = format!("{}: {free} bytes are free, too few for a dump of {size}", dir.display());
            return Err(Failure::internal(text));
        };
        remove(&way.before);
        let domid = row.domid.to_string();
        let part = dir.join(format!("{uuid}.{domid}.{PART}"));
        let dumped = self.xl.slow(&["dump-core", &domid, &part.to_string_lossy()]).await;
        if let Err(failure) = dumped {
            let _ = std::fs::remove_file(&part);
            return Err(failure);
        }
        std::fs::set_permissions(&part, PermissionsExt::from_mode(0o600)).map_err(broken)?;
        let whole = part.with_extension(WHOLE);
        std::fs::rename(&part, &whole).map_err(broken)?;
        // A domain that outlived its dump left one of the same name.
        let after: Vec<PathBuf> = way.after.into_iter().filter(|file| *file != whole).collect();
        remove(&after);
        Ok(())
    }
}

fn remove(files: &[PathBuf]) {
    for file in files {
        match std::fs::remove_file(file) {
            Ok(()) => tracing::info!(file = %file.display(), "an earlier dump of a guest's memory made way"),
            Err(error) => tracing::warn!(file = %file.display(), %error, "an earlier dump stays"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn dump(uuid: &str, age: u64, mib: u64) -> Dump {
        Dump {
            file: format!("{uuid}.{age}").into(),
            uuid: uuid.into(),
            size: mib * MIB,
            written: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000 - age),
        }
    }

    fn names(files: &[PathBuf]) -> Vec<String> {
        files.iter().map(|file| file.display().to_string()).collect()
    }

    #[test]
    fn the_newest_of_each_guest_and_a_few_in_all_are_kept() {
        let plenty = RESERVE * 4;
        let there = vec![dump("a", 9, 1), dump("b", 8, 1), dump("c", 7, 1)];
        assert_eq!(way(there.clone(), "d", MIB, plenty), Some(Way { before: vec![], after: vec![] }));
        assert_eq!(names(&way(there.clone(), "b", MIB, plenty).unwrap().after), ["b.8"]);
        let full = [there, vec![dump("d", 6, 1)]].concat();
        assert_eq!(names(&way(full.clone(), "e", MIB, plenty).unwrap().after), ["a.9"]);
        assert_eq!(names(&way(full, "d", MIB, plenty).unwrap().after), ["d.6"]);
    }

    #[test]
    fn room_is_made_only_where_it_helps() {
        let there = vec![dump("a", 9, 100), dump("b", 8, 100), dump("c", 7, 100)];
        let made = way(there.clone(), "b", 150 * MIB, RESERVE).unwrap();
        assert_eq!(names(&made.before), ["b.8", "a.9"]);
        assert!(made.after.is_empty());
        // One is enough; the guest's own goes in any case.
        assert_eq!(names(&way(there.clone(), "d", 50 * MIB, RESERVE).unwrap().before), ["a.9"]);
        assert_eq!(way(there, "a", 400 * MIB, RESERVE), None);
        assert_eq!(way(vec![], "a", u64::MAX, u64::MAX - 1), None);
    }
}
