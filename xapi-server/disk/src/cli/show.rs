//! What looks at images and changes nothing: info, check and map.

use crate::chain::{Chain, Format, Layer, Spot};
use crate::error::{Error, Result};
use crate::file::Access;
use crate::qcow2::Qcow2Disk;
use crate::qcow2::audit::{audit, audit_links};
use crate::source::{Source, State, extents};
use crate::vhd::audit::{Finding, Report, Severity, audit_all, audit_chain};
use crate::volumes::{Directory, Volumes};
use serde_json::json;
use std::io::Write;
use std::path::Path;

pub(super) fn info(chain: &Chain, json: bool, out: &mut dyn Write) -> Result<()> {
    let layers: Vec<_> = chain.layers().iter().map(|(name, layer)| describe(name, layer)).collect();
    if json {
        writeln!(out, "{}", json!({ "virtual_size": chain.size(), "layers": layers }))?;
        return Ok(());
    }
    for (depth, layer) in layers.iter().enumerate() {
        for (key, value) in layer.as_object().into_iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            writeln!(out, "{:indent$}{key:15} {text}", "", indent = depth * 2)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn describe(name: &str, layer: &Layer) -> serde_json::Value {
    let Layer::Vhd(image) = layer else {
        return json!({ "name": name, "format": "raw", "virtual_size": layer.size() });
    };
    let f = image.footer();
    json!({
        "name": name,
        "format": "vhd",
        "kind": format!("{:?}", f.kind).to_lowercase(),
        "virtual_size": f.current_size,
        "file_size": image.file().size().ok(),
        "data_end": image.data_end().ok(),
        "uuid": f.uuid.to_string(),
        "parent_uuid": image.header().map(|h| h.parent_uuid.to_string()),
        "hidden": f.hidden != 0,
        "creator": String::from_utf8_lossy(&f.creator).trim_end_matches('\0'),
        "creator_version": format!("{}.{}", f.creator_version >> 16, f.creator_version & 0xffff),
        "footer": format!("{:?}", image.footer_place()).to_lowercase(),
        "block_size": image.header().map(|h| h.block_size),
        "blocks": image.bat().allocated().count(),
        "max_blocks": image.bat().len(),
    })
}

pub(super) fn check(path: &Path, fixed: bool, json: bool, out: &mut dyn Write) -> Result<u8> {
    let report = if path.is_dir() {
        let dir = Directory::new(path).with_fixed(fixed);
        let mut report = audit_all(&dir)?;
        let names: Vec<String> =
            dir.list()?.into_iter().filter(|n| Format::of_name(n) == Some(Format::Qcow2)).collect();
        for name in &names {
            check_qcow2(&dir, name, &mut report)?;
        }
        report.findings.extend(audit_links(&dir, &names));
        report
    } else {
        let (dir, name) = Directory::of(path)?;
        let dir = dir.with_fixed(fixed);
        if Format::of_name(&name) == Some(Format::Qcow2) {
            // Its backing files, found by the rules of reading.
            let mut report = Report { readable: true, ..Report::default() };
            let mut names = vec![name.clone()];
            match Qcow2Disk::open(&dir, &name, Access::Read) {
                Ok(disk) => names = disk.names().to_vec(),
                Err(e) => unreadable(&name, e, &mut report)?,
            }
            report.findings.extend(audit_links(&dir, &names).into_iter().filter(|f| f.code != "garbage"));
            for name in names.iter().filter(|n| Format::of_name(n) == Some(Format::Qcow2)) {
                check_qcow2(&dir, name, &mut report)?;
            }
            report
        } else {
            audit_chain(&dir, &name)?
        }
    };
    if json {
        writeln!(out, "{}", serde_json::to_string(&report).map_err(std::io::Error::other)?)?;
    } else {
        for f in &report.findings {
            let severity = format!("{:?}", f.severity).to_lowercase();
            writeln!(out, "{severity}: {}: {} [{}]", f.image, f.detail, f.code)?;
        }
        if report.is_clean() {
            writeln!(out, "clean")?;
        }
    }
    Ok(match (report.is_clean(), report.readable) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => 2,
    })
}

/// A failure of the file itself ends the check; anything else is a finding.
fn unreadable(name: &str, e: Error, report: &mut Report) -> Result<()> {
    match e {
        Error::Io(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(e.into()),
        _ => report.readable = false,
    }
    let (image, detail) = (name.to_owned(), e.to_string());
    report.findings.push(Finding { image, severity: Severity::Error, code: "unreadable", detail });
    Ok(())
}

fn check_qcow2(dir: &Directory, name: &str, report: &mut Report) -> Result<()> {
    match audit(&*dir.open(name, Access::Read)?, name) {
        Ok(found) => report.findings.extend(found),
        Err(e) => return unreadable(name, e, report),
    }
    Ok(())
}

pub(super) fn map(chain: &Chain, json: bool, out: &mut dyn Write) -> Result<()> {
    let total = chain.size() / 512;
    let mut at = 0;
    while at < total {
        let (spot, n) = chain.locate(at, total - at)?;
        let (start, len) = (at * 512, n * 512);
        match (spot, json) {
            (Spot::At { layer, offset }, true) => {
                let name = &chain.layers()[layer].0;
                writeln!(
                    out,
                    "{}",
                    json!({ "start": start, "length": len, "data": true, "depth": layer, "image": name, "offset": offset })
                )?;
            }
            (_, true) => writeln!(out, "{}", json!({ "start": start, "length": len, "data": false }))?,
            (Spot::At { layer, offset }, false) => {
                writeln!(out, "{start:>14} {len:>12} {:>12} {}", offset, chain.layers()[layer].0)?;
            }
            (_, false) => writeln!(out, "{start:>14} {len:>12} {:>12}", "zero")?,
        }
        at += n;
    }
    Ok(())
}

pub(super) fn info_qcow2(disk: &Qcow2Disk, json: bool, out: &mut dyn Write) -> Result<()> {
    if json {
        writeln!(
            out,
            "{}",
            json!({ "format": "qcow2", "virtual_size": disk.size(), "layers": disk.names() })
        )?;
    } else {
        writeln!(out, "{:15} qcow2\n{:15} {}", "format", "virtual_size", disk.size())?;
        writeln!(out, "{:15} {}", "layers", disk.names().join(" -> "))?;
    }
    Ok(())
}

pub(super) fn map_qcow2(disk: &Qcow2Disk, json: bool, out: &mut dyn Write) -> Result<()> {
    extents(disk, |e| {
        let data = e.state == State::Data;
        if json {
            writeln!(out, "{}", json!({ "start": e.start, "length": e.len, "data": data }))?;
        } else {
            writeln!(out, "{:>14} {:>12} {:>12}", e.start, e.len, if data { "data" } else { "zero" })?;
        }
        Ok(())
    })
}
