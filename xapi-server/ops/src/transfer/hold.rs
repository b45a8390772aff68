//! A disk that is read or written by the toolstack itself is plugged into the control domain, on paper, so that
//! whoever wants to destroy, resize or start it meanwhile is told at once, and everybody sees why. Never outlives the
//! process: the next start removes what a killed one left.

use xapi_schema::{
    ApiEnum, ClassId, Record, Ref, Result, Value,
    classes::{Vbd, VbdMode, Vdi, VdiOperations, Vm, host, sr, vbd, vdi, vm},
    errors,
};
use xapi_store::{Read, Tx};

use crate::{
    Cx, guard,
    handlers::vbd as slot,
    rules::{self, TRANSFER},
};

/// A disk in use by the toolstack; [`Hold::release`] lets go of it.
pub struct Hold {
    cx: Cx,
    disk: Ref<Vdi>,
    slot: Ref<Vbd>,
}

/// Holds a disk for reading.
///
/// # Errors
/// VDI_IN_USE [vdi, copy] while somebody writes to it.
pub async fn hold(cx: &Cx, this: &Ref<Vdi>) -> Result<Hold> {
    taken(cx, this, VbdMode::Ro).await
}

/// Holds a disk for writing, once what else is done with it has ended.
///
/// # Errors
/// VDI_READONLY [vdi] for one that takes no bytes and for snapshots, VDI_IN_USE [vdi, import] while somebody has it.
pub async fn hold_to_write(cx: &Cx, this: &Ref<Vdi>) -> Result<Hold> {
    // Nobody has to wait to hear what waiting would not change.
    assert_writable(&*cx.snapshot(), this)?;
    guard::within(cx, this, VdiOperations::Blocked, taken(cx, this, VbdMode::Rw)).await
}

async fn taken(cx: &Cx, this: &Ref<Vdi>, mode: VbdMode) -> Result<Hold> {
    let (disk, this, home, task) = (this.clone(), this.clone(), cx.host().clone(), cx.task_key());
    let slot = cx
        .commit(move |tx| {
            match mode {
                VbdMode::Ro if used(tx, &this, |user| user.get(vbd::mode) == VbdMode::Rw)? => {
                    return Err(errors::VDI_IN_USE.with([this.as_str(), "copy"]));
                }
                VbdMode::Ro => {}
                VbdMode::Rw => assert_writable(tx, &this)?,
            }
            let dom0: Ref<Vm> = tx.get(&home, host::control_domain)?;
            plug(tx, &dom0, &this, mode, &task)
        })
        .await?;
    Ok(Hold { cx: cx.clone(), disk, slot })
}

/// Has somebody plugged the disk, or is about to, in a way that matters?
fn used(read: &impl Read, this: &Ref<Vdi>, matters: impl Fn(&Record) -> bool) -> Result<bool> {
    let users = read.get(this, vdi::VBDs)?;
    Ok(users
        .iter()
        .filter_map(|user| read.record(user).ok())
        .any(|user| (user.get(vbd::currently_attached) || user.get(vbd::reserved)) && matters(user)))
}

/// Nobody uses the disk, and it takes bytes. A snapshot keeps what it was made for.
fn assert_writable(read: &impl Read, this: &Ref<Vdi>) -> Result<()> {
    let record = read.record(this)?;
    if record.get(vdi::read_only) || record.get(vdi::is_a_snapshot) {
        return Err(errors::VDI_READONLY.with([this]));
    }
    if used(read, this, |_| true)? {
        return Err(errors::VDI_IN_USE.with([this.as_str(), "import"]));
    }
    Ok(())
}

fn plug(tx: &mut Tx, dom0: &Ref<Vm>, this: &Ref<Vdi>, mode: VbdMode, task: &str) -> Result<Ref<Vbd>> {
    let mut used: Vec<String> = Vec::new();
    for other in tx.get(dom0, vm::VBDs)? {
        used.push(tx.get(&other, vbd::userdevice)?);
    }
    let free = (0..).map(|n| n.to_string()).find(|name| !used.contains(name)).unwrap_or_default();
    let metrics = tx.create_value(ClassId::VbdMetrics, None, &Value::map::<&str>([]))?;
    let members = Value::map([
        ("VM", Value::Str(dom0.text().clone())),
        ("VDI", Value::Str(this.text().clone())),
        ("userdevice", Value::str(free)),
        ("mode", Value::Str(ApiEnum::text(mode))),
        ("type", Value::str("Disk")),
        ("unpluggable", Value::Bool(true)),
        ("currently_attached", Value::Bool(true)),
        ("other_config", Value::map([(TRANSFER, Value::str(task))])),
        ("metrics", Value::Str(metrics)),
    ]);
    let made = Ref::new(tx.create_value(ClassId::Vbd, None, &members)?);
    rules::refresh(tx, this)?;
    Ok(made)
}

impl Hold {
    /// Lets go of the disk; the last who had it lets its storage do so, too, so that nothing of it stays reachable here.
    pub async fn release(self) {
        let (slot, disk) = (self.slot.clone(), self.disk.clone());
        let last = self.cx.commit(move |tx| {
            if tx.exists(&slot) {
                slot::remove(tx, &slot)?;
            }
            Ok(tx.exists(&disk) && !used(tx, &disk, |_| true)?)
        });
        match last.await {
            Ok(true) => {
                if let Err(failure) = self.close().await {
                    tracing::debug!(%failure, disk = %self.disk, "a disk that was read or written did not close");
                }
            }
            Ok(false) => {}
            Err(failure) => {
                tracing::error!(%failure, "a disk stays plugged into the control domain until the next start");
            }
        }
        self.cx.xapi.work_done.notify_waiters();
    }

    async fn close(&self) -> Result<()> {
        let snapshot = self.cx.snapshot();
        let home = snapshot.get(&snapshot.get(&self.disk, vdi::SR)?, sr::uuid)?;
        let location = snapshot.get(&self.disk, vdi::location)?;
        self.cx.xapi.backends.storage.flush(&home, &location).await
    }
}

/// Removes what an earlier process held.
///
/// # Errors
/// Those of the store.
pub fn sweep(tx: &mut Tx) -> Result<()> {
    for this in tx.all::<Vbd>() {
        if tx.get(&this, vbd::other_config)?.contains(TRANSFER)
            && tx.get(&tx.get(&this, vbd::VM)?, vm::is_control_domain).unwrap_or(false)
        {
            slot::remove(tx, &this)?;
        }
    }
    Ok(())
}
