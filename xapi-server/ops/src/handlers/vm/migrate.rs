//! Moving VMs. There is one host, so a VM can move only to where it is: its memory is written out, its domain built
//! anew with a new emulator, and it goes on. What would need another host or other storage is refused in the order the
//! checks are published.

use xapi_schema::{
    Failure, FromValue, Map, Ref, Result, Value,
    classes::{
        Host, HostAllowedOperations, Sr, Vbd, VbdType, Vdi, Vm, VmOperations as Op, VmPowerState as State,
        host, vbd, vdi, vm,
    },
    errors,
};
use xapi_store::Read;

use super::{
    note,
    placement::{self, Wanted},
    start, suspend,
};
use crate::{
    Cx, Registry,
    guard::{self, Claim, Patience},
    handlers::truth,
    rules::{self, Asked},
};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(vm::call::pool_migrate, pool_migrate);
    on.on(vm::call::restart_device_models, restart_device_models);
    on.on_named("VM.migrate_send", migrate_send);
    on.on_named("VM.assert_can_migrate", assert_can_migrate);
}

async fn pool_migrate(cx: Cx, this: Ref<Vm>, home: Ref<Host>, options: Map<String, String>) -> Result<()> {
    move_within_pool(&cx, &this, &home, truth(options.get("force"))).await
}

/// Moves a running VM to a host of this pool.
async fn move_within_pool(cx: &Cx, this: &Ref<Vm>, home: &Ref<Host>, force: bool) -> Result<()> {
    let snapshot = cx.snapshot();
    let record = snapshot.record(this)?;
    let target = snapshot.record(home)?;
    if !force && record.get(vm::power_state) != State::Halted {
        placement::assert_cpu(this, record, home, target)?;
    }
    let from = record.get(vm::resident_on);
    let asked = if force { Asked::Forced } else { Asked::Guard };
    guard::under(cx, async |marks| {
        marks.enter(vec![Claim::one(cx, this, Op::PoolMigrate, asked, Patience::Standard)]).await?;
        placement::assert_can_boot_here(&*cx.snapshot(), this, home, Wanted::START)?;
        if *home != *cx.host() {
            return Err(Failure::not_implemented("VM.pool_migrate to another host"));
        }
        marks.enter(vec![start::reserved(cx, this, home, HostAllowedOperations::VmMigrate)]).await?;
        renew(cx, this, home).await
    })
    .await?;
    let named = |home: &Ref<Host>| {
        let snapshot = cx.snapshot();
        let label = snapshot.get(home, host::name_label).unwrap_or_default();
        format!("{label} (uuid: {})", snapshot.get(home, host::uuid).unwrap_or_default())
    };
    let what = format!("migrated from host: {} to host: {}", named(&from), named(home));
    note::write(cx, this, "VM_MIGRATED", &what).await;
    Ok(())
}

/// A new domain with the memory of the old one. Clients never see the VM leave `Running`; when the new domain cannot
/// be built it is suspended, and nothing is lost.
async fn renew(cx: &Cx, this: &Ref<Vm>, home: &Ref<Host>) -> Result<()> {
    let (image, _) = suspend::write_image(cx, this).await?;
    suspend::continue_from(cx, this, home, &image).await
}

/// A new emulator for a running VM.
async fn restart_device_models(cx: Cx, this: Ref<Vm>) -> Result<()> {
    let snapshot = cx.snapshot();
    let record = snapshot.record(&this)?;
    let state = record.get(vm::power_state);
    if state != State::Running {
        let params = [this.as_str(), "Running", xapi_schema::ApiEnum::as_str(state)];
        return Err(errors::VM_BAD_POWER_STATE.with(params));
    }
    move_within_pool(&cx, &this, &record.get(vm::resident_on), false).await
}

/// What a move is to be.
struct Move {
    this: Ref<Vm>,
    home: Ref<Host>,
    disks: Map<Ref<Vdi>, Ref<Sr>>,
    cards: usize,
    force: bool,
}

fn asked(args: &Value) -> Move {
    let get = |name: &str| args.get(name);
    let texts = |name: &str| get(name).and_then(Map::<String, String>::from_value).unwrap_or_default();
    let cards = get("vif_map").and_then(Map::<String, String>::from_value).unwrap_or_default();
    Move {
        this: get("vm").and_then(Ref::from_value).unwrap_or_else(Ref::null),
        home: Ref::new(texts("dest").get("host").cloned().unwrap_or_default()),
        disks: get("vdi_map").and_then(Map::from_value).unwrap_or_default(),
        cards: cards.0.len(),
        force: truth(texts("options").get("force")),
    }
}

/// Everything that stands against a move, in the published order. Answers whether any disk changes its SR.
fn check(read: &impl Read, wanted: &Move) -> Result<bool> {
    let record = read.record(&wanted.this)?;
    let target =
        |disk: &Ref<Vdi>| wanted.disks.0.iter().find(|(known, _)| known == disk).map(|(_, sr)| sr.clone());
    let own = record.get(vm::VBDs).into_iter().filter_map(|device: Ref<Vbd>| {
        let device = read.record(&device).ok()?;
        (device.get(vbd::r#type) != VbdType::Cd && !device.get(vbd::empty)).then(|| device.get(vbd::VDI))
    });
    let mut leaving = Vec::new();
    for disk in own.collect::<Vec<_>>() {
        let to = target(&disk).ok_or_else(|| errors::VDI_NOT_IN_MAP.with([&disk]))?;
        if read.get(&disk, vdi::SR)? != to {
            leaving.push((disk, to));
        }
    }
    let here = read.exists(&wanted.home);
    let lacks = |sr: &Ref<Sr>, features: [&str; 2]| {
        let known = rules::sr_features(read, sr);
        let able = features.iter().all(|feature| known.iter().any(|k| k == feature));
        if able {
            Ok(())
        } else {
            Err(errors::SR_DOES_NOT_SUPPORT_MIGRATION.with([sr.to_string(), features.join(";")]))
        }
    };
    for (disk, to) in &leaving {
        lacks(&read.get(disk, vdi::SR)?, ["VDI_SNAPSHOT", "VDI_MIRROR"])?;
        if here {
            lacks(to, ["VDI_SNAPSHOT", "VDI_MIRROR_IN"])?;
        }
    }
    if !here {
        return Err(Failure::not_implemented("VM.migrate_send to another pool"));
    }
    if !wanted.force && record.get(vm::power_state) != State::Halted {
        placement::assert_cpu(&wanted.this, record, &wanted.home, read.record(&wanted.home)?)?;
    }
    placement::assert_can_boot_here(read, &wanted.this, &wanted.home, Wanted::START)?;
    if wanted.cards > 0 {
        let text = "Network cards keep their networks when a VM moves within its pool";
        return Err(errors::OPERATION_NOT_ALLOWED.with([text]));
    }
    for (disk, _) in &leaving {
        if read.get(disk, vdi::cbt_enabled)? {
            return Err(errors::VDI_CBT_ENABLED.with([disk]));
        }
    }
    Ok(!leaving.is_empty())
}

async fn assert_can_migrate(cx: Cx, args: Value) -> Result<()> {
    check(&*cx.snapshot(), &asked(&args)).map(|_| ())
}

/// Disks stay where they are; the VM moves as with pool_migrate if it runs, and has nothing to do otherwise.
async fn migrate_send(cx: Cx, args: Value) -> Result<Ref<Vm>> {
    let wanted = asked(&args);
    let this = wanted.this.clone();
    let live = cx.snapshot().get(&this, vm::power_state)? == State::Running;
    guard::under(&cx, async |marks| {
        marks.enter(vec![Claim::on(&cx, &this, Op::MigrateSend)]).await?;
        if check(&*cx.snapshot(), &wanted)? {
            return Err(Failure::not_implemented("VM.migrate_send with disks"));
        }
        if live {
            let home = &wanted.home;
            marks.enter(vec![start::reserved(&cx, &this, home, HostAllowedOperations::VmMigrate)]).await?;
            renew(&cx, &this, home).await?;
        }
        Ok(())
    })
    .await?;
    Ok(this)
}
