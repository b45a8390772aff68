//! A disk lent to a server of blocks: read-only, held while it is lent, with what changed since another disk.

use xapi_schema::{
    Failure, Ref, Result,
    classes::{Vdi, VdiType, vdi},
    errors,
};
use xapi_store::Read as _;
use xennix_disk::{cbt::Log, source::Source};

use super::{
    hold::{Hold, hold},
    raw::volume,
    volume::changed,
};
use crate::{Cx, rules};

/// A disk on loan.
pub struct Loan {
    /// The disk.
    pub disk: Box<dyn Source>,
    /// What changed since the other disk.
    pub changes: Option<Log>,
    hold: Hold,
}

/// Lends a disk; with `base` what changed since that one is told too.
///
/// # Errors
/// VDI_INCOMPATIBLE_TYPE [vdi, type] for one without bytes, VDI_IN_USE [vdi, copy], SR_BACKEND_FAILURE_460 for
/// changes nobody noted, those of the driver.
pub async fn lend(cx: &Cx, this: &Ref<Vdi>, base: Option<&Ref<Vdi>>) -> Result<Loan> {
    assert_bytes(cx, this)?;
    let hold = hold(cx, this).await?;
    match open(cx, this, base).await {
        Ok((disk, changes)) => Ok(Loan { disk, changes, hold }),
        Err(failure) => {
            hold.release().await;
            Err(failure)
        }
    }
}

async fn open(cx: &Cx, this: &Ref<Vdi>, base: Option<&Ref<Vdi>>) -> Result<(Box<dyn Source>, Option<Log>)> {
    let disk = volume(cx, this).await?;
    let changes = match base {
        Some(base) => {
            let mut log = Log::new(disk.bytes());
            for (offset, length) in changed(cx, base, this).await? {
                log.mark(offset, length);
            }
            Some(log)
        }
        None => None,
    };
    Ok((Box::new(disk), changes))
}

/// Only records of changes have none.
///
/// # Errors
/// VDI_INCOMPATIBLE_TYPE [vdi, type].
pub fn assert_bytes(cx: &Cx, this: &Ref<Vdi>) -> Result<(), Failure> {
    let kind = cx.snapshot().get(this, vdi::r#type)?;
    if kind == VdiType::CbtMetadata {
        return Err(errors::VDI_INCOMPATIBLE_TYPE.with([this.as_str(), rules::vdi_type_text(kind)]));
    }
    Ok(())
}

impl Loan {
    /// The disk comes back.
    pub async fn give_back(self) {
        drop(self.disk);
        self.hold.release().await;
    }

    /// The parts of a loan whose disk somebody else drops.
    pub fn split(self) -> (Box<dyn Source>, Option<Log>, Hold) {
        (self.disk, self.changes, self.hold)
    }
}
