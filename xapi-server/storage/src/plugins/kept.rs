//! What drivers' SRs are attached and which of their volumes are open, so that a daemon that starts again need not ask
//! for it twice. Written before a guest gets a path; worth nothing after the machine started again.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use xapi_backend::storage::{DataPath, SrConfig};

/// An open volume.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Open {
    /// Where it is reached.
    pub path: DataPath,
    /// May be written.
    pub writable: bool,
    /// How often it was opened.
    pub holders: u32,
}

/// An attached SR.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Attached {
    boot: String,
    /// Its type.
    pub kind: String,
    /// `PBD.device_config`, secrets left out of the file.
    #[serde(skip)]
    pub device_config: Vec<(String, String)>,
    /// `SR.sm_config`.
    pub sm_config: Vec<(String, String)>,
    /// Open volumes by location.
    pub open: BTreeMap<String, Open>,
}

impl Attached {
    /// An SR that is attached now.
    pub fn new(sr: &SrConfig) -> Attached {
        Attached {
            boot: boot(),
            kind: sr.kind.clone(),
            device_config: sr.device_config.clone(),
            sm_config: sr.sm_config.clone(),
            open: BTreeMap::new(),
        }
    }
}

/// Which start of the machine this is.
fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

fn file(dir: &Path, sr: &str) -> PathBuf {
    dir.join(format!("{sr}.json"))
}

/// What an earlier process of this start of the machine attached. Whoever still reads a volume opens it again.
pub fn load(dir: &Path, sr: &SrConfig) -> Option<Attached> {
    let text = std::fs::read_to_string(file(dir, &sr.uuid)).ok()?;
    let known: Attached = serde_json::from_str(&text).ok()?;
    let mut known = Attached { device_config: sr.device_config.clone(), ..known };
    known.open.values_mut().for_each(|open| open.holders = u32::from(open.writable));
    (known.boot == boot() && known.kind == sr.kind).then_some(known)
}

/// Written whole or not at all.
///
/// # Errors
/// The system's error.
pub fn save(dir: &Path, sr: &str, attached: &Attached) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    let path = file(dir, sr);
    let part = path.with_extension("part");
    let mut out = std::fs::File::create(&part)?;
    out.write_all(&serde_json::to_vec(attached)?)?;
    out.sync_all()?;
    std::fs::rename(part, path)
}

/// It is not attached any more.
pub fn forget(dir: &Path, sr: &str) {
    let _ = std::fs::remove_file(file(dir, sr));
}
