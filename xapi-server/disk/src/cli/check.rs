//! `check`: everything wrong with images, their parents and whole directories, in words or as JSON. Changes nothing, and
//! goes on after the first image that is damaged.

use crate::chain::Format;
use crate::error::{Error, Result};
use crate::file::Access;
use crate::qcow2::Qcow2Disk;
use crate::qcow2::audit::{audit, audit_links};
use crate::qcow2::snapshot::line;
use crate::vhd::audit::{Finding, Report, Severity, audit_all, audit_chain};
use crate::volumes::{Directory, Volumes};
use nix::errno::Errno;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Checks one after the other; the worst exit status.
pub(super) fn check(paths: &[PathBuf], fixed: bool, json: bool, out: &mut dyn Write) -> Result<u8> {
    let mut worst = 0;
    for path in paths {
        let report = match report(path, fixed) {
            Ok(report) => report,
            // With others to look at, one that can't be had is told of like the rest.
            Err(e) if paths.len() > 1 || json => {
                let mut report = Report::default();
                unreadable(&path.display().to_string(), &e, &mut report);
                report
            }
            Err(e) => return Err(e),
        };
        tell(path, &report, paths.len() > 1, json, out)?;
        worst = worst.max(match (report.is_clean(), report.readable) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => 2,
        });
    }
    Ok(worst)
}

fn tell(path: &Path, report: &Report, many: bool, json: bool, out: &mut dyn Write) -> Result<()> {
    if json {
        let told = json!({
            "path": path, "clean": report.is_clean(), "readable": report.readable, "findings": report.findings
        });
        return Ok(writeln!(out, "{told}")?);
    }
    let verdict = match (report.is_clean(), report.readable) {
        (true, _) => "clean",
        (false, true) => "not clean",
        (false, false) => "unreadable",
    };
    if many {
        writeln!(out, "{}: {verdict}", path.display())?;
    }
    for f in &report.findings {
        let severity = format!("{:?}", f.severity).to_lowercase();
        let indent = if many { "  " } else { "" };
        writeln!(out, "{indent}{severity}: {}: {} [{}]", f.image, f.detail, f.code)?;
    }
    if report.is_clean() && !many {
        writeln!(out, "clean")?;
    }
    Ok(())
}

/// Looks at an image and what it stands on, or at a whole directory.
///
/// # Errors
/// Nothing is there, or it can't be listed; what is wrong with images is in the report.
pub fn report(path: &Path, fixed: bool) -> Result<Report> {
    if path.is_dir() {
        let dir = Directory::new(path).with_fixed(fixed);
        let mut report = audit_all(&dir)?;
        let names: Vec<String> =
            dir.list()?.into_iter().filter(|n| Format::of_name(n) == Some(Format::Qcow2)).collect();
        for name in &names {
            check_qcow2(&dir, name, &mut report);
        }
        report.findings.extend(audit_links(&dir, &names));
        return Ok(report);
    }
    let (dir, name) = Directory::of(path)?;
    let dir = dir.with_fixed(fixed);
    if !dir.exists(&name)? {
        let source = Box::new(Error::Io(Errno::ENOENT.into()));
        return Err(Error::Beside { name: path.display().to_string(), source });
    }
    match Format::of_name(&name) {
        Some(Format::Qcow2) => {}
        // Raw bytes can't be wrong.
        Some(Format::Raw) => {
            return Err(Error::Unsupported(format!("{name:?} is raw: it has nothing to check")));
        }
        _ => return audit_chain(&dir, &name),
    }
    let mut report = Report { readable: true, ..Report::default() };
    // It and its backing files, found by the rules of reading.
    let names: Vec<String> = match line(&dir, &name) {
        Ok(line) => line.into_iter().map(|(name, _)| name).collect(),
        Err(_) => vec![name],
    };
    report.findings.extend(audit_links(&dir, &names).into_iter().filter(|f| f.code != "garbage"));
    for name in names.iter().filter(|n| Format::of_name(n) == Some(Format::Qcow2)) {
        check_qcow2(&dir, name, &mut report);
    }
    Ok(report)
}

fn unreadable(name: &str, e: &Error, report: &mut Report) {
    report.readable = false;
    let (image, detail) = (name.to_owned(), e.to_string());
    report.findings.push(Finding { image, severity: Severity::Error, code: "unreadable", detail });
}

/// Looks at the tables of one image, and whether it can be opened at all.
fn check_qcow2(dir: &Directory, name: &str, report: &mut Report) {
    let looked = dir.open(name, Access::Read).and_then(|file| audit(&*file, name));
    match looked {
        Ok(found) => report.findings.extend(found),
        Err(e) => return unreadable(name, &e, report),
    }
    // What is wrong with others is said of them.
    match Qcow2Disk::look(dir, name) {
        Err(e) if !matches!(e, Error::Chain(_) | Error::Beside { .. }) => unreadable(name, &e, report),
        _ => {}
    }
}
