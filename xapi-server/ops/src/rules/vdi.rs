//! The operations of `VDI`.

use xapi_schema::{
    ApiEnum, Field, Map, Record, Ref, Result,
    classes::{
        OnBoot, Pool, PoolAllowedOperations, Sr, VbdMode, Vdi, VdiOperations as Op, VdiType, pbd, pool, sr,
        vbd, vdi, vm,
    },
    errors,
};
use xapi_store::Read;

use super::{Asked, Guarded, busy, not_allowed, rolling_upgrade, smallest, sr::features, text};

/// Operations that need a feature of the storage driver.
fn feature(op: Op) -> Option<&'static str> {
    Some(match op {
        Op::Snapshot => "VDI_SNAPSHOT",
        Op::Destroy => "VDI_DELETE",
        Op::Resize => "VDI_RESIZE",
        Op::Update => "VDI_UPDATE",
        Op::ResizeOnline => "VDI_RESIZE_ONLINE",
        Op::GenerateConfig => "VDI_GENERATE_CONFIG",
        Op::Clone | Op::RevertTo | Op::RevertFrom => "VDI_CLONE",
        Op::Mirror => "VDI_MIRROR",
        Op::EnableCbt | Op::DisableCbt | Op::DataDestroy | Op::ListChangedBlocks => "VDI_CONFIG_CBT",
        Op::SetOnBoot => "VDI_RESET_ON_BOOT",
        _ => return None,
    })
}

/// Operations that do not mind the disk being in use.
const LIVE: &[Op] = &[
    Op::Snapshot,
    Op::ResizeOnline,
    Op::Blocked,
    Op::Clone,
    Op::RevertTo,
    Op::Mirror,
    Op::EnableCbt,
    Op::DisableCbt,
    Op::DataDestroy,
];

impl Guarded for Vdi {
    type Op = Op;
    const CURRENT: Field<Vdi, Map<String, Op>> = vdi::current_operations;
    const ALLOWED: Field<Vdi, Vec<Op>> = vdi::allowed_operations;
    const ADVERTISED: &'static [Op] = &[
        Op::Copy,
        Op::GenerateConfig,
        Op::Clone,
        Op::ResizeOnline,
        Op::Forget,
        Op::Update,
        Op::Resize,
        Op::Snapshot,
        Op::Destroy,
    ];

    fn check(read: &impl Read, this: &Ref<Vdi>, op: Op, _: Asked) -> Result<()> {
        let record = read.record(this)?;
        let home: Ref<Sr> = record.get(vdi::SR);
        if rolling_upgrade(read) && !during_upgrade(op) {
            return Err(errors::NOT_SUPPORTED_DURING_UPGRADE.bare());
        }
        alone(this, record, op)?;
        if op == Op::Resize && !has_plugged_pbd(read, &home) {
            return Err(errors::SR_HAS_NO_PBDS.with([&home]));
        }
        unused(read, this, record, op)?;
        if let Some(feature) = feature(op)
            && !features(read, &home).iter().any(|has| has == feature)
        {
            return Err(errors::SR_OPERATION_NOT_SUPPORTED.with([&home]));
        }
        by_type(this, record, op)?;
        by_operation(read, this, record, &home, op)
    }
}

fn during_upgrade(op: Op) -> bool {
    matches!(
        op,
        Op::Clone
            | Op::Copy
            | Op::Resize
            | Op::ResizeOnline
            | Op::Snapshot
            | Op::Destroy
            | Op::Forget
            | Op::Update
            | Op::ForceUnlock
            | Op::GenerateConfig
            | Op::Blocked
    )
}

/// The SR is reachable from at least one host.
fn has_plugged_pbd(read: &impl Read, home: &Ref<Sr>) -> bool {
    let pbds = read.get(home, sr::PBDs).unwrap_or_default();
    pbds.iter().any(|p| read.get(p, pbd::currently_attached).unwrap_or(false))
}

fn alone(this: &Ref<Vdi>, record: &Record, op: Op) -> Result<()> {
    let current = record.get(vdi::current_operations);
    let mirrored = current.0.iter().any(|(_, op)| *op == Op::Mirror);
    let others = current.0.into_iter().filter(|(_, op)| *op != Op::Copy).collect();
    match smallest(&others) {
        Some((task, other)) if !(op == Op::Destroy && mirrored) => {
            Err(busy("VDI", this.as_str(), other.as_str(), task))
        }
        _ => Ok(()),
    }
}

fn unused(read: &impl Read, this: &Ref<Vdi>, record: &Record, op: Op) -> Result<()> {
    let vbds = record.get(vdi::VBDs);
    let vbds: Vec<_> = vbds.iter().filter_map(|vbd| read.record(vbd).ok()).collect();
    if !LIVE.contains(&op) {
        let matters = |vbd: &std::sync::Arc<Record>| {
            let active = vbd.get(vbd::currently_attached) || vbd.get(vbd::reserved);
            active
                && match op {
                    Op::Copy => vbd.get(vbd::mode) == VbdMode::Rw,
                    Op::ListChangedBlocks => !read.get(&vbd.get(vbd::VM), vm::is_a_snapshot).unwrap_or(false),
                    _ => true,
                }
        };
        if vbds.iter().any(|vbd| matters(vbd)) {
            return Err(errors::VDI_IN_USE.with([this.as_str(), op.as_str()]));
        }
    }
    if op == Op::DataDestroy {
        return Ok(());
    }
    for vbd in vbds {
        if let Some((task, other)) = smallest(&vbd.get(vbd::current_operations)) {
            return Err(busy("VDI", this.as_str(), other.as_str(), task));
        }
    }
    Ok(())
}

fn by_type(this: &Ref<Vdi>, record: &Record, op: Op) -> Result<()> {
    let kind = record.get(vdi::r#type);
    let unfit = matches!(
        op,
        Op::Clone
            | Op::Copy
            | Op::DisableCbt
            | Op::EnableCbt
            | Op::Mirror
            | Op::Resize
            | Op::ResizeOnline
            | Op::Snapshot
            | Op::RevertTo
            | Op::RevertFrom
            | Op::SetOnBoot
    );
    if unfit && kind == VdiType::CbtMetadata {
        return Err(errors::VDI_INCOMPATIBLE_TYPE.with([this.as_str(), text::vdi_type(kind)]));
    }
    if matches!(op, Op::Mirror | Op::SetOnBoot) && record.get(vdi::cbt_enabled) {
        return Err(errors::VDI_CBT_ENABLED.with([this]));
    }
    Ok(())
}

fn by_operation(read: &impl Read, this: &Ref<Vdi>, record: &Record, home: &Ref<Sr>, op: Op) -> Result<()> {
    let kind = record.get(vdi::r#type);
    let for_ha = matches!(kind, VdiType::HaStatefile | VdiType::RedoLog);
    let pools = read.all::<Pool>();
    let pool = pools.first().and_then(|pool| read.record(pool).ok());
    let ha = pool.is_some_and(|pool| pool.get(pool::ha_enabled));
    let resets = record.get(vdi::on_boot) == OnBoot::Reset;
    let incompatible = || Err(errors::VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION.bare());
    match op {
        Op::Forget if ha && for_ha => Err(errors::HA_IS_ENABLED.bare()),
        Op::Forget if kind == VdiType::Rrd => Err(errors::VDI_HAS_RRDS.with([this])),
        Op::DataDestroy if !record.get(vdi::is_a_snapshot) => {
            Err(not_allowed(format!("Only the data of a snapshot can be destroyed: {this}")))
        }
        Op::DataDestroy if !record.get(vdi::cbt_enabled) => Err(errors::VDI_NO_CBT_METADATA.with([this])),
        Op::Destroy | Op::RevertFrom | Op::DataDestroy => {
            let home_record = read.record(home).ok();
            if home_record.is_some_and(|sr| sr.get(sr::r#type) == "udev") {
                return Err(errors::VDI_IS_A_PHYSICAL_DEVICE.with([this]));
            }
            if home_record.is_some_and(|sr| sr.get(sr::is_tools_sr)) {
                return Err(errors::SR_OPERATION_NOT_SUPPORTED.with([home]));
            }
            if kind == VdiType::Rrd {
                return Err(errors::VDI_HAS_RRDS.with([this]));
            }
            let current = pool.map(|pool| pool.get(pool::current_operations)).unwrap_or_default();
            let under_way = |op| current.0.iter().any(|(_, current)| *current == op);
            match () {
                () if !for_ha => Ok(()),
                () if ha => Err(errors::HA_IS_ENABLED.bare()),
                () if under_way(PoolAllowedOperations::HaEnable) => Err(errors::HA_ENABLE_IN_PROGRESS.bare()),
                () if under_way(PoolAllowedOperations::HaDisable) => {
                    Err(errors::HA_DISABLE_IN_PROGRESS.bare())
                }
                () => Ok(()),
            }
        }
        Op::Resize | Op::ResizeOnline if ha && for_ha => Err(errors::HA_IS_ENABLED.bare()),
        Op::Snapshot if record.get(vdi::sharable) => Err(errors::VDI_IS_SHARABLE.with([this])),
        Op::Snapshot | Op::Copy if resets => incompatible(),
        Op::Snapshot if !record.get(vdi::current_operations).0.is_empty() => {
            Err(not_allowed("A snapshot cannot be taken while the disk is being copied"))
        }
        Op::Copy if for_ha => Err(not_allowed("A disk that belongs to HA cannot be copied")),
        Op::EnableCbt | Op::DisableCbt => {
            if record.get(vdi::is_a_snapshot) {
                return Err(not_allowed(format!("Change tracking is not for a snapshot: {this}")));
            }
            if !matches!(kind, VdiType::User | VdiType::System) {
                return Err(errors::VDI_INCOMPATIBLE_TYPE.with([this.as_str(), text::vdi_type(kind)]));
            }
            if resets { incompatible() } else { Ok(()) }
        }
        Op::RevertTo if !record.get(vdi::is_a_snapshot) => {
            Err(errors::REVERT_ONLY_ALLOWED_ON_SNAPSHOT.bare())
        }
        _ => Ok(()),
    }
}
