//! Every image of a local repository looked at by the disk engine, and held against the database: sizes, parents, what
//! is hidden, what is missing, what is left over. Images are opened for reading only.

use crate::pool::{Pool, Row};
use crate::progress::Progress;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use xennix_disk::chain::{Format, Layer, find_parent};
use xennix_disk::file::{Access, BlockFile};
use xennix_disk::vhd::audit::{Severity, audit_chain};
use xennix_disk::vhd::reader::Image;
use xennix_disk::volumes::Volumes;

/// What was found of an image, under a code of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Code of the catalogue.
    pub code: &'static str,
    /// UUID of the disk, or name of the image.
    pub subject: String,
    /// What was found.
    pub text: String,
}

/// An image, for a comparison afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Bytes of the file or volume.
    pub size: u64,
    /// Bytes of the disk in it.
    pub virtual_size: Option<u64>,
    /// The image's own UUID.
    pub uuid: Option<String>,
    /// Name of its parent.
    pub parent: Option<String>,
    /// Is it hidden?
    pub hidden: Option<bool>,
}

/// A repository that was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Its UUID.
    pub sr: String,
    /// Every image.
    pub images: Vec<Entry>,
    /// Everything found.
    pub findings: Vec<Found>,
}

/// The disk a name belongs to.
pub fn disk_of(name: &str) -> Option<&str> {
    let stem = name
        .strip_prefix("VHD-")
        .or_else(|| name.strip_prefix("LV-"))
        .or_else(|| name.strip_prefix("QCOW2-"));
    let stem = stem.or_else(|| [".vhd", ".raw", ".qcow2"].iter().find_map(|end| name.strip_suffix(end)))?;
    uuid::Uuid::parse_str(stem).is_ok().then_some(stem)
}

/// Journals and leftovers by the names the old storage gives them.
fn leftover(name: &str) -> Option<&'static str> {
    let journal = ["inflate_", "clone_", "leaf_", "coalesce_", "relink_", "zero_", "jvhd_", ".journal-"];
    if journal.iter().any(|kind| name.starts_with(kind)) {
        return Some("SR_JOURNAL");
    }
    (name.starts_with("OLD_") || name.ends_with(".new")).then_some("SR_LEFTOVER")
}

/// Looks at a repository.
///
/// # Errors
/// When not even its names can be listed.
pub fn audit(
    sr: &Row,
    pool: &Pool,
    volumes: &dyn Volumes,
    progress: &mut dyn Progress,
) -> xennix_disk::Result<Audit> {
    let mut out = Audit { sr: sr.uuid().to_owned(), ..Audit::default() };
    let mut names = volumes.list()?;
    names.sort();
    let records: BTreeMap<&str, &Row> =
        pool.pointing("VDI", "SR", &sr.reference).map(|vdi| (vdi.uuid(), vdi)).collect();
    let mut there = BTreeSet::new();
    let mut told = BTreeSet::new();
    let total = names.len() as u64;
    for (at, name) in names.iter().enumerate() {
        progress.at("images", at as u64, total);
        let mut add = |code, subject: &str, text: String| {
            if told.insert((code, subject.to_owned(), text.clone())) {
                out.findings.push(Found { code, subject: subject.to_owned(), text });
            }
        };
        if let Some(code) = leftover(name) {
            add(code, name, "left by an interrupted change".into());
            continue;
        }
        let Some(uuid) = disk_of(name) else { continue };
        there.insert(uuid.to_owned());
        let record = records.get(uuid).copied();
        if record.is_none() {
            add("SR_ORPHAN", name, "no record of it in the database".into());
        }
        let mut entry =
            Entry { name: name.clone(), size: 0, virtual_size: None, uuid: None, parent: None, hidden: None };
        match volumes.open(name, Access::Read) {
            Ok(file) => {
                entry.size = file.size().unwrap_or(0);
                if Format::of_name(name) == Some(Format::Vhd) {
                    image(volumes, name, uuid, record, file, &mut entry, &mut add);
                } else if Format::of_name(name) == Some(Format::Raw) {
                    entry.virtual_size = Some(entry.size);
                    compare_size(uuid, record, entry.size, true, &mut add);
                }
            }
            Err(e) => add("SR_CHAIN_BROKEN", uuid, e.to_string()),
        }
        out.images.push(entry);
    }
    progress.at("images", total, total);
    for (uuid, vdi) in &records {
        // Raw LUNs and files of other kinds have names of their own.
        if !there.contains(*uuid) && !vdi.flag("missing") {
            let used = pool.pointing("VBD", "VDI", &vdi.reference).any(|vbd| {
                pool.follow(vbd, "VM")
                    .is_some_and(|vm| !vm.flag("is_a_template") && !vm.flag("is_control_domain"))
            });
            let code = if used { "SR_VDI_MISSING" } else { "SR_VDI_LOST" };
            out.findings.push(Found {
                code,
                subject: (*uuid).to_owned(),
                text: format!("{:?} has no image", vdi.name()),
            });
        }
    }
    Ok(out)
}

fn compare_size(
    uuid: &str,
    record: Option<&Row>,
    size: u64,
    volume: bool,
    add: &mut dyn FnMut(&'static str, &str, String),
) {
    let Some(record) = record else { return };
    let said = u64::try_from(record.number("virtual_size")).unwrap_or(0);
    // A raw volume is rounded up to whole extents.
    let fits = if volume { size >= said } else { size == said };
    if said > 0 && !fits {
        add("SR_SIZE", uuid, format!("the image has {size} bytes, the database says {said}"));
    }
}

fn image(
    volumes: &dyn Volumes,
    name: &str,
    uuid: &str,
    record: Option<&Row>,
    file: Arc<dyn BlockFile>,
    entry: &mut Entry,
    add: &mut dyn FnMut(&'static str, &str, String),
) {
    let opened = match Image::open(file) {
        Ok(image) => image,
        Err(xennix_disk::Error::Poisoned) => {
            return add("SR_POISON", uuid, "disabled by an interrupted resize".into());
        }
        Err(e) => return add("SR_CHAIN_BROKEN", uuid, e.to_string()),
    };
    entry.virtual_size = Some(opened.virtual_size());
    entry.uuid = Some(opened.footer().uuid.to_string());
    entry.hidden = Some(opened.footer().hidden != 0);
    match find_parent(volumes, &opened) {
        Ok(parent) => {
            entry.parent = parent.map(|(name, layer)| {
                let _: Layer = layer;
                name
            });
        }
        Err(e) => add("SR_CHAIN_BROKEN", uuid, e.to_string()),
    }
    match audit_chain(volumes, name) {
        Ok(report) => {
            for finding in report.findings.iter().filter(|finding| finding.severity == Severity::Error) {
                let subject = disk_of(&finding.image).unwrap_or(&finding.image);
                add("SR_CHAIN_BROKEN", subject, format!("{}: {}", finding.code, finding.detail));
            }
        }
        Err(e) => add("SR_CHAIN_BROKEN", uuid, e.to_string()),
    }
    let Some(record) = record else { return };
    compare_size(uuid, Some(record), opened.virtual_size(), false, add);
    let said = record.map("sm_config").remove("vhd-parent");
    let own = entry.parent.as_deref().and_then(disk_of);
    if said.as_deref() != own {
        let text = |parent: Option<&str>| parent.unwrap_or("none").to_owned();
        add(
            "SR_PARENT",
            uuid,
            format!("the image's parent is {}, the database says {}", text(own), text(said.as_deref())),
        );
    }
    if entry.hidden == Some(record.flag("managed")) {
        add(
            "SR_HIDDEN",
            uuid,
            format!("the image is {}hidden", if record.flag("managed") { "" } else { "not " }),
        );
    }
}
