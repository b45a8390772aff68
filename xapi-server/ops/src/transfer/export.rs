//! A VM as an archive on its way out.

use xapi_schema::{
    ClassId, Failure, Map, Ref, Result,
    classes::{Vm, VmOperations, host, vm},
    errors,
};
use xapi_store::Read;
use xapi_xva::{Compression, EXPORT_VERSION, Error, Ova, Version, Writer};

use super::{
    Download, Hold, broken,
    describe::{Description, Scope, describe},
    hold, raw,
    volume::Volume,
};
use crate::{
    Cx,
    guard::{self, Claim, Patience},
    meter::Meter,
    rules::Asked,
};

/// How a VM goes out.
#[derive(Debug, Clone, Default)]
pub struct ExportOptions {
    /// How the archive is compressed.
    pub compression: Compression,
    /// A suspended VM stays one, with its memory.
    pub preserve_power_state: bool,
}

/// The API's failure for one of an archive.
pub(super) fn refused(error: Error) -> Failure {
    match error {
        Error::Io(error) => broken(error),
        Error::Refused(failure) => failure,
        Error::Ended => errors::IMPORT_ERROR_PREMATURE_EOF.bare(),
        Error::Unexpected(wanted, found) => errors::IMPORT_ERROR_UNEXPECTED_FILE.with([wanted, found]),
        Error::Description(text) => errors::IMPORT_ERROR.with([text]),
        Error::Newer(_) => errors::IMPORT_INCOMPATIBLE_VERSION.bare(),
        Error::Checksums(_) => errors::IMPORT_ERROR_SOME_CHECKSUMS_FAILED.bare(),
    }
}

/// Writes the blocks of a volume; stretches without data are never read.
pub(super) fn write_disk<W: std::io::Write>(
    archive: &mut Writer<W>,
    directory: &str,
    source: &Volume,
    mut done: impl FnMut(u64) -> Result<()>,
) -> Result<(), Error> {
    let fill = |offset: u64, block: &mut [u8]| {
        if !source.has_data(offset, block.len() as u64) {
            return Ok(false);
        }
        source.read(offset, block).map(|()| true).map_err(Error::Refused)
    };
    archive.disk(directory, source.bytes(), fill, |at| done(at).map_err(Error::Refused))
}

/// The head of an archive this server writes now.
fn version(cx: &Cx) -> Version {
    let software: Map<String, String> =
        cx.snapshot().get(cx.host(), host::software_version).unwrap_or_default();
    let known = |key: &str| software.get(key).cloned().unwrap_or_default();
    Version {
        hostname: "localhost".into(),
        date: cx.clock().date(),
        product_version: known("product_version"),
        product_brand: known("product_brand"),
        build_number: known("build_number"),
        xapi: toolstack(&known("xapi")),
        export: EXPORT_VERSION,
    }
}

/// `26.17`, as the host tells it.
fn toolstack(text: &str) -> (i64, i64) {
    let mut parts = text.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

/// Sends a VM with its disks. It may not change meanwhile.
///
/// # Errors
/// VM_BAD_POWER_STATE [vm, expected, actual], VDI_IO_ERROR [text], TASK_CANCELLED [task].
pub async fn export(cx: &Cx, this: &Ref<Vm>, options: &ExportOptions, to: Download) -> Result<()> {
    let work = async {
        let snapshot = cx.snapshot();
        let scope = Scope { preserve_power_state: options.preserve_power_state, ..Scope::default() };
        let described = describe(&*snapshot, std::slice::from_ref(this), &scope);
        let mut holds = Vec::new();
        let outcome = send_held(cx, options, described, to, &mut holds).await;
        for hold in holds {
            hold.release().await;
        }
        outcome
    };
    guard::within_as(cx, this, VmOperations::Export, Asked::Guard, Patience::Short, work).await
}

async fn send_held(
    cx: &Cx,
    options: &ExportOptions,
    described: Description,
    to: Download,
    holds: &mut Vec<Hold>,
) -> Result<()> {
    let mut disks = Vec::new();
    for (name, disk) in &described.disks {
        holds.push(hold(cx, disk).await?);
        disks.push((name.clone(), raw::volume(cx, disk).await?));
    }
    let ova = Ova { version: version(cx), objects: described.objects };
    let (compression, now) = (options.compression, moment(cx));
    let meter = Meter::new(cx);
    let told = meter.clone();
    let sending = tokio::task::spawn_blocking(move || send(&ova, &disks, compression, now, to, &told));
    meter.follow(cx, async { sending.await.unwrap_or_else(|_| Err(crate::task::panicked())) }).await
}

fn moment(cx: &Cx) -> u64 {
    u64::try_from(cx.clock().date().unix()).unwrap_or(0)
}

fn send(
    ova: &Ova,
    disks: &[(String, Volume)],
    compression: Compression,
    now: u64,
    mut to: Download,
    meter: &Meter,
) -> Result<()> {
    let all: u64 = disks.iter().map(|(_, disk)| disk.bytes()).sum();
    let mut before = 0;
    let mut archive = Writer::new(&mut to, compression, now).map_err(refused)?;
    archive.description(ova).map_err(refused)?;
    for (name, disk) in disks {
        write_disk(&mut archive, name, disk, |at| meter.bytes(before + at, all)).map_err(refused)?;
        before += disk.bytes();
    }
    archive.finish().map_err(refused)?;
    to.end().map_err(broken)
}

/// Describes VMs without their disks: a whole archive, small enough to be sent at once.
///
/// # Errors
/// OTHER_OPERATION_IN_PROGRESS and what else forbids a look at a VM.
pub async fn export_metadata(
    cx: &Cx,
    vms: &[Ref<Vm>],
    snapshots: bool,
    excluded: Vec<ClassId>,
) -> Result<Vec<u8>> {
    let all = vms
        .iter()
        .map(|this| Claim::one(cx, this, VmOperations::MetadataExport, Asked::Guard, Patience::Short));
    let all = all.collect();
    guard::under(cx, async |marks| {
        marks.enter(all).await?;
        let scope = Scope { preserve_power_state: true, snapshots, excluded };
        let objects = describe(&*cx.snapshot(), vms, &scope).objects;
        let mut bytes = Vec::new();
        let mut archive = Writer::new(&mut bytes, Compression::None, moment(cx)).map_err(refused)?;
        archive.description(&Ova { version: version(cx), objects }).map_err(refused)?;
        archive.finish().map_err(refused)?;
        Ok(bytes)
    })
    .await
}

/// All VMs but those every server has.
pub fn all_vms(read: &impl Read, with_control_domain: bool) -> Vec<Ref<Vm>> {
    let mut all = read.all::<Vm>();
    all.retain(|this| {
        read.record(this).is_ok_and(|record| {
            !record.get(vm::is_default_template)
                && !record.get(vm::is_a_snapshot)
                && (with_control_domain || !record.get(vm::is_control_domain))
        })
    });
    all
}
