//! One disk out or in: raw bytes, VHD, qcow2, or blocks in a tar archive.

use std::io::Read;

use xapi_schema::{
    Ref, Result, Value,
    classes::{Sr, Vdi, VdiOperations, sr, vdi},
    errors,
};
use xapi_store::Read as _;
use xennix_disk::{
    convert::{Qcow2Stream, VhdStream, export_qcow2, export_raw, export_vhd, import_raw},
    source::Source,
    vhd::create::{NewImage, ParentRef},
};

use super::{
    Download, Upload, assert_bytes, broken, failure, hold, hold_to_write,
    volume::{Delta, Marked, Sparse, Volume, changed, known_difference},
};
use crate::{Cx, guard, meter::Meter, unfinished};

/// Largest disk a VHD can hold, bytes.
const VHD_LIMIT: u64 = 2_040 << 30;

/// How a disk looks on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Every byte.
    Raw,
    /// A dynamic VHD.
    Vhd,
    /// Blocks with checksums in a tar archive.
    Tar,
    /// qcow2.
    Qcow2,
}

impl Format {
    /// What a client asks for, in any case; raw when it does not say.
    pub fn parse(text: Option<&str>) -> Option<Format> {
        match text.map(str::to_ascii_lowercase).as_deref() {
            None | Some("" | "raw") => Some(Format::Raw),
            Some("vhd") => Some(Format::Vhd),
            Some("tar") => Some(Format::Tar),
            Some("qcow2") => Some(Format::Qcow2),
            Some(_) => None,
        }
    }

    /// Ending of file names.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Raw => "raw",
            Format::Vhd => "vhd",
            Format::Tar => "tar",
            Format::Qcow2 => "qcow2",
        }
    }

    /// Type of the content.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Raw => "application/octet-stream",
            Format::Vhd => "application/vhd",
            Format::Tar => "application/x-tar",
            Format::Qcow2 => "application/x-qemu-disk",
        }
    }
}

/// Which disk goes out, and how.
#[derive(Debug, Clone)]
pub struct RawExport {
    /// The disk.
    pub disk: Ref<Vdi>,
    /// How it looks.
    pub format: Format,
    /// Only what differs from this disk.
    pub base: Option<Ref<Vdi>>,
}

/// Which disk comes in, and how.
#[derive(Debug, Clone)]
pub struct RawImport {
    /// The disk that is overwritten.
    pub disk: Ref<Vdi>,
    /// How it looks.
    pub format: Format,
    /// Pieces with their offsets instead of one stream.
    pub chunked: bool,
}

/// The volume of a disk this host reaches.
///
/// # Errors
/// SR_HAS_NO_PBDS [sr] and the other reasons an SR can't be used, those of the driver.
pub(super) async fn volume(cx: &Cx, disk: &Ref<Vdi>) -> Result<Volume> {
    let snapshot = cx.snapshot();
    let record = snapshot.record(disk)?;
    let home: Ref<Sr> = record.get(vdi::SR);
    crate::handlers::sr::plugged(&*snapshot, &home)?;
    let (home, location) = (snapshot.get(&home, sr::uuid)?, record.get(vdi::location));
    Volume::open(&cx.xapi.backends.storage, &home, &location).await
}

/// Sends a disk. Nobody may destroy or resize it meanwhile.
///
/// # Errors
/// VDI_IN_USE [vdi, copy] and what else forbids a copy, VDI_TOO_LARGE [vdi, limit], VDI_IO_ERROR [text],
/// TASK_CANCELLED [task].
pub async fn export_disk(cx: &Cx, what: RawExport, to: Download) -> Result<()> {
    let disk = what.disk.clone();
    let work = async {
        let hold = hold(cx, &what.disk).await?;
        let outcome = send_held(cx, what, to).await;
        hold.release().await;
        outcome
    };
    guard::within(cx, &disk, VdiOperations::Copy, work).await
}

/// What an export is relative to: its view of the disk, and the uuid of the base.
type Seen = (Box<dyn Source>, uuid::Uuid);

async fn send_held(cx: &Cx, what: RawExport, to: Download) -> Result<()> {
    let source = volume(cx, &what.disk).await?;
    if what.format == Format::Vhd && source.bytes() > VHD_LIMIT {
        return Err(errors::VDI_TOO_LARGE.with([what.disk.to_string(), VHD_LIMIT.to_string()]));
    }
    let uuid = uuid_of(cx, &what.disk)?;
    let base = match &what.base {
        Some(base) => Some((delta(cx, &what.disk, base).await?, uuid_of(cx, base)?)),
        None => None,
    };
    let meter = Meter::new(cx);
    let told = meter.clone();
    let sending = tokio::task::spawn_blocking(move || send(what.format, source, uuid, base, to, &told));
    meter.follow(cx, async { sending.await.unwrap_or_else(|_| Err(crate::task::panicked())) }).await
}

/// A disk as it differs from another one: by what the driver noted, else by comparing every byte.
async fn delta(cx: &Cx, this: &Ref<Vdi>, base: &Ref<Vdi>) -> Result<Box<dyn Source>> {
    let disk = volume(cx, this).await?;
    match changed(cx, base, this).await {
        Ok(changes) => Ok(Box::new(Marked { disk, changes })),
        Err(failure) => {
            tracing::debug!(%failure, "changes are found by comparing");
            assert_bytes(cx, base)?;
            let within = known_difference(cx, base, this).await;
            Ok(Box::new(Delta { disk, base: volume(cx, base).await?, within }))
        }
    }
}

/// Writes into a disk that holds the same as `base` what makes it hold the same as `this`.
///
/// # Errors
/// Those of [`hold_to_write`], VDI_IO_ERROR [text], TASK_CANCELLED [task], those of the drivers.
pub async fn copy_delta(cx: &Cx, this: &Ref<Vdi>, base: &Ref<Vdi>, into: &Ref<Vdi>) -> Result<()> {
    let hold = hold_to_write(cx, into).await?;
    let work = async {
        let (source, mut target) = (delta(cx, this, base).await?, volume(cx, into).await?);
        let meter = Meter::new(cx);
        let (told, size) = (meter.clone(), source.size());
        let copying = tokio::task::spawn_blocking(move || {
            let mut progress = |done| told.bytes(done, size).map_err(|f| std::io::Error::other(f).into());
            xennix_disk::convert::copy(&*source, &mut target, false, &mut progress).map_err(failure)
        });
        meter.follow(cx, async { copying.await.unwrap_or_else(|_| Err(crate::task::panicked())) }).await
    };
    let outcome = work.await;
    hold.release().await;
    outcome
}

/// MD5 of all bytes of a disk.
///
/// # Errors
/// VDI_IN_USE [vdi, copy], VDI_INCOMPATIBLE_TYPE [vdi, type], VDI_IO_ERROR [text], TASK_CANCELLED [task].
pub async fn checksum(cx: &Cx, this: &Ref<Vdi>) -> Result<String> {
    assert_bytes(cx, this)?;
    let hold = hold(cx, this).await?;
    let work = async {
        let source = volume(cx, this).await?;
        let meter = Meter::new(cx);
        let told = meter.clone();
        let reading = tokio::task::spawn_blocking(move || {
            use md5::{Digest, Md5};
            let (mut sum, size) = (Sum(Md5::new()), source.bytes());
            let mut progress = |done| told.bytes(done, size).map_err(|f| std::io::Error::other(f).into());
            export_raw(&source, &mut sum, &mut progress).map_err(failure)?;
            Ok(sum.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
        });
        meter.follow(cx, async { reading.await.unwrap_or_else(|_| Err(crate::task::panicked())) }).await
    };
    let outcome = work.await;
    hold.release().await;
    outcome
}

/// Takes bytes into a digest.
struct Sum<D>(D);

impl<D: md5::Digest> std::io::Write for Sum<D> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn uuid_of(cx: &Cx, disk: &Ref<Vdi>) -> Result<uuid::Uuid> {
    let text = cx.snapshot().get(disk, vdi::uuid)?;
    uuid::Uuid::parse_str(&text).map_err(|_| errors::UUID_INVALID.with(["VDI", &text]))
}

fn send(
    format: Format,
    source: Volume,
    uuid: uuid::Uuid,
    base: Option<Seen>,
    mut to: Download,
    meter: &Meter,
) -> Result<()> {
    let size = source.bytes();
    let mut progress = |done| meter.bytes(done, size).map_err(|f| std::io::Error::other(f).into());
    match format {
        Format::Raw => export_raw(&source, &mut to, &mut progress).map_err(failure)?,
        Format::Tar => blocks(&source, &mut to, meter)?,
        Format::Vhd => {
            let parent = base.as_ref().map(|(_, of)| ParentRef { uuid: *of, name: format!("{of}.vhd") });
            let image = NewImage { uuid, ..NewImage::new(size, parent) };
            match base {
                Some((seen, _)) => export_vhd(&*seen, &image, &mut to, &mut progress),
                None => export_vhd(&source, &image, &mut to, &mut progress),
            }
            .map_err(failure)?;
        }
        Format::Qcow2 => {
            match base {
                Some((seen, of)) => {
                    let name = format!("{of}.qcow2");
                    export_qcow2(&*seen, Some(&name), &mut to, &mut progress)
                }
                None => export_qcow2(&source, None, &mut to, &mut progress),
            }
            .map_err(failure)?;
        }
    }
    to.end().map_err(broken)
}

/// The blocks of an archive without its description.
fn blocks(source: &Volume, to: &mut Download, meter: &Meter) -> Result<()> {
    let mut archive =
        xapi_xva::Writer::new(to, xapi_xva::Compression::None, 0).map_err(super::export::refused)?;
    super::export::write_disk(&mut archive, "vdi", source, |done| meter.bytes(done, source.bytes()))
        .map_err(super::export::refused)?;
    archive.finish().map_err(super::export::refused)
}

/// Overwrites a disk with what comes in. A whole image replaces everything; a differencing one, pieces and a raw
/// stream that is shorter than the disk change only what they hold.
///
/// # Errors
/// Those of [`hold_to_write`], VDI_IO_ERROR [text] for what is no image or too large, TASK_CANCELLED [task].
pub async fn import_disk(cx: &Cx, what: RawImport, from: Upload) -> Result<()> {
    let disk = what.disk.clone();
    let hold = hold_to_write(cx, &disk).await?;
    let work = async {
        let target = volume(cx, &what.disk).await?;
        let meter = Meter::new(cx);
        let told = meter.clone();
        let taking = tokio::task::spawn_blocking(move || take(&what, target, from, &told));
        meter.follow(cx, async { taking.await.unwrap_or_else(|_| Err(crate::task::panicked())) }).await
    };
    let outcome = work.await;
    hold.release().await;
    crate::handlers::vdi::weigh(cx, &disk).await;
    outcome
}

/// Makes a disk of the bytes that come in, `length` of them.
///
/// # Errors
/// Those of a new disk and of [`import_disk`]; the disk is destroyed again.
pub async fn import_new_disk(cx: &Cx, home: &Ref<Sr>, length: u64, from: Upload) -> Result<Ref<Vdi>> {
    let size = length.checked_next_multiple_of(512).and_then(|size| i64::try_from(size).ok());
    let size = size.ok_or_else(|| errors::VDI_IO_ERROR.with(["the disk is too large"]))?;
    let members = Value::map([
        ("name_label", Value::str("Imported VDI")),
        ("name_description", Value::EMPTY),
        ("SR", Value::Str(home.text().clone())),
        ("virtual_size", Value::Int(size)),
        ("type", Value::str("user")),
    ]);
    let disk = unfinished::create_disk(cx, &members).await?;
    let what = RawImport { disk: disk.clone(), format: Format::Raw, chunked: false };
    match import_disk(cx, what, from).await {
        Ok(()) => unfinished::finish(cx, &disk).await.map(|()| disk),
        Err(failure) => {
            unfinished::abandon(cx, &disk).await;
            Err(failure)
        }
    }
}

fn take(what: &RawImport, mut target: Volume, mut from: Upload, meter: &Meter) -> Result<()> {
    let size = target.bytes();
    let mut progress = |done| meter.bytes(done, size).map_err(|f| std::io::Error::other(f).into());
    match what.format {
        Format::Raw if what.chunked => pieces(&target, &mut from, meter),
        Format::Raw => {
            let mut target = Sparse(target);
            import_raw(&mut from, &mut target, false, &mut progress).map_err(failure)?;
            target.0.flush()
        }
        Format::Vhd => {
            let stream = VhdStream::open(from).map_err(failure)?;
            let differencing = stream.footer().kind == xennix_disk::vhd::footer::Kind::Differencing;
            if stream.footer().current_size > size {
                return Err(errors::VDI_TOO_SMALL.with([what.disk.to_string(), size.to_string()]));
            }
            if !differencing {
                target.wipe(|| meter.bytes(0, size))?;
            }
            stream.copy_to(&mut target, !differencing, &mut progress).map_err(failure)
        }
        Format::Qcow2 => {
            let stream = Qcow2Stream::open(from).map_err(failure)?;
            if stream.size() > size {
                return Err(errors::VDI_TOO_SMALL.with([what.disk.to_string(), size.to_string()]));
            }
            let whole = stream.backing().is_none();
            match stream.backing() {
                Some(name) => assert_backed(name, &target)?,
                None => target.wipe(|| meter.bytes(0, size))?,
            }
            stream.copy_to(&mut target, whole, &mut progress).map_err(failure)
        }
        Format::Tar => {
            target.wipe(|| meter.bytes(0, size))?;
            let mut filling = Filling { target, end: 0, meter };
            xapi_xva::read_blocks(from, &mut filling).map_err(super::export::refused)?;
            // The last block is always there.
            if filling.end < size {
                return Err(errors::IMPORT_ERROR_PREMATURE_EOF.bare());
            }
            filling.target.flush()
        }
    }
}

/// What an image says only in part goes over a disk that holds the rest already. Toolstacks name what an image is
/// based on by its uuid; any other name is a file somebody else has, and an empty disk is not a copy of it.
fn assert_backed(name: &str, target: &Volume) -> Result<()> {
    let stem = name.rsplit('/').next().and_then(|name| name.split('.').next()).unwrap_or_default();
    if uuid::Uuid::parse_str(stem).is_err() && !target.has_data(0, target.bytes()) {
        let why =
            format!("the image holds only what differs from {name}: merge them, or import {name} first");
        return Err(errors::VDI_IO_ERROR.with([why]));
    }
    Ok(())
}

/// A disk that takes blocks of an archive.
struct Filling<'a> {
    target: Volume,
    end: u64,
    meter: &'a Meter,
}

impl xapi_xva::Sink for Filling<'_> {
    fn description(&mut self, _: xapi_xva::Ova) -> Result<()> {
        Err(errors::IMPORT_ERROR.with(["a VM stands where a disk should"]))
    }

    fn block(&mut self, _: &str, offset: u64, bytes: &[u8]) -> Result<()> {
        let size = self.target.bytes();
        let end = offset.checked_add(bytes.len() as u64).filter(|end| *end <= size);
        let Some(end) = end else {
            return Err(errors::VDI_IO_ERROR.with(["the archive has more of a disk than the disk is large"]));
        };
        self.end = self.end.max(end);
        self.meter.bytes(end, size)?;
        if bytes.iter().all(|byte| *byte == 0) { Ok(()) } else { self.target.write(offset, bytes) }
    }
}

/// Pieces, each behind its offset (8 bytes) and length (4 bytes), little-endian; zeros for both end the stream.
fn pieces(target: &Volume, from: &mut Upload, meter: &Meter) -> Result<()> {
    let early = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => errors::VDI_IO_ERROR.with(["the stream ended early"]),
        _ => broken(error),
    };
    let mut buffer = vec![0; 1 << 20];
    loop {
        let (mut offset, mut length) = ([0; 8], [0; 4]);
        from.read_exact(&mut offset).map_err(early)?;
        from.read_exact(&mut length).map_err(early)?;
        let (mut offset, mut length) = (u64::from_le_bytes(offset), u64::from(u32::from_le_bytes(length)));
        if offset == 0 && length == 0 {
            return target.flush();
        }
        if offset.checked_add(length).is_none_or(|end| end > target.bytes()) {
            return Err(errors::VDI_IO_ERROR.with(["a piece lies outside of the disk"]));
        }
        while length > 0 {
            let now = length.min(buffer.len() as u64) as usize;
            from.read_exact(&mut buffer[..now]).map_err(early)?;
            target.write(offset, &buffer[..now])?;
            offset += now as u64;
            length -= now as u64;
            meter.bytes(offset, target.bytes())?;
        }
    }
}
