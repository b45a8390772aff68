//! VMs made from other VMs: snapshots, checkpoints, clones and full copies.

mod rows;

pub use rows::{copy_devices, fields_of, renewed};

use xapi_schema::{
    Map, Ref, Result,
    classes::{Sr, Vbd, VbdType, Vdi, Vm, VmOperations as Op, VmPowerState as State, sr, vbd, vdi, vm},
    errors,
};
use xapi_store::Read;

use super::{note, suspend};
use crate::{
    Cx, Registry, guard,
    handlers::{vdi as disk, vtpm},
    rules,
    unfinished::{self, Whole},
};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(vm::call::snapshot, snapshot);
    on.on(vm::call::snapshot_with_quiesce, snapshot_with_quiesce);
    on.on(vm::call::checkpoint, checkpoint);
    on.on(vm::call::clone, clone);
    on.on(vm::call::copy, copy);
    on.on(vm::call::csvm, csvm);
}

/// How a VM is copied.
#[derive(Debug, Clone, PartialEq)]
pub enum How {
    /// Disks frozen as they are.
    Snapshot {
        /// Disks that are left out.
        without: Vec<Ref<Vdi>>,
    },
    /// Disks and memory frozen.
    Checkpoint,
    /// Disks that share what they can.
    Clone,
    /// Disks copied in full, to this SR or each to its own.
    Copy(Option<Ref<Sr>>),
}

impl How {
    /// The result is a snapshot of the source.
    pub fn is_snapshot(&self) -> bool {
        matches!(self, How::Snapshot { .. } | How::Checkpoint)
    }
}

/// A disk of the source and what stands in its place in the new VM.
pub type Pairs = Vec<(Ref<Vbd>, Ref<Vdi>)>;

async fn snapshot(cx: Cx, this: Ref<Vm>, name: String, without: Vec<Ref<Vdi>>) -> Result<Ref<Vm>> {
    let how = How::Snapshot { without };
    let made = guard::within(&cx, &this, Op::Snapshot, twin(&cx, &this, &name, &how, Op::Snapshot)).await?;
    let what = format!("snapshotted, snapshot name: {name}");
    note::write(&cx, &this, "VM_SNAPSHOTTED", &what).await;
    Ok(made)
}

async fn snapshot_with_quiesce(_: Cx, _: Ref<Vm>, _: String) -> Result<Ref<Vm>> {
    Err(errors::MESSAGE_REMOVED.bare())
}

async fn clone(cx: Cx, this: Ref<Vm>, name: String) -> Result<Ref<Vm>> {
    guard::within(&cx, &this, Op::Clone, twin(&cx, &this, &name, &How::Clone, Op::Clone)).await
}

async fn copy(cx: Cx, this: Ref<Vm>, name: String, target: Ref<Sr>) -> Result<Ref<Vm>> {
    let snapshot = cx.snapshot();
    let target = snapshot.exists(&target).then_some(target);
    if let Some(target) = &target
        && snapshot.get(target, sr::content_type)? == "iso"
    {
        let text = "A VM cannot be copied to an ISO repository";
        return Err(errors::OPERATION_NOT_ALLOWED.with([text]));
    }
    let how = How::Copy(target);
    guard::within(&cx, &this, Op::Copy, twin(&cx, &this, &name, &how, Op::Copy)).await
}

async fn csvm(cx: Cx, this: Ref<Vm>) -> Result<Ref<Vm>> {
    let snapshot = cx.snapshot();
    let image = snapshot.get(&this, vm::suspend_VDI)?;
    snapshot.record(&image)?;
    let name = format!("{}-cloned-suspended", snapshot.get(&this, vm::name_label)?);
    let made = guard::within(&cx, &this, Op::Csvm, twin(&cx, &this, &name, &How::Clone, Op::Csvm)).await?;
    let uuid = cx.snapshot().get(&made, vm::uuid)?;
    note::write(&cx, &this, "VM_CLONED", &format!("cloned to {name} (uuid: {uuid})")).await;
    Ok(made)
}

/// Suspends a running VM for the moment it takes to freeze its disks and its memory.
async fn checkpoint(cx: Cx, this: Ref<Vm>, name: String) -> Result<Ref<Vm>> {
    let work = async {
        let record = cx.snapshot().record(&this)?.clone();
        let (state, home) = (record.get(vm::power_state), record.get(vm::resident_on));
        if state == State::Suspended {
            return twin(&cx, &this, &name, &How::Checkpoint, Op::Checkpoint).await;
        }
        for repository in super::placement::needed_srs(&*cx.snapshot(), &record) {
            let able = rules::sr_features(&*cx.snapshot(), &repository).iter().any(|f| f == "VDI_SNAPSHOT");
            if !able {
                return Err(errors::SR_OPERATION_NOT_SUPPORTED.with([&this]));
            }
        }
        suspend::save(&cx, &this).await?;
        let made = twin(&cx, &this, &name, &How::Checkpoint, Op::Checkpoint).await;
        // The VM goes on whatever became of the checkpoint.
        suspend::restore(&cx, &this, &home, state == State::Paused).await?;
        made
    };
    let made = guard::within(&cx, &this, Op::Checkpoint, work).await?;
    let what = format!("checkpointed, checkpoint name: {name}");
    note::write(&cx, &this, "VM_CHECKPOINTED", &what).await;
    Ok(made)
}

/// Copies a VM: first its disks, then its records in one step. A failure leaves nothing behind.
///
/// # Errors
/// Those of the storage, TASK_CANCELLED [task].
pub async fn twin(cx: &Cx, this: &Ref<Vm>, name: &str, how: &How, op: Op) -> Result<Ref<Vm>> {
    // What the copy gets is what the guest's TPM keeps at this moment.
    vtpm::keep(cx, this).await?;
    let record = cx.snapshot().record(this)?.clone();
    let mut made = Vec::new();
    match disks(cx, &record, how, &mut made).await {
        Ok(image) => {
            let source = this.clone();
            let copy = rows::Copy {
                label: name.to_string(),
                how: how.clone(),
                disks: made.clone(),
                image: image.clone(),
                mark: (cx.task_key(), op),
                now: cx.clock().date(),
            };
            let (host, disks) = (cx.host().clone(), all(&made, &image));
            let written = cx
                .commit(move |tx| {
                    unfinished::settle(tx, &host, &disks, &[])?;
                    rows::write(tx, &source, &copy)
                })
                .await;
            match written {
                Ok(copy) => {
                    let target = copy.clone();
                    cx.commit(move |tx| rows::settle(tx, &target)).await?;
                    Ok(copy)
                }
                Err(failure) => {
                    undo(cx, all(&made, &image)).await;
                    Err(failure)
                }
            }
        }
        Err(failure) => {
            undo(cx, all(&made, &None)).await;
            Err(failure)
        }
    }
}

/// Every disk that was made.
fn all(made: &Pairs, image: &Option<Ref<Vdi>>) -> Vec<Ref<Vdi>> {
    made.iter().map(|(_, disk)| disk.clone()).chain(image.clone()).collect()
}

async fn undo(cx: &Cx, disks: Vec<Ref<Vdi>>) {
    for made in disks {
        unfinished::abandon(cx, &made).await;
    }
}

/// Disks of a VM that have content of their own: no drives, nothing empty.
pub fn own_disks(read: &impl Read, record: &xapi_schema::Record) -> Vec<(Ref<Vbd>, Ref<Vdi>)> {
    let devices = record.get(vm::VBDs).into_iter();
    devices
        .filter_map(|device| {
            let details = read.record(&device).ok()?;
            let content = details.get(vbd::VDI);
            let own = !details.get(vbd::empty) && details.get(vbd::r#type) != VbdType::Cd;
            (own && read.exists(&content)).then_some((device, content))
        })
        .collect()
}

/// Copies every disk, each as a subtask; the answer is the copy of the memory image, if there is one.
async fn disks(
    cx: &Cx,
    record: &xapi_schema::Record,
    how: &How,
    made: &mut Pairs,
) -> Result<Option<Ref<Vdi>>> {
    let snapshot = cx.snapshot();
    let left_out = |disk: &Ref<Vdi>| matches!(how, How::Snapshot { without } if without.contains(disk));
    let own = own_disks(&*snapshot, record);
    let wanted: Vec<_> = own.into_iter().filter(|(_, disk)| !left_out(disk)).collect();
    let total: i64 = wanted.iter().map(|(_, d)| snapshot.get(d, vdi::virtual_size).unwrap_or(0)).sum();
    let mut done = 0;
    let hint = uuid::Uuid::new_v4().to_string();
    for (device, source) in wanted {
        cx.check_cancelled()?;
        made.push((device, copy_disk(cx, &source, how, &hint).await?));
        done += snapshot.get(&source, vdi::virtual_size)?;
        if total > 0 {
            cx.progress(done as f64 / total as f64).await;
        }
    }
    let image = record.get(vm::suspend_VDI);
    let with_memory = record.get(vm::power_state) == State::Suspended && !matches!(how, How::Snapshot { .. });
    match snapshot.exists(&image) && with_memory {
        true => copy_disk(cx, &image, how, &hint).await.map(Some),
        false => Ok(None),
    }
}

async fn copy_disk(cx: &Cx, source: &Ref<Vdi>, how: &How, hint: &str) -> Result<Ref<Vdi>> {
    let params = || Map(vec![("epochhint".to_string(), hint.to_string())]);
    let source = source.clone();
    match how {
        How::Snapshot { .. } | How::Checkpoint => {
            cx.subtask("Async.VDI.snapshot", |cx| async move {
                disk::snapshot(&cx, &source, params(), Whole::Later).await
            })
            .await
        }
        How::Clone => {
            cx.subtask("Async.VDI.clone", |cx| async move {
                disk::clone(&cx, &source, params(), Whole::Later).await
            })
            .await
        }
        How::Copy(target) => {
            let target = match target {
                Some(target) => target.clone(),
                None => cx.snapshot().get(&source, vdi::SR)?,
            };
            cx.subtask(
                "Async.VDI.copy",
                |cx| async move { disk::copy(&cx, &source, &target, Whole::Later).await },
            )
            .await
        }
    }
}
