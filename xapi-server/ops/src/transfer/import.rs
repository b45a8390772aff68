//! An archive on its way in: its VMs are made first, marked as being imported, then their disks are filled. What
//! fails half-way leaves nothing behind.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use tokio::runtime::Handle;
use xapi_schema::{
    ApiType, ClassId, Failure, Ref, Result, Value,
    classes::{self, Network, Sr, Vdi, Vm, network, sr, task, vdi, vm},
    errors,
};
use xapi_store::Read;
use xapi_xva::{Object, Ova, Sink};

use super::{Upload, export::refused, raw, rows, rows::Cast, volume::Volume};
use crate::{
    Cx,
    handlers::{network as link, overlay, text, texts, vm as machine},
    meter::Meter,
    unfinished,
};

/// How VMs come in.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Where disks go; the pool's default when absent. Unused without disks.
    pub sr: Option<Ref<Sr>>,
    /// The same VM again: uuids and addresses are kept.
    pub restore: bool,
    /// Go on where it is not safe.
    pub force: bool,
    /// Only descriptions; their disks are here already.
    pub metadata: bool,
    /// Only say whether it would work.
    pub dry_run: bool,
    /// The VMs go on running elsewhere until they come.
    pub live: bool,
    /// Disks that stand for those of the archive, uuid by uuid.
    pub disks: Vec<(String, String)>,
}

/// What was made, so that it can be undone.
#[derive(Default)]
struct Made {
    vms: Vec<(String, Ref<Vm>)>,
    disks: Vec<Ref<Vdi>>,
    networks: Vec<Ref<Network>>,
    volumes: HashMap<String, Filling>,
}

/// A disk that is being filled.
struct Filling {
    volume: Volume,
    /// Bytes that came, zeros between them included.
    end: u64,
}

/// Brings the VMs of an archive in; answers them without their snapshots.
///
/// # Errors
/// IMPORT_ERROR [text] and its kin for broken archives, those of [`rows::check`], SR_HAS_NO_PBDS [sr],
/// VDI_LOCATION_MISSING [sr, location], TASK_CANCELLED [task].
pub async fn import(cx: &Cx, options: ImportOptions, from: Upload) -> Result<Vec<Ref<Vm>>> {
    let made = Arc::new(Mutex::new(Made::default()));
    let meter = Meter::new(cx);
    let mut intake = Intake {
        cx: cx.clone(),
        options: options.clone(),
        meter: meter.clone(),
        made: made.clone(),
        handle: Handle::current(),
        total: 0,
        done: 0,
    };
    let force = options.force;
    let reading = tokio::task::spawn_blocking(move || {
        xapi_xva::read(from, force, &mut intake).map_err(refused)?;
        intake.complete()
    });
    let read =
        meter.follow(cx, async { reading.await.unwrap_or_else(|_| Err(crate::task::panicked())) }).await;
    let made = std::mem::take(&mut *made.lock().unwrap_or_else(|e| e.into_inner()));
    let outcome = match read {
        Ok(()) => finish(cx, &made).await,
        Err(failure) => Err(failure),
    };
    if let Err(failure) = &outcome
        && (!force || made.vms.is_empty())
    {
        tracing::info!(%failure, "an import failed and is undone");
        undo(cx, made).await;
    } else if outcome.is_err() {
        // Whoever forces an import wants what came.
        finish(cx, &made).await?;
    }
    outcome
}

async fn finish(cx: &Cx, made: &Made) -> Result<Vec<Ref<Vm>>> {
    let vms = made.vms.clone();
    let (host, disks) = (cx.host().clone(), made.disks.clone());
    cx.commit(move |tx| {
        rows::settle(tx, &vms)?;
        let vms: Vec<Ref<Vm>> = vms.into_iter().map(|(_, this)| this).collect();
        unfinished::settle(tx, &host, &disks, &vms)
    })
    .await?;
    let snapshot = cx.snapshot();
    let all: Vec<Ref<Vm>> = made.vms.iter().map(|(_, this)| this.clone()).collect();
    let whole = |this: &&Ref<Vm>| !snapshot.get(this, vm::is_a_snapshot).unwrap_or(false);
    let shown: Vec<Ref<Vm>> = all.iter().filter(whole).cloned().collect();
    Ok(if shown.is_empty() { all } else { shown })
}

async fn undo(cx: &Cx, made: Made) {
    let (vms, networks, host) = (made.vms, made.networks, cx.host().clone());
    let removed = cx.commit(move |tx| {
        for (_, this) in &vms {
            unfinished::settle(tx, &host, &[], std::slice::from_ref(this))?;
            machine::remove(tx, this)?;
        }
        for this in networks.iter() {
            if tx.get(this, network::VIFs)?.is_empty() {
                tx.destroy(this)?;
            }
        }
        Ok(())
    });
    if let Err(failure) = removed.await {
        tracing::error!(%failure, "the VMs of an import that failed could not be removed");
    }
    for this in made.disks {
        unfinished::abandon(cx, &this).await;
    }
}

/// Takes the archive's parts on the reading thread.
struct Intake {
    cx: Cx,
    options: ImportOptions,
    meter: Meter,
    made: Arc<Mutex<Made>>,
    handle: Handle,
    total: u64,
    done: u64,
}

impl Intake {
    /// Everything has come: disks are durable and whole.
    fn complete(&self) -> Result<()> {
        let made = self.made.lock().unwrap_or_else(|e| e.into_inner());
        for filling in made.volumes.values() {
            if filling.end < filling.volume.bytes() {
                return Err(errors::IMPORT_ERROR_PREMATURE_EOF.bare());
            }
            filling.volume.flush()?;
        }
        Ok(())
    }
}

impl Sink for Intake {
    fn description(&mut self, ova: Ova) -> Result<(), Failure> {
        let made = self.handle.block_on(prepare(&self.cx, &self.options, ova, &self.made))?;
        self.total = made;
        Ok(())
    }

    fn block(&mut self, id: &str, offset: u64, bytes: &[u8]) -> Result<(), Failure> {
        self.meter.bytes(self.done, self.total.max(1))?;
        let mut made = self.made.lock().unwrap_or_else(|e| e.into_inner());
        let Some(filling) = made.volumes.get_mut(id) else {
            return Err(errors::IMPORT_ERROR_FAILED_TO_FIND_OBJECT.with([id]));
        };
        let end = offset.checked_add(bytes.len() as u64);
        let Some(end) = end.filter(|end| *end <= filling.volume.bytes()) else {
            return Err(errors::IMPORT_ERROR.with(["the archive has more of a disk than the disk is large"]));
        };
        self.done += end.saturating_sub(filling.end);
        filling.end = filling.end.max(end);
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        filling.volume.write(offset, bytes)
    }
}

/// Makes everything the description names; answers the bytes that will follow.
async fn prepare(cx: &Cx, options: &ImportOptions, ova: Ova, made: &Mutex<Made>) -> Result<u64> {
    let mut cast = Cast::new(ova);
    let replaced = rows::check(&*cx.snapshot(), &cast, options)?;
    if cast.vms().next().is_none() {
        return Err(errors::IMPORT_ERROR.with(["there is no VM in the archive"]));
    }
    let wanted: Vec<Object> = cast.wanted_disks().into_iter().cloned().collect();
    if options.metadata {
        for object in &wanted {
            match find_disk(&*cx.snapshot(), &cast, object, options) {
                Ok(found) => drop(cast.disks.insert(object.id.clone(), found)),
                Err(failure) if options.force => tracing::warn!(%failure, "a disk of an import is missing"),
                Err(failure) => return Err(failure),
            }
        }
    }
    if options.dry_run {
        return Ok(0);
    }
    for network in cast.of(ClassId::Network).cloned().collect::<Vec<_>>() {
        let here = match find_network(&*cx.snapshot(), &network.snapshot) {
            Some(found) => found,
            None => {
                let fresh = make_network(cx, &network.snapshot).await?;
                held(made).networks.push(fresh.clone());
                fresh
            }
        };
        cast.networks.insert(network.id, here);
    }
    let mut total = 0;
    if !options.metadata {
        let home = home(cx, options)?;
        for object in &wanted {
            cx.check_cancelled()?;
            let fresh = make_disk(cx, &home, &object.snapshot).await?;
            held(made).disks.push(fresh.clone());
            let volume = raw::volume(cx, &fresh).await?;
            total += volume.bytes();
            held(made).volumes.insert(object.id.clone(), Filling { volume, end: 0 });
            cast.disks.insert(object.id.clone(), fresh);
        }
    }
    let task = cx.task_ref().map(|task| task.to_string()).unwrap_or_default();
    let stamp = rows::Stamp { key: cx.task_key(), task };
    let (options, host) = (options.clone(), cx.host().clone());
    let vms = cx
        .commit(move |tx| {
            let vms = rows::write(tx, &cast, &options, &replaced, &stamp)?;
            unfinished::note_guests(tx, &host, vms.iter().map(|(_, this)| this))?;
            Ok(vms)
        })
        .await?;
    held(made).vms = vms;
    announce(cx).await;
    Ok(total)
}

fn held(made: &Mutex<Made>) -> std::sync::MutexGuard<'_, Made> {
    made.lock().unwrap_or_else(|e| e.into_inner())
}

/// Clients wait for this before they look for the new VMs.
async fn announce(cx: &Cx) {
    let Some(task) = cx.task_ref().cloned() else { return };
    let told = cx.commit(move |tx| {
        tx.update(&task, task::other_config, |config| config.set("object_creation".into(), "complete".into()))
    });
    if let Err(failure) = told.await {
        tracing::debug!(%failure, "the task of an import has gone");
    }
}

/// Where disks go.
fn home(cx: &Cx, options: &ImportOptions) -> Result<Ref<Sr>> {
    let snapshot = cx.snapshot();
    let home = match &options.sr {
        Some(sr) => sr.clone(),
        None => {
            let pool = snapshot.all::<classes::Pool>();
            match pool.first() {
                Some(pool) => snapshot.get(pool, classes::pool::default_SR)?,
                None => Ref::null(),
            }
        }
    };
    if snapshot.get(&home, sr::content_type)? == "iso" {
        return Err(errors::SR_OPERATION_NOT_SUPPORTED.bare());
    }
    Ok(home)
}

async fn make_disk(cx: &Cx, home: &Ref<Sr>, told: &Value) -> Result<Ref<Vdi>> {
    let mut config = texts(told, "sm_config");
    // What another driver noted for itself means nothing to this one.
    config.0.retain(|(key, _)| key == "image-format" || key == "type");
    let members = Value::map([
        ("name_label", Value::str(text(told, "name_label"))),
        ("name_description", Value::str(text(told, "name_description"))),
        ("SR", Value::Str(home.text().clone())),
        ("virtual_size", Value::Int(rows::int(told, "virtual_size"))),
        ("type", Value::str(text(told, "type"))),
        ("sharable", Value::Bool(told.get("sharable") == Some(&Value::Bool(true)))),
        ("other_config", texts(told, "other_config").into_value()),
        ("xenstore_data", texts(told, "xenstore_data").into_value()),
        ("tags", told.get("tags").cloned().unwrap_or_else(|| Value::set([]))),
    ]);
    unfinished::create_disk(cx, &overlay(&members, [("sm_config", config.into_value())])).await
}

/// A network of the same name, else on the same bridge.
fn find_network(read: &impl Read, told: &Value) -> Option<Ref<Network>> {
    let by_name = read.by_name(ClassId::Network, &text(told, "name_label"));
    let bridge = text(told, "bridge");
    let by_bridge = || {
        let mut all = read.rows(ClassId::Network);
        let row = all.find(|row| row.record.get::<Network, String>(network::bridge) == bridge)?;
        Some(row.reference.clone())
    };
    by_name.into_iter().next().or_else(by_bridge).map(Ref::new)
}

async fn make_network(cx: &Cx, told: &Value) -> Result<Ref<Network>> {
    let members = Value::map([
        ("name_label", Value::str(text(told, "name_label"))),
        ("name_description", Value::str(text(told, "name_description"))),
        ("MTU", Value::Int(rows::int(told, "MTU"))),
        ("other_config", texts(told, "other_config").into_value()),
    ]);
    link::create(cx.clone(), members).await
}

/// The disk of this pool an object of the archive stands for: as told, else at the same location of the same SR.
fn find_disk(read: &impl Read, cast: &Cast, told: &Object, options: &ImportOptions) -> Result<Ref<Vdi>> {
    let uuid = text(&told.snapshot, "uuid");
    if let Some((_, other)) = options.disks.iter().find(|(from, _)| *from == uuid) {
        let row = read.by_uuid(ClassId::Vdi, other);
        let row = row.ok_or_else(|| errors::UUID_INVALID.with(["VDI", other.as_str()]))?;
        return Ok(Ref::new(row.reference.clone()));
    }
    let home = cast.target(told, "SR").map(|home| text(&home.snapshot, "uuid")).unwrap_or_default();
    let location = text(&told.snapshot, "location");
    let there = read.by_uuid(ClassId::Sr, &home).map(|row| row.reference.clone());
    let found = read.rows(ClassId::Vdi).find(|row| {
        let own: Ref<Sr> = row.record.get::<Vdi, _>(vdi::SR);
        Some(own.text()) == there.as_ref() && row.record.get::<Vdi, String>(vdi::location) == location
    });
    let found = found.ok_or_else(|| errors::VDI_LOCATION_MISSING.with([home, location]))?;
    Ok(Ref::new(found.reference.clone()))
}
