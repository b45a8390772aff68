//! How a disk comes and goes.

use xapi_backend::storage::NewVolume;
use xapi_schema::{
    ClassId, Ref, Result, Value,
    classes::{Host, Sr, StorageOperations, Vdi, VdiOperations, VdiType, Vm, sr, vdi, vm},
    errors,
};
use xapi_store::{Read, Tx};

use super::{place, restat, row, settle};
use crate::{
    Cx, Registry, guard,
    handlers::{overlay, sr as repository, text, texts},
    rules,
    unfinished::{self, Whole},
};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on_create(create);
    on.on_destroy(|cx: Cx, this| async move { destroy(&cx, &this).await });
    on.on_named("VDI.introduce", introduce);
    on.on_named("VDI.pool_introduce", introduce_row);
    on.on_named("VDI.db_introduce", db_introduce);
    on.on(vdi::call::forget, forget);
    on.on(vdi::call::db_forget, db_forget);
    on.on(vdi::call::force_unlock, force_unlock);
    on.on(vdi::call::update, update);
    on.on(vdi::call::generate_config, generate_config);
}

async fn create(cx: Cx, members: Value) -> Result<Ref<Vdi>> {
    create_disk(&cx, &members, Whole::AtOnce).await
}

/// Makes a disk from a constructor's members.
///
/// # Errors
/// VDI_INCOMPATIBLE_TYPE ["", type], SR_HAS_NO_PBDS [sr], those of the driver.
pub async fn create_disk(cx: &Cx, members: &Value, whole: Whole) -> Result<Ref<Vdi>> {
    let home: Ref<Sr> = Ref::new(text(members, "SR"));
    guard::within(cx, &home, StorageOperations::VdiCreate, create_in(cx, &home, members, whole)).await
}

async fn create_in(cx: &Cx, home: &Ref<Sr>, members: &Value, whole: Whole) -> Result<Ref<Vdi>> {
    let kind = text(members, "type");
    if kind == "cbt_metadata" {
        let spelled = rules::vdi_type_text(VdiType::CbtMetadata);
        return Err(errors::VDI_INCOMPATIBLE_TYPE.with(["", spelled]));
    }
    let uuid = repository::usable(cx, home)?;
    let name = text(members, "name_label");
    let size = match members.get("virtual_size") {
        Some(Value::Int(size)) => *size,
        _ => 0,
    };
    let fixed = (kind == "user" && name == "Pool Metadata Backup").then(|| backup_uuid(&uuid));
    let note = unfinished::expect(cx, home, fixed).await?;
    let new = NewVolume {
        uuid: Some(note.uuid.clone()),
        name,
        description: text(members, "name_description"),
        virtual_size: size,
        kind,
        sm_config: texts(members, "sm_config").0,
    };
    let volume = match cx.xapi.backends.storage.create_volume(&uuid, new).await {
        Ok(volume) => volume,
        Err(failure) => {
            note.withdraw(cx).await;
            return Err(failure);
        }
    };
    let (target, members, made) = (home.clone(), members.clone(), volume.clone());
    let (host, noted) = (cx.host().clone(), note.clone());
    let written = cx
        .commit(move |tx| {
            let disk = row::fresh(tx, &target, &made, &members)?;
            noted.arrive(tx, &host, &disk, whole)?;
            settle(tx, &target)?;
            Ok(disk)
        })
        .await;
    match written {
        Ok(disk) => {
            restat(cx, home).await;
            Ok(disk)
        }
        Err(failure) => {
            remove_volume(cx, &uuid, &volume.location, note).await;
            Err(failure)
        }
    }
}

/// A volume without a row would be lost space.
pub(super) async fn remove_volume(cx: &Cx, home: &str, location: &str, note: unfinished::Note) {
    match cx.xapi.backends.storage.destroy_volume(home, location).await {
        Ok(()) => note.withdraw(cx).await,
        Err(failure) => tracing::error!(%failure, location, "a volume without a row stayed behind"),
    }
}

/// The metadata backup of an SR has one fixed uuid, so that it is found again after a disaster.
fn backup_uuid(sr: &str) -> String {
    use md5::{Digest, Md5};
    let digest = Md5::digest(format!("metadata backup of {sr}"));
    uuid::Builder::from_md5_bytes(digest.into()).into_uuid().to_string()
}

/// Destroys a disk with its data.
///
/// # Errors
/// VDI_IN_USE [vdi, destroy], VDI_NOT_MANAGED [vdi], SR_HAS_NO_PBDS [sr], those of the driver.
pub async fn destroy(cx: &Cx, this: &Ref<Vdi>) -> Result<()> {
    remove_disk(cx, this, false).await
}

/// As [`destroy`], for a disk noted as unfinished or as going: its data may be gone already.
///
/// # Errors
/// As [`destroy`].
pub async fn destroy_condemned(cx: &Cx, this: &Ref<Vdi>) -> Result<()> {
    remove_disk(cx, this, true).await
}

async fn remove_disk(cx: &Cx, this: &Ref<Vdi>, condemned: bool) -> Result<()> {
    let home = cx.snapshot().get(this, vdi::SR)?;
    let uuid = cx.snapshot().get(this, vdi::uuid)?;
    let work = async {
        let place = place(cx, this)?;
        if !condemned {
            // From here on the row is only what is left of the disk.
            let (host, target) = (cx.host().clone(), this.clone());
            cx.commit(move |tx| unfinished::condemn(tx, &host, &[target])).await?;
        }
        let gone = cx.xapi.backends.storage.destroy_volume(&place.sr, &place.location).await;
        let (host, target, home) = (cx.host().clone(), this.clone(), home.clone());
        let uuid = uuid.clone();
        match gone {
            Err(failure) if condemned && failure.is(&errors::VDI_MISSING) => {}
            Err(failure) if condemned => return Err(failure),
            Err(failure) => {
                cx.commit(move |tx| unfinished::spare(tx, &host, &target)).await?;
                return Err(failure);
            }
            Ok(()) => {}
        }
        cx.commit(move |tx| {
            if !tx.exists(&target) {
                // Its driver took the row away itself.
                unfinished::gone(tx, &host, &uuid)?;
                return settle(tx, &home);
            }
            unfinished::spare(tx, &host, &target)?;
            remove(tx, &target)?;
            settle(tx, &home)
        })
        .await
    };
    super::within_both(cx, this, StorageOperations::VdiDestroy, VdiOperations::Destroy, work).await?;
    restat(cx, &home).await;
    cx.xapi.garbage.notify_one();
    Ok(())
}

/// Removes the row of a disk, its VBDs, and what else points at it.
fn remove(tx: &mut Tx, this: &Ref<Vdi>) -> Result<()> {
    let devices = tx.get(this, vdi::VBDs)?;
    tx.destroy(this)?;
    for device in devices {
        crate::handlers::vbd::remove(tx, &device)?;
    }
    let suspended = tx.all::<Vm>();
    for guest in suspended {
        if tx.get(&guest, vm::suspend_VDI)? == *this {
            tx.set(&guest, vm::suspend_VDI, Ref::null())?;
        }
    }
    // A snapshot outlives its origin and then is a snapshot of nothing.
    let snapshots = tx.all::<Vdi>();
    for disk in snapshots {
        if tx.get(&disk, vdi::snapshot_of)? == *this {
            tx.set(&disk, vdi::snapshot_of, Ref::null())?;
        }
    }
    Ok(())
}

/// Only the row goes; the data stays where it is.
async fn forget(cx: Cx, this: Ref<Vdi>) -> Result<()> {
    let target = this.clone();
    let work = cx.commit(move |tx| {
        let home = tx.get(&target, vdi::SR)?;
        tx.destroy(&target)?;
        settle(tx, &home)
    });
    guard::within(&cx, &this, VdiOperations::Forget, work).await
}

/// A storage driver tells that a disk is gone.
async fn db_forget(cx: Cx, this: Ref<Vdi>) -> Result<()> {
    let home = cx.snapshot().get(&this, vdi::SR)?;
    repository::assert_driver(&cx, &home)?;
    cx.commit(move |tx| {
        remove(tx, &this)?;
        settle(tx, &home)
    })
    .await
}

async fn force_unlock(_: Cx, _: Ref<Vdi>) -> Result<()> {
    Err(errors::MESSAGE_DEPRECATED.bare())
}

/// A location belongs to one row only.
fn assert_location_free(read: &impl Read, home: &Ref<Sr>, location: &str) -> Result<()> {
    for disk in read.get(home, sr::VDIs)? {
        if read.get(&disk, vdi::location)? == location {
            return Err(errors::LOCATION_NOT_UNIQUE.with([home.as_str(), location]));
        }
    }
    Ok(())
}

/// The driver knows the volume already; it only gets a row.
async fn introduce(cx: Cx, args: Value) -> Result<Ref<Vdi>> {
    let home: Ref<Sr> = Ref::new(text(&args, "SR"));
    guard::within(&cx, &home, StorageOperations::VdiIntroduce, introduce_in(&cx, &home, args)).await
}

async fn introduce_in(cx: &Cx, home: &Ref<Sr>, args: Value) -> Result<Ref<Vdi>> {
    let uuid = repository::usable(cx, home)?;
    let location = text(&args, "location");
    assert_location_free(&*cx.snapshot(), home, &location)?;
    let config = texts(&args, "sm_config").0;
    let storage = &cx.xapi.backends.storage;
    let mut volume = storage.introduce_volume(&uuid, &location, &text(&args, "uuid"), &config).await?;
    for (field, name) in [(&mut volume.name, "name_label"), (&mut volume.description, "name_description")] {
        let given = text(&args, name);
        if !given.is_empty() {
            *field = given;
        }
    }
    let known = [
        ("name_label", Value::str(volume.name.as_str())),
        ("name_description", Value::str(volume.description.as_str())),
    ];
    let members = overlay(&args, known);
    let target = home.clone();
    cx.commit(move |tx| {
        let disk = row::fresh(tx, &target, &volume, &members)?;
        settle(tx, &target)?;
        Ok(disk)
    })
    .await
}

/// Only a row, as given.
async fn introduce_row(cx: Cx, args: Value) -> Result<Ref<Vdi>> {
    let home: Ref<Sr> = Ref::new(text(&args, "SR"));
    let (uuid, location) = (text(&args, "uuid"), text(&args, "location"));
    if uuid::Uuid::parse_str(&uuid).is_err() {
        return Err(errors::UUID_INVALID.with(["VDI", &uuid]));
    }
    cx.commit(move |tx| {
        assert_location_free(tx, &home, &location)?;
        let disk = Ref::new(tx.create_value(ClassId::Vdi, None, &args)?);
        rules::refresh(tx, &disk)?;
        settle(tx, &home)?;
        Ok(disk)
    })
    .await
}

/// Rows a storage driver writes in a session of its own.
async fn db_introduce(cx: Cx, args: Value) -> Result<Ref<Vdi>> {
    if !cx.session.pool && !cx.session.superuser {
        return Err(errors::PERMISSION_DENIED.with([""]));
    }
    if cx.session.driver_of.is_some() {
        repository::assert_driver(&cx, &Ref::new(text(&args, "SR")))?;
    }
    introduce_row(cx, args).await
}

async fn update(cx: Cx, this: Ref<Vdi>) -> Result<()> {
    let work = async {
        let place = place(&cx, &this)?;
        repository::assert_free(&*cx.snapshot(), &place.home)?;
        let storage = &cx.xapi.backends.storage;
        storage.records_changed(&place.sr, &place.location).await?;
        let volume = storage.stat_volume(&place.sr, &place.location).await?;
        let target = this.clone();
        cx.commit(move |tx| {
            tx.set(&target, vdi::virtual_size, volume.virtual_size)?;
            tx.set(&target, vdi::physical_utilisation, volume.physical_utilisation)?;
            settle(tx, &place.home)
        })
        .await
    };
    guard::within(&cx, &this, VdiOperations::Update, work).await
}

/// What the driver says a host attaches the disk by when there is no toolstack to ask.
async fn generate_config(cx: Cx, home: Ref<Host>, this: Ref<Vdi>) -> Result<String> {
    cx.snapshot().record(&home)?;
    let work = async {
        let place = place(&cx, &this)?;
        cx.xapi.backends.storage.generate_config(&place.sr, &place.location).await
    };
    guard::within(&cx, &this, VdiOperations::GenerateConfig, work).await
}
