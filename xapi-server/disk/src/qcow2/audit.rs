//! Looks at the tables of a qcow2 image: before it is written, because a writer that trusts wrong reference counts
//! gives away clusters that are in use, and for people, who want to know everything. Never changes a byte.

use super::dry::Dry;
use super::header::Header;
pub use super::links::audit_links;
use super::repair::{is_unclean, repair};
use super::tables::Tables;
use super::walk::Walk;
use crate::error::{Error, Result};
use crate::file::BlockFile;
use crate::vhd::audit::{Finding, Severity};

/// What counts that lag behind look like: no fault in an image that says they do.
const LAGGING: [&str; 7] =
    ["not-counted", "counted-low", "misplaced", "refcount-gap", "leaked", "copied", "not-copied"];

/// Refuses to write to an image whose reference counts would let a writer destroy what is there. Looks at the tables
/// only, not at the counts of data.
///
/// # Errors
/// [`Error::Format`] with the first thing that is wrong; [`Error::Unsupported`] for unclean and corrupt images; the
/// device's error.
pub fn check_writable(file: &dyn BlockFile, name: &str) -> Result<()> {
    Header::read(file)?;
    let mut walk = Walk::new(Tables::read(file, false)?, name, false);
    walk.first();
    walk.snapshots_fit();
    match walk.findings.first() {
        None => Ok(()),
        Some(f) => Err(Error::format("qcow2", format!("{}; not written to", f.detail))),
    }
}

/// Everything wrong with one image; its backing files are images of their own.
///
/// # Errors
/// [`Error::Format`] and [`Error::Unsupported`] for images whose tables can't be read; the device's error.
pub fn audit(file: &dyn BlockFile, name: &str) -> Result<Vec<Finding>> {
    let header = Header::read(file)?;
    let unclean = is_unclean(file)?;
    let mut walk = Walk::new(Tables::read(file, unclean)?, name, true);
    walk.first();
    let followed = walk.snapshots()? & walk.bitmaps(header.bitmaps.as_deref(), header.size)?;
    walk.data()?;
    // Tables that could not be walked would look like leaks.
    if followed {
        walk.compare()?;
    }
    if unclean {
        walk.findings.retain(|f| !LAGGING.contains(&f.code));
        not_closed(file, &mut walk);
    }
    Ok(walk.findings)
}

/// Says what becomes of an image that was not closed, by trying.
fn not_closed(file: &dyn BlockFile, walk: &mut Walk<'_>) {
    let what = "it was not closed: it is being written, or its writer died";
    match repair(&Dry::new(file)) {
        Ok(()) => {
            let detail = format!("{what}; attaching it mends it");
            walk.add(Severity::Warning, "unclean", detail);
        }
        Err(e) => walk.bad("unclean", format!("{what}, and it can't be mended: {e}")),
    }
}
