//! [`Plugins`] as a `Storage`: what each call becomes in a driver's words.

use async_trait::async_trait;
use base64::Engine;
use xapi_backend::storage::{
    DataPath, Driver, NewVolume, Progress, SrConfig, SrStat, Storage, Volume, backend_failure,
};
use xapi_schema::{Result, errors};

use super::{
    answers::stretches,
    drive::{Plugins, blocking},
    kept::{self, Attached, Open},
    protocol::Members,
};
use crate::{
    fail::{self, Doing},
    repository::lock,
};

const NOBODY: &str = "OpaqueRef:NULL";

#[async_trait]
impl Storage for Plugins {
    fn kinds(&self) -> Vec<String> {
        self.drivers.keys().cloned().collect()
    }

    fn features(&self, kind: &str) -> Vec<String> {
        self.drivers.get(kind).map(|driver| driver.features.clone()).unwrap_or_default()
    }

    fn drivers(&self) -> Option<(String, Vec<Driver>)> {
        Some((self.dir.display().to_string(), self.drivers.values().cloned().collect()))
    }

    async fn create(&self, sr: &SrConfig, size: i64) -> Result<()> {
        let _one = self.plugging.lock().await;
        self.ask(sr, true, Members::new("sr_create", vec![size.to_string()]), "").await.map(drop)
    }

    async fn attach(&self, sr: &SrConfig) -> Result<()> {
        let _one = self.plugging.lock().await;
        if self.has(&sr.uuid) {
            return Ok(());
        }
        let known = kept::load(&self.kept, sr);
        if known.is_none() {
            self.ask(sr, true, Members::new("sr_attach", vec![]), "").await?;
        }
        let attached = known.unwrap_or_else(|| Attached::new(sr));
        if let Err(e) = kept::save(&self.kept, &sr.uuid, &attached) {
            let _ = self.ask(sr, true, Members::new("sr_detach", vec![]), "").await;
            return Err(Doing::Attach.io(&e));
        }
        lock(&self.attached).insert(sr.uuid.clone(), attached);
        Ok(())
    }

    async fn detach(&self, sr: &str) -> Result<()> {
        let _one = self.plugging.lock().await;
        let Ok(attached) = self.attached(sr) else { return Ok(()) };
        if !attached.open.is_empty() {
            return Err(fail::in_use());
        }
        let own: Vec<_> = lock(&self.own).keys().filter(|(home, _)| home == sr).cloned().collect();
        for key in own {
            self.let_go_locked(&key).await?;
        }
        self.on_sr(sr, Members::new("sr_detach", vec![])).await?;
        lock(&self.attached).remove(sr);
        kept::forget(&self.kept, sr);
        Ok(())
    }

    async fn delete(&self, sr: &str) -> Result<()> {
        let _one = self.plugging.lock().await;
        self.policies.sr(sr).assert_changeable(sr)?;
        if !self.attached(sr)?.open.is_empty() {
            return Err(fail::in_use());
        }
        self.on_sr(sr, Members::new("sr_delete", vec![])).await?;
        lock(&self.attached).remove(sr);
        kept::forget(&self.kept, sr);
        Ok(())
    }

    async fn stat(&self, sr: &str) -> Result<SrStat> {
        let kind = self.attached(sr)?.kind;
        if self.can(&kind, "SR_UPDATE") && !self.policies.sr(sr).guarded {
            self.on_sr(sr, Members::new("sr_update", vec![])).await?;
        }
        Ok(self.records.stat(sr))
    }

    async fn scan(&self, sr: &str) -> Result<Vec<Volume>> {
        self.attached(sr)?;
        if !self.policies.sr(sr).guarded {
            self.on_sr(sr, Members::new("sr_scan", vec![])).await?;
        }
        Ok(self.records.volumes(sr).into_iter().map(|v| v.volume).collect())
    }

    async fn probe(&self, kind: &str, device_config: &[(String, String)]) -> Result<String> {
        let _one = self.plugging.lock().await;
        let sr = SrConfig {
            uuid: String::new(),
            kind: kind.into(),
            device_config: device_config.to_vec(),
            sm_config: vec![],
        };
        if !self.can(kind, "SR_PROBE") {
            return Err(xapi_schema::Failure::new(
                "SR_BACKEND_FAILURE",
                ["the driver does not probe", "", ""],
            ));
        }
        let told = self.ask(&sr, false, Members::new("sr_probe", vec![]), "").await?;
        Ok(told.as_str().unwrap_or_default().to_owned())
    }

    async fn create_volume(&self, sr: &str, new: NewVolume) -> Result<Volume> {
        self.policies.sr(sr).assert_changeable(sr)?;
        let config = Self::config(sr, &self.attached(sr)?);
        let NewVolume { name, description, virtual_size, kind, sm_config, .. } = new;
        let args = vec![
            virtual_size.to_string(),
            name.clone(),
            description.clone(),
            NOBODY.into(),
            "false".into(),
            "19700101T00:00:00Z".into(),
            NOBODY.into(),
            "false".into(),
        ];
        let members =
            Members::new("vdi_create", args).map("vdi_sm_config", &sm_config).text("vdi_type", &*kind);
        let told = self.ask(&config, true, members, "").await?;
        self.made(sr, &told, |uuid, location| Volume {
            uuid: uuid.into(),
            location: location.into(),
            name,
            description,
            virtual_size,
            physical_utilisation: 0,
            kind,
            read_only: false,
            hidden: false,
            snapshot_of: None,
            sm_config,
            cbt_enabled: false,
        })
    }

    async fn introduce_volume(
        &self,
        sr: &str,
        location: &str,
        uuid: &str,
        sm_config: &[(String, String)],
    ) -> Result<Volume> {
        self.policies.sr(sr).assert_changeable(sr)?;
        let config = Self::config(sr, &self.attached(sr)?);
        let members = Members::new("vdi_introduce", vec![])
            .text("new_uuid", uuid)
            .text("vdi_location", location)
            .map("vdi_sm_config", sm_config);
        let told = self.ask(&config, true, members, location).await?;
        self.made(sr, &told, |uuid, location| Volume {
            uuid: uuid.into(),
            location: location.into(),
            name: String::new(),
            description: String::new(),
            virtual_size: 0,
            physical_utilisation: 0,
            kind: "user".into(),
            read_only: false,
            hidden: false,
            snapshot_of: None,
            sm_config: sm_config.to_vec(),
            cbt_enabled: false,
        })
    }

    async fn records_changed(&self, sr: &str, location: &str) -> Result<()> {
        if !self.can(&self.attached(sr)?.kind, "VDI_UPDATE") || self.policies.sr(sr).guarded {
            return Ok(());
        }
        self.on_volume(sr, location, Members::new("vdi_update", vec![])).await.map(drop)
    }

    async fn name_sr(&self, sr: &str, _: &str, _: &str) -> Result<()> {
        if !self.can(&self.attached(sr)?.kind, "SR_UPDATE") || self.policies.sr(sr).guarded {
            return Ok(());
        }
        // It reads the names in the record itself.
        self.on_sr(sr, Members::new("sr_update", vec![])).await.map(drop)
    }

    async fn generate_config(&self, sr: &str, location: &str) -> Result<String> {
        let told = self.on_volume(sr, location, Members::new("vdi_generate_config", vec![])).await?;
        let text = told.as_str().map(str::to_owned);
        text.ok_or_else(|| Doing::Other.failure("the driver gave no text"))
    }

    async fn destroy_volume(&self, sr: &str, location: &str) -> Result<()> {
        self.change(sr, location, Members::new("vdi_delete", vec![])).await.map(drop)
    }

    async fn snapshot_volume(&self, sr: &str, location: &str, _: &str) -> Result<Volume> {
        self.twin(sr, location, "vdi_snapshot").await
    }

    async fn clone_volume(&self, sr: &str, location: &str, _: &str) -> Result<Volume> {
        self.twin(sr, location, "vdi_clone").await
    }

    async fn resize_volume(&self, sr: &str, location: &str, size: i64) -> Result<Volume> {
        self.change(sr, location, Members::new("vdi_resize", vec![size.to_string()])).await?;
        self.stat_volume(sr, location).await
    }

    async fn revert_volume(&self, sr: &str, location: &str, snapshot: &str) -> Result<Volume> {
        let over = self.facts(sr, location)?.reference;
        self.let_go(sr, location).await?;
        self.change(sr, snapshot, Members::new("vdi_revert", vec![over])).await?;
        self.stat_volume(sr, location).await
    }

    /// Drivers are told how the volume is to start with each call, and do what that takes.
    async fn set_reset(&self, sr: &str, location: &str, reset: bool) -> Result<()> {
        let kind = self.attached(sr)?.kind;
        if reset && !self.can(&kind, "VDI_RESET_ON_BOOT") {
            return Err(errors::SR_OPERATION_NOT_SUPPORTED.with([sr]));
        }
        self.facts(sr, location).map(drop)
    }

    async fn begin_epoch(&self, sr: &str, location: &str, reset: bool) -> Result<()> {
        if reset {
            self.policies.sr(sr).assert_changeable(sr)?;
        }
        self.let_go(sr, location).await?;
        self.epoch(sr, location, "vdi_epoch_begin").await
    }

    async fn end_epoch(&self, sr: &str, location: &str) -> Result<()> {
        self.epoch(sr, location, "vdi_epoch_end").await
    }

    async fn copy_volume(&self, from: (&str, &str), to: (&str, &str), progress: Progress) -> Result<()> {
        crate::both::copy(self, from, to, progress).await
    }

    /// Its row has the name; drivers read it there when they are asked next.
    async fn name_volume(&self, sr: &str, location: &str, _: &str, _: &str) -> Result<()> {
        self.facts(sr, location).map(drop)
    }

    async fn stat_volume(&self, sr: &str, location: &str) -> Result<Volume> {
        self.facts(sr, location).map(|facts| facts.volume)
    }

    async fn read(&self, sr: &str, location: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        let bytes = self.bytes(sr, location, false).await?;
        blocking(move || bytes.read(offset, length)).await
    }

    async fn write(&self, sr: &str, location: &str, offset: u64, data: Vec<u8>) -> Result<()> {
        self.policies.sr(sr).assert_changeable(sr)?;
        let size = u64::try_from(self.facts(sr, location)?.volume.virtual_size).unwrap_or(0);
        if offset.checked_add(data.len() as u64).is_none_or(|end| end > size) {
            return Err(errors::VDI_TOO_SMALL.with([location.to_string(), size.to_string()]));
        }
        let bytes = self.bytes(sr, location, true).await?;
        blocking(move || bytes.write(offset, &data)).await
    }

    async fn open_volume(&self, sr: &str, location: &str, writable: bool) -> Result<DataPath> {
        let _one = self.plugging.lock().await;
        if let Some(open) = self.attached(sr)?.open.get(location).cloned() {
            if open.writable != writable {
                return Err(fail::in_use());
            }
            if !writable {
                self.keep(sr, |known| {
                    known.open.entry(location.into()).and_modify(|open| open.holders += 1);
                })?;
            }
            return Ok(open.path);
        }
        self.let_go_locked(&(sr.to_owned(), location.to_owned())).await?;
        let path = self.reach(sr, location, writable).await?;
        let open = Open { path: path.clone(), writable, holders: 1 };
        let noted = self.keep(sr, |known| {
            known.open.insert(location.into(), open);
        });
        if let Err(failure) = noted {
            self.leave(sr, location).await?;
            return Err(failure);
        }
        Ok(path)
    }

    async fn close_volume(&self, sr: &str, location: &str) -> Result<()> {
        let _one = self.plugging.lock().await;
        let Ok(attached) = self.attached(sr) else { return Ok(()) };
        let Some(open) = attached.open.get(location) else { return Ok(()) };
        if open.holders > 1 {
            return self.keep(sr, |known| {
                known.open.entry(location.into()).and_modify(|open| open.holders -= 1);
            });
        }
        self.leave(sr, location).await?;
        self.keep(sr, |known| {
            known.open.remove(location);
        })
    }

    async fn flush(&self, sr: &str, location: &str) -> Result<()> {
        self.let_go(sr, location).await
    }

    async fn enable_cbt(&self, sr: &str, location: &str) -> Result<()> {
        self.change(sr, location, Members::new("vdi_enable_cbt", vec![])).await.map(drop)
    }

    async fn disable_cbt(&self, sr: &str, location: &str) -> Result<()> {
        self.change(sr, location, Members::new("vdi_disable_cbt", vec![])).await.map(drop)
    }

    async fn destroy_data(&self, sr: &str, location: &str) -> Result<()> {
        self.change(sr, location, Members::new("vdi_data_destroy", vec![])).await.map(drop)
    }

    async fn changed_blocks(&self, sr: &str, from: &str, to: &str) -> Result<Vec<(u64, u64)>> {
        let to = self.facts(sr, to)?.reference;
        let told = self.on_volume(sr, from, Members::new("vdi_list_changed_blocks", vec![to])).await?;
        let text = told.as_str().unwrap_or_default();
        let bits = base64::engine::general_purpose::STANDARD.decode(text.trim());
        let wrong =
            |_| backend_failure(460, "Failed to calculate changed blocks for given VDIs", "no bitmap");
        bits.map(|bits| stretches(&bits)).map_err(wrong)
    }
}
