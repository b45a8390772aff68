//! Looks at one VHD, or a whole place of images, and reports everything wrong. Never changes a byte, never stops
//! at the first finding.

use super::bat::table_bytes;
use super::batmap::map_bytes;
use super::bitmap::{Bitmap, bitmap_bytes};
use super::footer::{CREATOR_VERSION, FOOTER_LEN, Footer, Kind};
use super::header::HEADER_LEN;
use super::locator::Locator;
use super::reader::{FooterPlace, Image};
use super::{BLOCK_SIZE, MAX_VIRTUAL_SIZE, SECTOR};
use crate::chain::{Chain, Format, Layer, ParentLink, find_parent, parent_link};
use crate::error::{Error, Result};
use crate::file::Access;
use crate::volumes::Volumes;
use serde::Serialize;
use std::collections::BTreeMap;

/// The version of the format.
const VERSION: u32 = 0x0001_0000;
/// Features: the bit that is always set, and the one of images that may be deleted at shutdown.
const RESERVED: u32 = 2;
const TEMPORARY: u32 = 1;

/// Sectors of a page, longest name of a parent that is read, and what the footer is called where it belongs.
const PAGE_SECTORS: u64 = 8;
const LONGEST_NAME: u32 = 4096;
const TAIL: &str = "footer";

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
        audit_header(&image, name, report)?;
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
    if f.version != VERSION {
        report.add(name, Warning, "version", format!("format version {:#x}", f.version));
    }
    if f.features & !TEMPORARY != RESERVED {
        report.add(
            name,
            Warning,
            "features",
            format!("features {:#x}, of which nobody knows all", f.features),
        );
    }
    if f.kind == Kind::Fixed && f.data_offset != u64::MAX {
        report.add(name, Warning, "footer-field", "a fixed image that says where its header is");
    }
    if f.saved != 0 {
        report.add(name, Warning, "saved", "it belongs to the saved state of a machine");
    }
    // What other makers leave there is theirs.
    if f.by_tap() && (f.hidden > 1 || f.rest.iter().any(|b| *b != 0)) {
        report.add(name, Warning, "footer-field", "its footer holds what its maker leaves empty");
    }
    Ok(())
}

/// What the header says beside where the table is.
fn audit_header(image: &Image, name: &str, report: &mut Report) -> Result<()> {
    let Some(h) = image.header() else { return Ok(()) };
    if h.version != VERSION {
        report.add(name, Warning, "version", format!("version {:#x} of its header", h.version));
    }
    if h.data_offset != u64::MAX {
        report.add(name, Warning, "header-field", "its header says where another header is");
    }
    let mut raw = [0; HEADER_LEN];
    image.file().read_at(image.footer().data_offset, &mut raw)?;
    // Reserved fields are not taken over.
    if raw != h.serialise() || h.rest.iter().any(|b| *b != 0) {
        report.add(name, Warning, "header-field", "its header holds something in reserved fields");
    }
    if h.locators.iter().any(|l| !l.is_used() && *l != Locator::default()) {
        report.add(name, Warning, "header-field", "its header holds something in an unused parent locator");
    }
    let links = !h.parent_uuid.is_nil() || h.parent_name.iter().any(|b| *b != 0) || h.parent_timestamp != 0;
    let links = links || h.locators.iter().any(|l| *l != Locator::default());
    if image.footer().kind == Kind::Dynamic && image.footer().by_tap() && links {
        report.add(name, Warning, "header-field", "it stands on nothing and its header names a parent");
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
        areas.push((size - SECTOR, size, TAIL.into()));
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
    audit_locators(image, name, size, report)?;
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
        if let Some(map) = bitmap(image, block)? {
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
    audit_alignment(image, name, report);
    areas.sort_by_key(|a| (a.0, a.1));
    audit_gaps(image, name, &areas, step, report);
    for pair in areas.windows(2) {
        if pair[0].1 > pair[1].0 {
            report.add(name, Bad, "overlap", format!("{} and {} overlap", pair[0].2, pair[1].2));
        }
    }
    Ok(())
}

/// Each of the names a child has for its parent: readers take the first they understand.
fn audit_locators(image: &Image, name: &str, size: u64, report: &mut Report) -> Result<()> {
    let Some(h) = image.header() else { return Ok(()) };
    let last = |n: &str| n.rsplit(['/', '\\']).next().unwrap_or(n).to_owned();
    let mut names: Vec<String> = h.parent_name().iter().map(|n| last(n)).collect();
    for (i, l) in h.locators.iter().enumerate().filter(|(_, l)| l.is_used()) {
        if l.length == 0 || l.length > LONGEST_NAME || l.offset.saturating_add(u64::from(l.length)) > size {
            report.add(name, Warning, "locator", format!("parent locator {i} holds no name"));
            continue;
        }
        if l.room() < u64::from(l.length) {
            report.add(name, Warning, "locator", format!("parent locator {i} has no room for its name"));
        }
        let mut text = vec![0; l.length as usize];
        image.file().read_at(l.offset, &mut text)?;
        match l.decode(&text) {
            Some(told) => names.push(last(&told)),
            None => report.add(name, Warning, "locator", format!("parent locator {i} can't be read")),
        }
    }
    if names.windows(2).any(|pair| pair[0] != pair[1]) {
        report.add(name, Warning, "locator", format!("it calls its parent by different names: {names:?}"));
    }
    Ok(())
}

/// The original stack lets the data of each block begin where a page does: blocks of one image begin alike.
fn audit_alignment(image: &Image, name: &str, report: &mut Report) {
    if !image.footer().by_tap() || image.footer().creator_version != CREATOR_VERSION {
        return;
    }
    let mut places = image.bat().allocated().map(|(_, sector)| sector % PAGE_SECTORS);
    let first = places.next();
    if places.any(|place| Some(place) != first) {
        report.add(
            name,
            Warning,
            "block-alignment",
            "its blocks don't begin at like places: one may be moved",
        );
    }
}

/// Room for whole blocks that no table names. On a volume what follows the last block is free.
fn audit_gaps(image: &Image, name: &str, areas: &[(u64, u64, String)], step: u64, report: &mut Report) {
    let (mut end, mut lost) = (0, 0);
    for area in areas.iter().filter(|a| !(image.file().is_fixed() && a.2 == TAIL)) {
        lost += area.0.saturating_sub(end) / step;
        end = end.max(area.1);
    }
    if lost > 0 {
        let severity = if image.footer().by_tap() { Warning } else { Note };
        let detail =
            format!("room for {lost} blocks that the table does not name: their entries may be lost");
        report.add(name, severity, "unused-space", detail);
    }
}

/// The bitmap of a block; none where the file ends before it, which was said of the block.
fn bitmap(image: &Image, block: u64) -> Result<Option<Bitmap>> {
    match image.bitmap(block) {
        Err(Error::Io(e)) if e.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        other => other,
    }
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
            let full = bitmap(image, block)?.is_some_and(|map| need == 0 || map.is_full(need));
            if !full {
                report.add(name, Bad, "batmap-wrong", format!("block {block} is called complete but is not"));
            }
        }
    }
    Ok(())
}
