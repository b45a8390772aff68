//! Full copies and new sizes.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use xapi_schema::{
    ApiType, Ref, Result, Value,
    classes::{Sr, StorageOperations, Vdi, VdiOperations, vdi},
    errors,
};
use xapi_store::Read;

use super::{place, restat, settle, weigh, within_both};
use crate::{
    Cx, Registry, guard, transfer,
    unfinished::{self, Whole},
};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(vdi::call::copy, |cx: Cx, this, home, base: Ref<Vdi>, into| async move {
        copy_over(&cx, &this, &home, &base, &into).await
    });
    on.on(vdi::call::resize, resize);
    on.on(vdi::call::resize_online, resize_online);
}

/// Copies a disk into another SR, or into a disk that is there.
async fn copy_over(
    cx: &Cx,
    this: &Ref<Vdi>,
    home: &Ref<Sr>,
    base: &Ref<Vdi>,
    into: &Ref<Vdi>,
) -> Result<Ref<Vdi>> {
    let work = copy_within(cx, this, home, base, into, Whole::AtOnce);
    guard::within(cx, this, VdiOperations::Copy, work).await
}

/// Copies a disk into another SR.
///
/// # Errors
/// VDI_NOT_MANAGED [vdi], those of the drivers.
pub async fn copy(cx: &Cx, this: &Ref<Vdi>, home: &Ref<Sr>, whole: Whole) -> Result<Ref<Vdi>> {
    let null = Ref::null();
    guard::within(cx, this, VdiOperations::Copy, copy_within(cx, this, home, &null, &null, whole)).await
}

/// As [`copy`], also into a disk that is there, under a mark of the caller's.
///
/// # Errors
/// VDI_READONLY [into], VDI_IN_USE [into, import], VDI_TOO_SMALL [into, size], and as [`copy`].
pub async fn copy_within(
    cx: &Cx,
    this: &Ref<Vdi>,
    home: &Ref<Sr>,
    base: &Ref<Vdi>,
    into: &Ref<Vdi>,
    whole: Whole,
) -> Result<Ref<Vdi>> {
    let hold = transfer::hold(cx, this).await?;
    let outcome = copy_to(cx, this, home, base, into, whole).await;
    hold.release().await;
    outcome
}

async fn copy_to(
    cx: &Cx,
    this: &Ref<Vdi>,
    home: &Ref<Sr>,
    base: &Ref<Vdi>,
    into: &Ref<Vdi>,
    whole: Whole,
) -> Result<Ref<Vdi>> {
    // Before a target is made.
    place(cx, this)?;
    let record = cx.snapshot().record(this)?.clone();
    if !base.is_null() {
        cx.snapshot().record(base)?;
    }
    let size = record.get(vdi::virtual_size);
    let (target, fresh) = if into.is_null() {
        let members = Value::map([
            ("name_label", record.get(vdi::name_label).into_value()),
            ("name_description", record.get(vdi::name_description).into_value()),
            ("SR", Value::Str(home.text().clone())),
            ("virtual_size", Value::Int(size)),
            ("type", record.get(vdi::r#type).into_value()),
            ("sharable", record.get(vdi::sharable).into_value()),
            ("other_config", record.get(vdi::other_config).into_value()),
            ("xenstore_data", record.get(vdi::xenstore_data).into_value()),
            ("tags", record.get(vdi::tags).into_value()),
        ]);
        (unfinished::create_disk(cx, &members).await?, true)
    } else {
        if cx.snapshot().get(into, vdi::virtual_size)? < size {
            return Err(errors::VDI_TOO_SMALL.with([into.to_string(), size.to_string()]));
        }
        (into.clone(), false)
    };
    // A target that is there holds the base already; a new one needs everything.
    let copied = match fresh || base.is_null() {
        true => pour(cx, this, &target).await,
        false => transfer::copy_delta(cx, this, base, &target).await,
    };
    if copied.is_err() && fresh {
        unfinished::abandon(cx, &target).await;
    }
    copied?;
    let (source, made, host) = (this.clone(), target.clone(), cx.host().clone());
    cx.commit(move |tx| {
        if !fresh || whole == Whole::AtOnce {
            unfinished::settle(tx, &host, std::slice::from_ref(&made), &[])?;
        }
        let content = tx.get(&source, vdi::other_config)?.get("content_id").cloned();
        let content = content.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        tx.update(&made, vdi::other_config, |config| config.set("content_id".into(), content))
    })
    .await?;
    weigh(cx, &target).await;
    Ok(target)
}

/// Moves the bytes, reporting progress and listening for a cancel.
async fn pour(cx: &Cx, this: &Ref<Vdi>, target: &Ref<Vdi>) -> Result<()> {
    let (from, to) = (place(cx, this)?, place(cx, target)?);
    let done = Arc::new(AtomicU64::new(0));
    let (seen, task) = (done.clone(), cx.task.clone());
    let progress = Box::new(move |part: f64| {
        seen.store((part * 1_000.0) as u64, Ordering::Relaxed);
        !task.is_cancelled()
    });
    let hold = transfer::hold_to_write(cx, target).await?;
    let storage = &cx.xapi.backends.storage;
    let copied =
        follow(cx, &done, storage.copy_volume((&from.sr, &from.location), (&to.sr, &to.location), progress))
            .await;
    hold.release().await;
    copied
}

/// Says now and then how far a copy is.
async fn follow(cx: &Cx, done: &AtomicU64, work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::pin!(work);
    let mut tick = tokio::time::interval(std::time::Duration::from_secs(1));
    tick.tick().await;
    loop {
        tokio::select! {
            outcome = &mut work => {
                cx.check_cancelled()?;
                return outcome;
            }
            _ = tick.tick() => cx.progress(done.load(Ordering::Relaxed) as f64 / 1_000.0).await,
        }
    }
}

async fn resize(cx: Cx, this: Ref<Vdi>, size: i64) -> Result<()> {
    let work = grow(&cx, &this, size);
    within_both(&cx, &this, StorageOperations::VdiResize, VdiOperations::Resize, work).await
}

async fn resize_online(cx: Cx, this: Ref<Vdi>, size: i64) -> Result<()> {
    let work = grow(&cx, &this, size);
    within_both(&cx, &this, StorageOperations::VdiResize, VdiOperations::ResizeOnline, work).await
}

async fn grow(cx: &Cx, this: &Ref<Vdi>, size: i64) -> Result<()> {
    let place = place(cx, this)?;
    unfinished::change(cx, this).await?;
    let grown = cx.xapi.backends.storage.resize_volume(&place.sr, &place.location, size).await;
    let (host, target, home) = (cx.host().clone(), this.clone(), place.home.clone());
    let volume = match grown {
        Ok(volume) => volume,
        Err(failure) => {
            cx.commit(move |tx| unfinished::changed(tx, &host, &target)).await?;
            return Err(failure);
        }
    };
    cx.commit(move |tx| {
        unfinished::changed(tx, &host, &target)?;
        tx.set(&target, vdi::virtual_size, volume.virtual_size)?;
        tx.set(&target, vdi::physical_utilisation, volume.physical_utilisation)?;
        settle(tx, &home)
    })
    .await?;
    restat(cx, &place.home).await;
    Ok(())
}
