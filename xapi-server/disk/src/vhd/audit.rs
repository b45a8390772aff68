//! Looks at one VHD, or a whole place of images, and reports everything wrong. Never changes a byte, never stops
//! at the first finding.

use super::bat::table_bytes;
use super::batmap::map_bytes;
use super::bitmap::bitmap_bytes;
use super::footer::{FOOTER_LEN, Footer, Kind};
use super::reader::{FooterPlace, Image};
use super::{BLOCK_SIZE, MAX_VIRTUAL_SIZE, SECTOR};
use crate::chain::{Chain, Format, Layer, ParentLink, find_parent, parent_link};
use crate::error::{Error, Result};
use crate::file::Access;
use crate::volumes::Volumes;
use serde::Serialize;
use std::collections::BTreeMap;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing, not wrong.
    Note,
    /// Not as a clean image would be; every byte still reads.
    Warning,
    /// Data can't be read, or could be lost by writing.
    Error,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The image.
    pub image: String,
    /// How bad.
    pub severity: Severity,
    /// Stable word for programs.
    pub code: &'static str,
    /// Text for people.
    pub detail: String,
}

/// What an audit found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Everything found, in the order of looking.
    pub findings: Vec<Finding>,
    /// False when some image's own metadata can't be read at all.
    pub readable: bool,
}

impl Report {
    fn add(&mut self, image: &str, severity: Severity, code: &'static str, detail: impl Into<String>) {
        self.findings.push(Finding { image: image.to_owned(), severity, code, detail: detail.into() });
    }

    /// Nothing worse than a note?
    pub fn is_clean(&self) -> bool {
        self.readable && self.findings.iter().all(|f| f.severity == Severity::Note)
    }
}

use Severity::{Error as Bad, Note, Warning};

/// Audits the chain that starts at `name`, which is a VHD.
///
/// # Errors
/// Only what keeps the audit itself from going on; everything about the images is in the report.
pub fn audit_chain(volumes: &dyn Volumes, name: &str) -> Result<Report> {
    let mut report = Report { readable: true, ..Report::default() };
    let mut name = name.to_owned();
    let mut format = Format::Vhd;
    let mut seen = Vec::new();
    loop {
        if seen.contains(&name) {
            report.add(&name, Bad, "cycle", "the image is its own ancestor");
            break;
        }
        seen.push(name.clone());
        if format == Format::Raw {
            break;
        }
        let Some(image) = audit_image(volumes, &name, &mut report)? else { break };
        match find_parent(volumes, &image) {
            Ok(None) => break,
            Ok(Some((parent, layer))) => {
                audit_link(&mut report, &name, &image, &parent, &layer);
                format = if matches!(layer, Layer::Raw(_)) { Format::Raw } else { Format::Vhd };
                name = parent;
            }
            Err(e) => {
                report.add(&name, Bad, "parent", e.to_string());
                // A parent that is there but broken deserves its own findings.
                let candidates = match parent_link(&image) {
                    Ok(ParentLink::Vhd(names, _)) => names,
                    _ => Vec::new(),
                };
                let broken =
                    candidates.into_iter().find(|n| !n.contains('/') && volumes.exists(n).unwrap_or(false));
                let Some(parent) = broken else { break };
                name = parent;
            }
        }
    }
    if seen.len() > super::MAX_CHAIN {
        report.add(&seen[0], Bad, "depth", format!("{} images in the chain", seen.len()));
    }
    Ok(report)
}

fn audit_link(report: &mut Report, name: &str, image: &Image, parent: &str, layer: &Layer) {
    if let Layer::Vhd(p) = layer
        && p.footer().hidden == 0
    {
        report.add(parent, Note, "parent-visible", format!("parent of {name:?} but not marked hidden"));
    }
    if layer.size() > image.virtual_size() {
        report.add(
            name,
            Warning,
            "smaller-than-parent",
            format!("parent {parent:?} is larger than its child"),
        );
    }
}

/// Audits every image of a place, their tree and what operations left behind.
///
/// # Errors
/// As [`audit_chain`].
pub fn audit_all(volumes: &dyn Volumes) -> Result<Report> {
    let mut report = Report { readable: true, ..Report::default() };
    let mut children: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut hidden = Vec::new();
    for name in volumes.list()? {
        let leftover = name.starts_with("OLD_") || name.ends_with(".new") || name.starts_with(".journal-");
        if leftover {
            report.add(&name, Bad, "leftover", "left by an interrupted operation");
        }
        if Format::of_name(&name) != Some(Format::Vhd) {
            continue;
        }
        let Some(image) = audit_image(volumes, &name, &mut report)? else { continue };
        if image.footer().hidden != 0 {
            hidden.push(name.clone());
        }
        match find_parent(volumes, &image) {
            Ok(None) => {}
            Ok(Some((parent, layer))) => {
                audit_link(&mut report, &name, &image, &parent, &layer);
                children.entry(parent).or_default().push(name.clone());
                if let Err(e) = Chain::open(volumes, &name, Format::Vhd) {
                    report.add(&name, Bad, "chain", e.to_string());
                }
            }
            Err(e) => report.add(&name, Bad, "parent", e.to_string()),
        }
    }
    for name in hidden.iter().filter(|n| !children.contains_key(*n)) {
        report.add(name, Warning, "garbage", "hidden, and no image needs it");
    }
    for (key, _) in volumes.notes()? {
        report.add(&key, Bad, "journal", "an interrupted operation waits for recovery");
    }
    Ok(report)
}

/// Audits one image without its parents. `None` when it can't be opened (the report says why).
fn audit_image(volumes: &dyn Volumes, name: &str, report: &mut Report) -> Result<Option<Image>> {
    let opened = volumes.open(name, Access::Read).and_then(|file| {
        file.size()?;
        Image::open(file)
    });
    let image = match opened {
        Ok(image) => image,
        Err(e) => {
            let code = match &e {
                Error::Poisoned => "poisoned",
                Error::Unsupported(_) => "unsupported",
                Error::Io(_) => "io",
                _ => "unreadable",
            };
            report.readable = false;
            report.add(name, Bad, code, e.to_string());
            return Ok(None);
        }
    };
    audit_footers(&image, name, report)?;
    if image.header().is_some() {
        audit_layout(&image, name, report)?;
        audit_batmap(&image, name, report)?;
    }
    Ok(Some(image))
}

fn audit_footers(image: &Image, name: &str, report: &mut Report) -> Result<()> {
    let f = image.footer();
    match image.footer_place() {
        FooterPlace::Tail => {}
        FooterPlace::ShortTail => report.add(name, Note, "short-footer", "footer of 511 bytes"),
        FooterPlace::Copy => {
            report.add(name, Warning, "no-tail-footer", "no footer at the end: in use, or its writer died");
        }
    }
    if f.kind != Kind::Fixed {
        let mut b = [0; FOOTER_LEN];
        image.file().read_at(0, &mut b)?;
        match Footer::parse(&b) {
            Err(e) => report.add(name, Warning, "no-footer-copy", format!("copy at the start: {e}")),
            Ok(copy) if copy != *f => {
                report.add(name, Warning, "footers-differ", "the footers at the start and at the end differ");
            }
            Ok(_) => {}
        }
    }
    if !f.by_tap() {
        let creator = String::from_utf8_lossy(&f.creator).into_owned();
        report.add(name, Note, "foreign", format!("made by {creator:?}"));
    }
    if f.current_size > MAX_VIRTUAL_SIZE {
        report.add(name, Warning, "too-large", format!("virtual size {} is above 2040 GiB", f.current_size));
    }
    if f.version != 0x0001_0000 {
        report.add(name, Warning, "version", format!("format version {:#x}", f.version));
    }
    Ok(())
}

fn audit_layout(image: &Image, name: &str, report: &mut Report) -> Result<()> {
    let Some(h) = image.header() else { return Ok(()) };
    let size = image.file().size()?;
    if h.block_size != BLOCK_SIZE {
        report.add(name, Note, "block-size", format!("blocks of {} bytes", h.block_size));
    }
    let mut areas = vec![
        (0, FOOTER_LEN as u64, "footer copy".to_owned()),
        (image.footer().data_offset, image.footer().data_offset.saturating_add(1024), "header".into()),
        (h.table_offset, h.table_offset + table_bytes(h.max_bat), "BAT".into()),
    ];
    if image.footer_place() == FooterPlace::Tail {
        areas.push((size - SECTOR, size, "footer".into()));
    }
    if let (Some(at), Some(m)) = (image.batmap_offset(), image.batmap()?) {
        areas.push((at, at + SECTOR, "batmap header".into()));
        areas.push((m.offset, m.offset.saturating_add(u64::from(m.sectors) * SECTOR), "batmap".into()));
    }
    for (i, l) in h.locators.iter().enumerate().filter(|(_, l)| l.is_used()) {
        let end = l.offset.saturating_add(u64::from(l.length));
        if end > size {
            report.add(name, Warning, "locator", format!("parent locator {i} lies outside the file"));
        } else {
            areas.push((l.offset, end, format!("parent locator {i}")));
        }
    }
    let step = bitmap_bytes(h.block_size) + u64::from(h.block_size);
    let blocks = image.virtual_size().div_ceil(u64::from(h.block_size));
    for (block, sector) in image.bat().allocated() {
        let at = sector * SECTOR;
        if block >= blocks {
            report.add(
                name,
                Warning,
                "block-beyond-disk",
                format!("block {block} lies behind the disk's end"),
            );
        }
        // The last block of a growing file may be short; its bitmap may not.
        if at + bitmap_bytes(h.block_size) > size || (at + step > size && image.file().is_fixed()) {
            report.add(
                name,
                Bad,
                "block-outside",
                format!("block {block} at byte {at} lies outside the file"),
            );
            continue;
        }
        if let Some(map) = image.bitmap(block)? {
            let per = image.block_sectors();
            let last = (0..per).rev().find(|s| map.get(*s));
            if last.is_some_and(|s| at + bitmap_bytes(h.block_size) + (s + 1) * SECTOR > size) {
                report.add(
                    name,
                    Bad,
                    "block-truncated",
                    format!("block {block} has data behind the file's end"),
                );
            }
        }
        areas.push((at, at + step, format!("block {block}")));
    }
    areas.sort_by_key(|a| (a.0, a.1));
    for pair in areas.windows(2) {
        if pair[0].1 > pair[1].0 {
            report.add(name, Bad, "overlap", format!("{} and {} overlap", pair[0].2, pair[1].2));
        }
    }
    Ok(())
}

fn audit_batmap(image: &Image, name: &str, report: &mut Report) -> Result<()> {
    let Some(m) = image.batmap()? else {
        if image.footer().by_tap() && image.footer().creator_version > 0x0001_0001 {
            report.add(name, Note, "no-batmap", "no batmap");
        }
        return Ok(());
    };
    let len = u64::from(m.sectors) * SECTOR;
    if m.offset.checked_add(len).is_none_or(|end| end > image.file().size().unwrap_or(0)) {
        report.add(name, Warning, "batmap", "the batmap lies outside the file");
        return Ok(());
    }
    if len < map_bytes(image.bat().len()) {
        report.add(name, Warning, "batmap", "the batmap is too short for the table");
    }
    let mut b = vec![0; len as usize];
    image.file().read_at(m.offset, &mut b)?;
    if !m.matches(&b) {
        report.add(name, Warning, "batmap-checksum", "the batmap's checksum is wrong");
        return Ok(());
    }
    let per = image.block_sectors();
    for (i, byte) in b.iter().enumerate().filter(|(_, byte)| **byte != 0) {
        for bit in (0..8u64).filter(|bit| byte & (0x80 >> bit) != 0) {
            let block = i as u64 * 8 + bit;
            // The last block of a disk may be cut by the disk's end.
            let need = (image.virtual_size() / SECTOR).saturating_sub(block * per).min(per);
            let full = image.bitmap(block)?.is_some_and(|map| need == 0 || map.is_full(need));
            if !full {
                report.add(name, Bad, "batmap-wrong", format!("block {block} is called complete but is not"));
            }
        }
    }
    Ok(())
}
