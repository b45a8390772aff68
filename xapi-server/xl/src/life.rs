//! The life of a domain: built, ended, and sorted out after a restart of the toolstack.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use xapi_backend::hypervisor::{DomainKind, DomainSpec, Started};
use xapi_schema::{Failure, Result, errors};

use crate::{
    config,
    devices::{self, volume},
    firmware::{self, State},
    image,
    records::Record,
    shared::{Shared, lock},
    table::Row,
    telling::Telling,
};

/// How long nothing is tried after an end that failed.
const AGAIN: Duration = Duration::from_secs(5);

/// A domain has this from the first time it goes on.
fn begun(domid: u32) -> String {
    format!("/local/domain/{domid}/xennix-begun")
}

impl Shared {
    /// Lets go of volumes.
    pub async fn close(&self, volumes: &[(String, String, bool)]) {
        for (sr, location, _) in volumes {
            if let Err(failure) = self.storage.close_volume(sr, location).await {
                tracing::error!(%failure, sr, location, "a volume could not be closed");
            }
        }
    }

    /// Opens the volumes of the disks of a record, which must be written already and says they are open. After an
    /// error the record names only those that may be.
    async fn place(&self, record: &Record) -> Result<Vec<config::Placed>> {
        let mut placed = Vec::new();
        let mut tried = 0;
        for disk in &record.spec.disks {
            let path = match &disk.volume {
                None => None,
                Some((sr, location)) => {
                    tried += 1;
                    match self.storage.open_volume(sr, location, disk.writable && !disk.cd).await {
                        Ok(path) => Some(path),
                        Err(failure) => {
                            // Another guest may read what was not opened yet, and must not lose it.
                            let open = record.open.iter().take(tried).cloned().collect();
                            self.records.put(&Record { open, ..record.clone() })?;
                            return Err(failure);
                        }
                    }
                }
            };
            placed.push((disk.clone(), path));
        }
        Ok(placed)
    }

    /// What this host decides about a new domain.
    pub(crate) fn fresh_place(&self, uuid: &str) -> config::Place {
        config::Place {
            card_script: self.card_script,
            screen: self.screens.fresh(uuid),
            tpms: self.tpms.place().to_path_buf(),
        }
    }

    /// Builds a domain, paused: afresh, or from an image. After an error there is none, and nothing is open.
    pub async fn build(
        self: &Arc<Self>,
        spec: DomainSpec,
        memory: Option<(String, String)>,
    ) -> Result<Started> {
        let uuid = spec.uuid.clone();
        let _busy = self.busy(&uuid);
        if self.find(&uuid).await?.is_some() {
            return Err(errors::DOMAIN_EXISTS.with([uuid]));
        }
        // A refusal costs nothing: it comes before anything is opened.
        config::config(&spec, &[], &self.fresh_place(&uuid))?;
        firmware::wanted(&spec)?;
        if spec.details.tpm.is_some() {
            self.tpms.possible().await?;
        }
        let open = spec.disks.iter().filter_map(volume).collect();
        let record = Record { open, image: memory.clone(), ..Record::of(spec) };
        self.records.put(&record)?;
        match self.try_build(&record, memory).await {
            Ok(started) => Ok(started),
            Err(failure) => {
                if let Err(failure) = self.end(&uuid, false).await {
                    tracing::error!(%failure, uuid, "what was built of a domain could not be taken away yet");
                    self.end_later(uuid);
                }
                Err(failure)
            }
        }
    }

    async fn try_build(
        self: &Arc<Self>,
        record: &Record,
        memory: Option<(String, String)>,
    ) -> Result<Started> {
        let spec = &record.spec;
        let placed = self.place(record).await?;
        let config = config::config(spec, &placed, &self.fresh_place(&spec.uuid))?;
        for note in &config.notes {
            tracing::warn!(vm = spec.uuid, "{note}");
        }
        if !config::pci(spec)?.is_empty() {
            devices::keep_pci().await?;
        }
        let path = self.records.put_config(&spec.uuid, &config.text)?;
        let path = path.to_string_lossy();
        let variables = if memory.is_none() { self.place_of_variables(spec).await? } else { None };
        if let Some(tpm) = &spec.details.tpm {
            self.tpms.begin(tpm).await?;
        }
        // Waiting for others is not a part of the time xl has.
        let turn = self.turn(&spec.uuid).await?;
        let telling = Telling::begin(self, spec);
        let made = match &memory {
            None => self.xl.slow(&["create", "-e", "-p", "-q", &path]).await.map(|_| ()),
            Some((sr, location)) => image::restore(&self.xl, &self.storage, &path, (sr, location)).await,
        };
        drop(turn);
        if let Err(failure) = made {
            telling.take_back().await;
            return Err(self.explain(spec, failure).await);
        }
        let domid = telling.finish().await?;
        let state = match &memory {
            None => self.give_variables(spec, domid, variables).await?,
            // They came with the memory.
            Some(_) if firmware::applies(spec) => State::Fresh,
            Some(_) => State::None,
        };
        if state != State::None {
            self.amend(&spec.uuid, |record| record.variables = state)?;
        }
        if spec.details.tpm.is_some() {
            // The virtual machine's own firmware describes a TPM of this version to the guest.
            self.store.write(&format!("/local/domain/{domid}/platform/tpm_version"), "2").await?;
        }
        if memory.is_some() {
            // Who was suspended once can be again; a kernel says so only when it starts.
            self.store.write(&format!("/local/domain/{domid}/control/feature-suspend"), "1").await?;
        }
        lock(&self.numbers).insert(spec.uuid.clone(), domid);
        let disks = spec.disks.iter().map(|d| (d.position, config::guest_device(d.position))).collect();
        Ok(Started {
            domid: i64::from(domid),
            cpu_vendor: self.cpu_vendor.clone(),
            cpu_features: String::new(),
            disks,
            // Asking now would hold up the answer, while the guest begins to work.
            has_agent: false,
        })
    }

    /// Why xl could not build, in the API's words where it has some.
    async fn explain(&self, spec: &DomainSpec, failure: Failure) -> Failure {
        let text = failure.params.join(" ");
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        // Of the last two, a kernel that does not fit into the guest's memory is told as well.
        let (surely, perhaps) =
            (["failed to free memory", "Not enough memory"], ["Out of memory", "Cannot allocate memory"]);
        if says(&surely) || says(&perhaps) {
            let free = self.xl.quick(&["info"]).await.unwrap_or_default();
            let free = free.lines().find_map(|line| line.strip_prefix("free_memory")?.split(':').nth(1));
            let free: i64 = free.and_then(|mib| mib.trim().parse().ok()).unwrap_or(0);
            if says(&surely) || free << 20 < spec.memory_target {
                let params = [spec.memory_target.to_string(), (free << 20).to_string()];
                return errors::HOST_NOT_ENOUGH_FREE_MEMORY.with(params);
            }
        }
        if text.contains("bootloader") {
            return errors::BOOTLOADER_FAILED.with([spec.uuid.clone(), text]);
        }
        if text.contains("device model did not start") || text.contains("qemu") && text.contains("spawn") {
            return errors::FAILED_TO_START_EMULATOR.with([spec.uuid.clone(), "qemu".into(), text]);
        }
        failure
    }

    /// Lets a domain go on.
    pub async fn unpause(self: &Arc<Self>, uuid: &str) -> Result<()> {
        // Of one that was just built the number is known.
        let built = lock(&self.numbers).remove(uuid);
        let domid = match built {
            Some(domid) => domid,
            None => self.need(uuid).await?,
        };
        let record = self.records.get(uuid)?;
        let may_be_hvm = record.as_ref().is_none_or(|record| record.spec.kind == DomainKind::Hvm);
        if let Some((sr, location)) = record.and_then(|record| record.image) {
            image::spend(&self.storage, (&sr, &location)).await?;
            self.amend(uuid, |record| record.image = None)?;
        }
        // An emulator is told by xl, too; so is whatever a domain of others may have.
        if may_be_hvm || !self.goes_on_at_once(domid).await {
            self.xl.quick(&["unpause", &domid.to_string()]).await?;
        }
        // Afterwards: one that is paused without this was not let go on by us.
        if let Err(error) = self.store.write(&begun(domid), "1").await {
            tracing::warn!(%error, uuid, "a domain that goes on could not be marked");
        }
        Ok(())
    }

    /// Past xl, where that can be.
    async fn goes_on_at_once(self: &Arc<Self>, domid: u32) -> bool {
        let shared = self.clone();
        let asked = tokio::task::spawn_blocking(move || shared.hypercalls.unpause(domid)).await;
        let error = match asked {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        // Said once: where it cannot be, it mostly never can. xl tells what is wrong with a domain.
        if !self.slowly.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "domains are let go on through xl, which takes longer");
        }
        false
    }

    /// It was built and nobody has let it go on: whoever paused it later leaves a mark or processor time.
    pub async fn is_fresh(&self, row: &Row) -> Result<bool> {
        Ok(row.paused && row.unused && self.store.find(&begun(row.domid)).await?.is_none())
    }

    /// Tries to end a half-built domain until it works: while xl does not answer, nobody knows whether there is one.
    fn end_later(self: &Arc<Self>, uuid: String) {
        let shared = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(AGAIN).await;
                let Some(shared) = shared.upgrade() else { return };
                // A new start of the same VM has ended what was left, or was refused.
                if shared.is_busy(&uuid) {
                    continue;
                }
                match shared.records.get(&uuid) {
                    Ok(Some(_)) => {}
                    _ => return,
                }
                if shared.end(&uuid, false).await.is_ok() {
                    tracing::info!(uuid, "a half-built domain is gone");
                    return;
                }
            }
        });
    }

    /// Ends a domain and lets go of what it used; one that is gone is fine.
    pub async fn end(&self, uuid: &str, rebuild: bool) -> Result<()> {
        let _busy = self.busy(uuid);
        let record = self.records.get(uuid)?;
        if rebuild && let Some(record) = &record {
            self.records.put(&Record { rebuild: true, ..record.clone() })?;
        }
        if let Some(row) = self.rows().await?.into_iter().find(|row| row.uuid == uuid) {
            let number = row.domid.to_string();
            if let Err(failure) = self.xl.slow(&["destroy", &number]).await {
                tracing::warn!(%failure, uuid, "xl did not end the domain at once");
            }
            self.await_end(uuid, row.domid).await?;
        }
        self.screens.forget(uuid);
        lock(&self.numbers).remove(uuid);
        let Some(record) = record else { return Ok(()) };
        if let Some(tpm) = &record.spec.details.tpm {
            self.tpms.end(&tpm.uuid).await?;
        }
        self.close(&record.open).await;
        if rebuild {
            return self.records.put(&Record { open: vec![], rebuild: true, ..record });
        }
        self.records.remove(uuid)
    }

    /// Waits until a domain is gone; devices that linger keep it for a moment.
    async fn await_end(&self, uuid: &str, domid: u32) -> Result<()> {
        for attempt in 0..40u32 {
            if !self.rows().await?.iter().any(|row| row.domid == domid && row.uuid == uuid) {
                return Ok(());
            }
            if attempt % 10 == 9 {
                let _ = self.xl.slow(&["destroy", &domid.to_string()]).await;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Err(Failure::internal(format!("domain {domid} does not go away")))
    }

    /// Ends TPMs that no domain uses: of starts that were cut short before there was an emulator.
    async fn end_tpms(&self, used: impl Iterator<Item = &Record>) {
        let used: Vec<&str> = used.filter_map(|r| Some(r.spec.details.tpm.as_ref()?.uuid.as_str())).collect();
        let all = self.tpms.all().unwrap_or_default();
        for uuid in all.iter().filter(|uuid| !used.contains(&uuid.as_str())) {
            if let Err(failure) = self.tpms.end(uuid).await {
                tracing::error!(%failure, "a TPM without a domain");
            }
        }
    }

    /// Opens again what running domains use; closes what nobody uses. Volumes that are only read are counted by whoever
    /// serves them, and that count begins anew with each start: so first what is used is opened, then the rest closed.
    pub async fn settle(&self) -> Result<()> {
        let rows = self.rows().await?;
        let runs = |record: &Record| rows.iter().any(|row| row.uuid == record.spec.uuid);
        let (mut used, mut unused, mut seen) = (Vec::new(), Vec::new(), Vec::new());
        let records = self.records.all()?;
        for record in &records {
            let uuid = &record.spec.uuid;
            if runs(record) {
                if record.rebuild {
                    // It was about to be ended; what becomes of it now is decided anew.
                    self.amend(uuid, |record| record.rebuild = false)?;
                }
                let outcome = self.look_at_devices(record).await.unwrap_or_else(|failure| {
                    tracing::error!(%failure, uuid, "the devices of a running guest could not be seen");
                    None
                });
                for volume in outcome.as_ref().map_or(&record.open, |outcome| &outcome.open) {
                    let (sr, location, writable) = volume;
                    if let Err(failure) = self.storage.open_volume(sr, location, *writable).await {
                        tracing::error!(%failure, uuid, sr, location, "a disk of a running guest is not served");
                    }
                    used.push(volume.clone());
                }
                if let Some(outcome) = outcome {
                    unused
                        .extend(record.open.iter().filter(|volume| !outcome.open.contains(volume)).cloned());
                    seen.push((uuid, outcome));
                }
            } else if !record.rebuild && !self.is_busy(uuid) {
                unused.extend(record.open.iter().cloned());
            }
        }
        unused.retain(|volume| !used.contains(volume));
        unused.sort_unstable();
        unused.dedup();
        self.close(&unused).await;
        // Forgotten last: until here the next start would do all of it again.
        for (uuid, outcome) in seen {
            self.write_devices(uuid, outcome)?;
        }
        self.end_tpms(records.iter().filter(|record| runs(record))).await;
        for record in records.iter().filter(|record| !self.is_busy(&record.spec.uuid)) {
            match runs(record) {
                true if record.probe => self.end(&record.spec.uuid, false).await?,
                false if !record.rebuild => {
                    self.screens.forget(&record.spec.uuid);
                    self.records.remove(&record.spec.uuid)?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}
