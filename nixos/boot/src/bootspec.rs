//! What a generation says of how it starts: `boot.json` of its toplevel. Pure apart from reading the files.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "org.nixos.bootspec.v1")]
    system: System,
    #[serde(rename = "org.xenproject.bootspec.v2")]
    xen: Option<Xen>,
}

/// The system.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct System {
    /// Program the kernel starts.
    pub init: String,
    /// Initial RAM disk.
    pub initrd: Option<String>,
    /// Kernel.
    pub kernel: String,
    /// Its arguments, without `init`.
    pub kernel_params: Vec<String>,
    /// For people.
    pub label: String,
}

/// The hypervisor below it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Xen {
    /// Image a multiboot loader starts.
    pub multiboot_path: String,
    /// Its arguments.
    pub params: Vec<String>,
}

/// A generation of the system profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Generation {
    /// Its number.
    pub number: u64,
    /// The system.
    pub system: System,
    /// The hypervisor, where it starts one.
    pub xen: Option<Xen>,
    /// Its toplevel.
    pub toplevel: PathBuf,
}

impl Generation {
    /// What a boot loader calls it.
    pub fn id(&self) -> String {
        format!("xennix-{}", self.number)
    }
}

/// Reads one.
///
/// # Errors
/// No or another `boot.json`.
pub fn read(number: u64, toplevel: &Path) -> Result<Generation> {
    let path = toplevel.join("boot.json");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let document: Document = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    Ok(Generation { number, system: document.system, xen: document.xen, toplevel: toplevel.into() })
}

/// Generations of a profile, newest first. One that can't be read is left out and told, so that it keeps none of the
/// others from starting.
///
/// # Errors
/// An unreadable directory.
pub fn generations(profiles: &Path) -> Result<(Vec<Generation>, Vec<anyhow::Error>)> {
    let (mut found, mut broken) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(profiles).with_context(|| profiles.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let number = name.strip_prefix("system-").and_then(|rest| rest.strip_suffix("-link")?.parse().ok());
        let Some(number) = number else { continue };
        match entry.path().canonicalize().map_err(Into::into).and_then(|toplevel| read(number, &toplevel)) {
            Ok(one) => found.push(one),
            Err(why) => broken.push(why),
        }
    }
    found.sort_by_key(|one| std::cmp::Reverse(one.number));
    Ok((found, broken))
}
