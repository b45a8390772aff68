//! UEFI variables of guests on firmware that keeps them in memory only.
//!
//! Stock OVMF below Xen has no flash: it keeps its variables in a block of the guest's own memory, always at the same
//! place for one firmware and one size of machine, and takes over what it finds there, as after a warm reset. So
//! variables are put there while the new domain is still paused, and read from there while it runs and after it has
//! ended; a killed toolstack loses nothing, because they are the guest's memory. Where the place is, is learnt from
//! the firmware itself. What cannot be given to the guest is never taken for what the guest left.

pub mod blob;
pub mod store;
mod sys;

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use xapi_backend::hypervisor::{DomainEvent, DomainKind, DomainSpec, Happened, Tpm};
use xapi_schema::{Failure, Result, errors};

use crate::{config, records::Record, shared::Shared};
use blob::Blob;

pub use sys::Privcmd;

/// Bytes of a page.
pub const PAGE: usize = 4_096;
/// Pages read at once.
const STRIDE: u64 = 256;
/// Bytes below the end of low memory that are searched.
const SEARCHED: u64 = 128 << 20;
/// Below this lies what the firmware is loaded from.
const LOWEST: u64 = 16 << 20;
/// Where low memory ends at the latest.
const HIGHEST: u64 = 0xf000_0000;
/// How long a firmware may take to make its place.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often running guests are looked at.
const LOOK: Duration = Duration::from_secs(15);
/// The key of `VM.NVRAM`.
const KEY: &str = "EFI-variables";

/// Memory of guests.
pub trait Memory: Send + Sync + 'static {
    /// Pages from frame `first` on; nothing for one the guest does not have.
    ///
    /// # Errors
    /// Those of the system.
    fn read(&self, domain: u32, first: u64, count: usize) -> io::Result<Vec<Option<Vec<u8>>>>;
    /// Writes whole frames from `first` on; the last may be a part.
    ///
    /// # Errors
    /// Those of the system, and a frame the guest does not have.
    fn write(&self, domain: u32, first: u64, bytes: &[u8]) -> io::Result<()>;
}

/// What is known of a domain's variables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// It has no such firmware.
    #[default]
    None,
    /// There were none; what the firmware makes is the truth.
    Fresh,
    /// They were put at this address; whether the firmware took them is not known yet.
    Placed(u64),
    /// The firmware works with those at this address.
    Known(u64),
    /// They could not be given to it. What it makes is not kept.
    Withheld,
}

/// Where a firmware keeps its variables, and how the block looks without any.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Layout {
    address: u64,
    template: Vec<u8>,
}

/// What was learnt, a file for each size of machine.
#[derive(Debug, Clone)]
pub struct Layouts(PathBuf);

impl Layouts {
    /// Opens the directory, making it if needed.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(dir: &Path) -> io::Result<Layouts> {
        std::fs::create_dir_all(dir)?;
        Ok(Layouts(dir.to_path_buf()))
    }

    fn path(&self, spec: &DomainSpec) -> PathBuf {
        let text = |key| config::platform(spec, key).unwrap_or("-").to_string();
        let parts = [
            (spec.memory_max >> 20).to_string(),
            (spec.memory_target >> 20).to_string(),
            spec.vcpus_max.to_string(),
            text("vga"),
            text("videoram"),
            text("mmio_size_mib"),
        ];
        let tpm = spec.details.tpm.as_ref().map(|_| "tpm".to_string());
        let parts: Vec<String> = parts.into_iter().chain(tpm).collect();
        let clean = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let name: String =
            parts.join(".").chars().map(|c| if c == '.' { c } else { clean(c) }).take(120).collect();
        self.0.join(name)
    }

    fn get(&self, spec: &DomainSpec) -> Option<Layout> {
        let bytes = std::fs::read(self.path(spec)).ok()?;
        let (address, template) = bytes.split_first_chunk::<8>()?;
        // A file that was cut short teaches nothing.
        (store::length(template) == Some(template.len()))
            .then(|| Layout { address: u64::from_le_bytes(*address), template: template.to_vec() })
    }

    fn put(&self, spec: &DomainSpec, layout: &Layout) {
        let (path, mut bytes) = (self.path(spec), layout.address.to_le_bytes().to_vec());
        bytes.extend(&layout.template);
        let beside = path.with_extension("new");
        let written = std::fs::write(&beside, bytes).and_then(|()| std::fs::rename(&beside, &path));
        if let Err(error) = written {
            // It is learnt again.
            tracing::warn!(%error, path = %path.display(), "what was learnt of the firmware could not be written");
        }
    }

    fn forget(&self, spec: &DomainSpec) {
        let _ = std::fs::remove_file(self.path(spec));
    }
}

/// The firmware has variables that shall outlive the domain.
pub fn applies(spec: &DomainSpec) -> bool {
    spec.kind == DomainKind::Hvm && config::is_uefi(spec)
}

fn nvram<'a>(spec: &'a DomainSpec, key: &str) -> Option<&'a str> {
    spec.details.boot.nvram.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
}

/// The variables a record holds.
fn kept(spec: &DomainSpec) -> std::result::Result<Blob, String> {
    match nvram(spec, KEY).map(str::trim).filter(|text| !text.is_empty()) {
        None => Ok(Blob::default()),
        Some(text) => Blob::read(&STANDARD.decode(text).map_err(|e| e.to_string())?),
    }
}

/// The variables a new domain is given.
///
/// # Errors
/// INVALID_VALUE for what cannot be read, or says neither to keep nor to drop them.
pub fn wanted(spec: &DomainSpec) -> Result<Blob> {
    if !applies(spec) {
        return Ok(Blob::default());
    }
    match nvram(spec, "EFI-variables-on-boot").unwrap_or("persist") {
        "reset" => return Ok(Blob::default()),
        "persist" => {}
        other => return Err(errors::INVALID_VALUE.with(["NVRAM[EFI-variables-on-boot]", other])),
    }
    kept(spec).map_err(|why| errors::INVALID_VALUE.with(["NVRAM[EFI-variables]", &why]))
}

/// Frames to be searched, from the highest down.
fn searched(spec: &DomainSpec) -> Vec<u64> {
    let end = u64::try_from(spec.memory_max).unwrap_or(0).min(HIGHEST);
    let begin = end.saturating_sub(SEARCHED).max(LOWEST);
    let frames = |bytes: u64| bytes / PAGE as u64;
    let mut all: Vec<u64> = (frames(begin)..frames(end)).step_by(STRIDE as usize).collect();
    all.reverse();
    all
}

/// Every block of variables in the memory of a domain.
fn search(memory: &dyn Memory, domid: u32, spec: &DomainSpec) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for first in searched(spec) {
        for (page, at) in memory.read(domid, first, STRIDE as usize)?.into_iter().zip(first..) {
            if page.is_some_and(|page| store::length(&page).is_some()) {
                found.push(at * PAGE as u64);
            }
        }
    }
    Ok(found)
}

/// The whole block at an address; nothing when none is there.
fn block(memory: &dyn Memory, domid: u32, address: u64) -> io::Result<Option<Vec<u8>>> {
    let first = address / PAGE as u64;
    let head = memory.read(domid, first, 1)?.pop().flatten();
    let Some(length) = head.and_then(|page| store::length(&page)) else { return Ok(None) };
    let pages = memory.read(domid, first, length.div_ceil(PAGE))?;
    let Some(pages) = pages.into_iter().collect::<Option<Vec<_>>>() else { return Ok(None) };
    let mut bytes = pages.concat();
    bytes.truncate(length);
    Ok(Some(bytes))
}

fn layout(memory: &dyn Memory, domid: u32, spec: &DomainSpec) -> io::Result<Option<Layout>> {
    let Some(address) = search(memory, domid, spec)?.into_iter().next() else { return Ok(None) };
    let block = block(memory, domid, address)?;
    let template = block.and_then(|block| store::with(&block, &[]).ok());
    Ok(template.map(|template| Layout { address, template }))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    let told = |e: io::Error| Failure::internal(format!("the memory of a guest cannot be reached: {e}"));
    tokio::task::spawn_blocking(work).await.map_err(|e| Failure::internal(e.to_string()))?.map_err(told)
}

impl Shared {
    /// Before a domain is built: where its variables are to be put. Nothing when there are none, or no place is known.
    pub async fn place_of_variables(self: &Arc<Self>, spec: &DomainSpec) -> Result<Option<(u64, Vec<u8>)>> {
        let wanted = wanted(spec)?;
        if wanted.variables.is_empty() {
            return Ok(None);
        }
        let layout = match self.layouts.get(spec) {
            Some(layout) => Some(layout),
            None => self.learn(spec).await,
        };
        let Some(layout) = layout else { return Ok(None) };
        let refused = |why: String| errors::INVALID_VALUE.with(["NVRAM[EFI-variables]", &why]);
        Ok(Some((layout.address, store::with(&layout.template, &wanted.variables).map_err(refused)?)))
    }

    /// While a new domain is paused: gives it its variables.
    pub async fn give_variables(
        &self,
        spec: &DomainSpec,
        domid: u32,
        placed: Option<(u64, Vec<u8>)>,
    ) -> Result<State> {
        if !applies(spec) {
            return Ok(State::None);
        }
        let Some((address, bytes)) = placed else {
            let none = wanted(spec)?.variables.is_empty();
            if !none {
                tracing::error!(
                    vm = spec.uuid,
                    "the firmware does not take UEFI variables; it starts without them"
                );
            }
            return Ok(if none { State::Fresh } else { State::Withheld });
        };
        let memory = self.memory.clone();
        blocking(move || memory.write(domid, address / PAGE as u64, &bytes)).await?;
        Ok(State::Placed(address))
    }

    /// Lets a machine of the same size and without devices start, to see where the firmware keeps its variables.
    async fn learn(self: &Arc<Self>, spec: &DomainSpec) -> Option<Layout> {
        let mut probe = spec.clone();
        probe.uuid = uuid::Uuid::new_v4().to_string();
        probe.name = format!("firmware of {}", spec.uuid);
        (probe.disks, probe.nics) = (vec![], vec![]);
        probe.details.boot.nvram = vec![];
        probe.details.other_config = vec![];
        // A firmware with a TPM has its place elsewhere; whose it is does not matter.
        if let Some(tpm) = &mut probe.details.tpm {
            *tpm = Tpm { uuid: uuid::Uuid::new_v4().to_string(), contents: String::new() };
        }
        let learnt = self.try_learn(&probe).await;
        if let Err(failure) = self.end(&probe.uuid, false).await {
            tracing::error!(%failure, uuid = probe.uuid, "a machine that taught us its firmware cannot be ended");
        }
        if let Some(tpm) = &probe.details.tpm {
            let kept = self.tpms.state(&tpm.uuid).ok().flatten();
            if let Err(failure) = self.tpms.forget(&tpm.uuid, kept.as_deref()) {
                tracing::warn!(%failure, "the TPM of a machine that taught us its firmware stays");
            }
        }
        match learnt {
            Ok(layout) => {
                self.layouts.put(spec, &layout);
                Some(layout)
            }
            Err(failure) => {
                tracing::warn!(%failure, vm = spec.uuid, "it could not be learnt where the firmware keeps its variables");
                None
            }
        }
    }

    async fn try_learn(&self, probe: &DomainSpec) -> Result<Layout> {
        let _busy = self.busy(&probe.uuid);
        let config = config::config(probe, &[], &self.fresh_place(&probe.uuid))?;
        self.records.put(&Record { probe: true, ..Record::of(probe.clone()) })?;
        let path = self.records.put_config(&probe.uuid, &config.text)?;
        if let Some(tpm) = &probe.details.tpm {
            self.tpms.begin(tpm).await?;
        }
        {
            let _turn = self.turn(&probe.uuid).await?;
            self.xl.slow(&["create", "-e", "-q", &path.to_string_lossy()]).await?;
        }
        let domid = self.need(&probe.uuid).await?;
        let until = Instant::now() + PATIENCE;
        loop {
            let (memory, spec) = (self.memory.clone(), probe.clone());
            if let Some(layout) = blocking(move || layout(&*memory, domid, &spec)).await? {
                return Ok(layout);
            }
            if Instant::now() > until {
                return Err(Failure::internal("the firmware made no place for variables"));
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// Did the firmware take what was put at an address? Nothing while it has not begun.
    async fn taken(&self, record: &Record, domid: u32, ours: u64) -> Result<Option<bool>> {
        let (memory, spec) = (self.memory.clone(), record.spec.clone());
        let found = blocking(move || search(&*memory, domid, &spec)).await?;
        if !found.contains(&ours) {
            return Ok((!found.is_empty()).then_some(false));
        }
        let memory = self.memory.clone();
        let now = blocking(move || block(&*memory, domid, ours)).await?;
        let put = self.layouts.get(&record.spec).zip(wanted(&record.spec).ok());
        let put = put.and_then(|(layout, wanted)| store::with(&layout.template, &wanted.variables).ok());
        // A firmware writes at each start; what is as it was put has not been seen by any.
        Ok(match (now == put, found.len()) {
            (false, _) => Some(true),
            (true, 1) => None,
            (true, _) => Some(false),
        })
    }

    /// The variables of a domain as they are now, as `VM.NVRAM` keeps them; nothing when it has none to be kept.
    pub async fn variables(&self, uuid: &str) -> Result<Option<String>> {
        let Some(record) = self.records.get(uuid)? else { return Ok(None) };
        if matches!(record.variables, State::None | State::Withheld) {
            return Ok(None);
        }
        let Some(domid) = self.find(uuid).await? else { return Ok(None) };
        let (memory, spec) = (self.memory.clone(), record.spec.clone());
        let address = match record.variables {
            State::Known(address) => address,
            State::Fresh => match blocking(move || search(&*memory, domid, &spec)).await?.first() {
                Some(address) => *address,
                None => return Ok(None),
            },
            State::Placed(ours) => match self.taken(&record, domid, ours).await? {
                Some(true) => ours,
                Some(false) => {
                    tracing::error!(
                        vm = uuid,
                        "the firmware did not take the UEFI variables; the record's are kept"
                    );
                    self.layouts.forget(&record.spec);
                    self.amend(uuid, |record| record.variables = State::Withheld)?;
                    return Ok(None);
                }
                None => return Ok(None),
            },
            State::None | State::Withheld => return Ok(None),
        };
        let memory = self.memory.clone();
        let Some(block) = blocking(move || block(&*memory, domid, address)).await? else { return Ok(None) };
        let told = |why: String| Failure::internal(format!("the UEFI variables of {uuid}: {why}"));
        let variables = store::variables(&block).map_err(told)?;
        if self.layouts.get(&record.spec).is_none()
            && let Ok(template) = store::with(&block, &[])
        {
            self.layouts.put(&record.spec, &Layout { address, template });
        }
        if variables.is_empty() {
            return Ok(None);
        }
        if record.variables != State::Known(address) {
            self.amend(uuid, |record| record.variables = State::Known(address))?;
        }
        let before = kept(&record.spec).unwrap_or_default();
        let bytes = Blob::after(&before, variables).bytes().map_err(told)?;
        Ok(Some(STANDARD.encode(bytes)))
    }
}

/// Tells when the variables of a guest changed, for as long as somebody holds the domains: what is written into the
/// record while a guest runs is what remains when the host dies.
pub async fn follow(shared: Weak<Shared>) {
    let mut told: HashMap<String, String> = HashMap::new();
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(strong) = shared.upgrade() else { return };
        let records = strong.records.all().unwrap_or_default();
        let records: Vec<_> =
            records.into_iter().filter(|record| applies(&record.spec) && !record.probe).collect();
        told.retain(|uuid, _| records.iter().any(|record| record.spec.uuid == *uuid));
        for record in records {
            let uuid = record.spec.uuid;
            match strong.variables(&uuid).await {
                Ok(Some(now)) if told.get(&uuid) != Some(&now) => {
                    told.insert(uuid.clone(), now);
                    // Nobody listening is fine: they are asked for when the guest ends.
                    let _ = strong.events.send(DomainEvent { uuid, what: Happened::Firmware });
                }
                Ok(_) => {}
                Err(failure) => {
                    tracing::debug!(%failure, uuid, "UEFI variables cannot be read at the moment")
                }
            }
        }
    }
}
