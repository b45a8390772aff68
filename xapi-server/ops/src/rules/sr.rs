//! The operations of `SR`.

use xapi_schema::{
    ApiEnum, ClassId, Field, Map, Record, Ref, Result,
    classes::{Sm, Sr, StorageOperations as Op, VdiType, pbd, sm, sr, vdi},
    errors,
};
use xapi_store::Read;

use super::{Asked, Guarded, busy, rolling_upgrade};

/// Operations that need a feature of the storage driver. A clone needs none: it falls back to a copy.
fn feature(op: Op) -> Option<&'static str> {
    Some(match op {
        Op::VdiCreate => "VDI_CREATE",
        Op::VdiDestroy => "VDI_DELETE",
        Op::VdiResize => "VDI_RESIZE",
        Op::VdiIntroduce => "VDI_INTRODUCE",
        Op::VdiMirror => "VDI_MIRROR",
        Op::VdiEnableCbt | Op::VdiDisableCbt | Op::VdiDataDestroy | Op::VdiListChangedBlocks => {
            "VDI_CONFIG_CBT"
        }
        Op::VdiSetOnBoot => "VDI_RESET_ON_BOOT",
        Op::Update => "SR_UPDATE",
        Op::VdiRevert => "VDI_REVERT",
        Op::VdiSnapshot => "VDI_SNAPSHOT",
        _ => return None,
    })
}

/// What the driver of an SR can do; nothing when there is no such driver.
pub fn features(read: &impl Read, home: &Ref<Sr>) -> Vec<String> {
    read.get(home, sr::r#type).map(|kind| driver_features(read, &kind)).unwrap_or_default()
}

/// What the driver of a type can do; nothing when there is none.
pub fn driver_features(read: &impl Read, kind: &str) -> Vec<String> {
    let drivers = read.rows(ClassId::Sm);
    let mut driver = drivers.map(|row| &row.record).filter(|record| record.get(sm::r#type) == kind);
    match driver.next() {
        Some(driver) => driver.get::<Sm, _>(sm::features).0.into_iter().map(|(name, _)| name).collect(),
        None => Vec::new(),
    }
}

/// An operation inside errors.
fn spelled(op: Op) -> String {
    match op.as_str().split_once('_') {
        Some(("vdi", verb)) => format!("VDI.{verb}"),
        Some(("pbd", verb)) => format!("PBD.{verb}"),
        _ => op.as_str().to_string(),
    }
}

impl Guarded for Sr {
    type Op = Op;
    const CURRENT: Field<Sr, Map<String, Op>> = sr::current_operations;
    const ALLOWED: Field<Sr, Vec<Op>> = sr::allowed_operations;
    const ADVERTISED: &'static [Op] = &[
        Op::VdiEnableCbt,
        Op::VdiListChangedBlocks,
        Op::VdiIntroduce,
        Op::Destroy,
        Op::Unplug,
        Op::Plug,
        Op::PbdCreate,
        Op::VdiDisableCbt,
        Op::Update,
        Op::PbdDestroy,
        Op::VdiResize,
        Op::Forget,
        Op::VdiClone,
        Op::VdiDataDestroy,
        Op::Scan,
        Op::VdiSnapshot,
        Op::VdiMirror,
        Op::VdiCreate,
        Op::VdiRevert,
        Op::VdiDestroy,
        Op::VdiSetOnBoot,
    ];

    fn check(read: &impl Read, this: &Ref<Sr>, op: Op, _: Asked) -> Result<()> {
        let record = read.record(this)?;
        if !Self::ADVERTISED.contains(&op) {
            return Ok(());
        }
        let late = matches!(
            op,
            Op::VdiMirror
                | Op::VdiEnableCbt
                | Op::VdiDisableCbt
                | Op::VdiDataDestroy
                | Op::VdiListChangedBlocks
                | Op::VdiSetOnBoot
                | Op::VdiRevert
        );
        if late && rolling_upgrade(read) {
            return Err(errors::NOT_SUPPORTED_DURING_UPGRADE.bare());
        }
        if let Some(feature) = feature(op) {
            let frozen = record.get(sr::is_tools_sr) && matches!(feature, "VDI_CREATE" | "VDI_DELETE");
            if frozen || !features(read, this).iter().any(|has| has == feature) {
                return Err(errors::SR_OPERATION_NOT_SUPPORTED.with([this]));
            }
        }
        leaving(read, this, record, op)?;
        alone(this, record, op)
    }
}

fn leaving(read: &impl Read, this: &Ref<Sr>, record: &Record, op: Op) -> Result<()> {
    if !matches!(op, Op::Destroy | Op::Forget) {
        return Ok(());
    }
    let pbds = record.get(sr::PBDs);
    if pbds.iter().any(|p| read.get(p, pbd::currently_attached).unwrap_or(false)) {
        return Err(errors::SR_HAS_PBD.with([this]));
    }
    if op == Op::Forget {
        return Ok(());
    }
    if pbds.is_empty() {
        return Err(errors::SR_HAS_NO_PBDS.with([this]));
    }
    let vdis = record.get(sr::VDIs);
    let mut vdis = vdis.iter().filter_map(|v| read.record(v).ok());
    if vdis.any(|v| v.get(vdi::managed) && v.get(vdi::r#type) != VdiType::Rrd) {
        return Err(errors::SR_NOT_EMPTY.bare());
    }
    Ok(())
}

fn alone(this: &Ref<Sr>, record: &Record, op: Op) -> Result<()> {
    let current = record.get(sr::current_operations);
    let mut others = current.0.iter().filter(|(_, other)| op != Op::Plug || *other != Op::Plug);
    match others.next() {
        Some((task, other)) => Err(busy("SR", this.as_str(), spelled(*other), task)),
        None => Ok(()),
    }
}
