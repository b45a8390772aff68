//! Disks and network cards of running domains.

use xapi_backend::{
    hypervisor::{Devices, Disk, Nic},
    storage::DataPath,
};
use xapi_schema::{Failure, Result};

use crate::{config, guest, positions, records::Record, shared::Shared, xenstore::Change};

impl Shared {
    /// Tells the backend of a disk which disk it is.
    pub async fn describe_disk(&self, domid: u32, disk: &Disk, hvm: bool) -> Result<()> {
        let number = config::vdev_number(disk.position, hvm);
        let node = format!("/local/domain/{domid}/device/vbd/{number}/backend");
        if let Some(backend) = self.store.find(&node).await? {
            let entries = guest::disk_entries(&backend, disk);
            if !entries.is_empty() {
                self.store.commit(&entries).await?;
            }
        }
        Ok(())
    }

    /// After an error the volume may be open still.
    async fn plug(&self, uuid: &str, disk: &Disk) -> Result<()> {
        let domid = self.need(uuid).await?;
        let hvm = self.is_hvm(uuid)?;
        // Noted first, so that whoever comes after us knows the disk it may find.
        self.amend(uuid, |record| {
            record.open.extend(volume(disk));
            record.spec.disks.retain(|known| known.position != disk.position);
            record.spec.disks.push(disk.clone());
        })?;
        let path = match &disk.volume {
            None => None,
            Some((sr, location)) => {
                Some(self.storage.open_volume(sr, location, disk.writable && !disk.cd).await?)
            }
        };
        let line = config::disk_line(disk, path.as_ref(), hvm)?;
        self.xl.slow(&["block-attach", &domid.to_string(), &line]).await?;
        self.describe_disk(domid, disk, hvm).await
    }

    /// A disk is gone from its domain, or never came.
    async fn forget_disk(&self, uuid: &str, disk: &Disk) -> Result<()> {
        self.let_go(uuid, disk).await?;
        self.amend(uuid, |record| record.spec.disks.retain(|known| known.position != disk.position))
    }

    /// The devices a domain has, by position.
    pub async fn devices(&self, uuid: &str) -> Result<Option<Devices>> {
        let Some(domid) = self.find(uuid).await? else { return Ok(None) };
        let base = format!("/local/domain/{domid}/device");
        let disks = self.store.directory(&format!("{base}/vbd")).await?;
        let nics = self.store.directory(&format!("{base}/vif")).await?;
        Ok(Some(positions::positions(&disks, &nics, self.is_hvm(uuid)?)))
    }

    /// Disks and cards whose plugging or unplugging was cut short: the domain tells how it ended.
    pub async fn settle_devices(&self, record: &Record) -> Result<()> {
        let uuid = &record.spec.uuid;
        let Some(there) = self.devices(uuid).await? else { return Ok(()) };
        for disk in record.spec.disks.iter().filter(|disk| !there.disks.contains(&disk.position)) {
            tracing::warn!(uuid, position = disk.position, "a disk is not in its domain any more");
            self.forget_disk(uuid, disk).await?;
        }
        self.amend(uuid, |record| record.spec.nics.retain(|nic| there.nics.contains(&nic.position)))
    }

    /// Closes the volume of a disk and forgets it.
    async fn let_go(&self, uuid: &str, disk: &Disk) -> Result<()> {
        if let Some(open) = volume(disk) {
            self.close(std::slice::from_ref(&open)).await;
            self.amend(uuid, |record| {
                if let Some(at) = record.open.iter().position(|known| *known == open) {
                    record.open.remove(at);
                }
            })?;
        }
        Ok(())
    }

    /// Plugs a disk; the answer is its device name.
    pub async fn plug_disk(&self, uuid: &str, disk: Disk) -> Result<String> {
        if let Err(failure) = self.plug(uuid, &disk).await {
            self.forget_disk(uuid, &disk).await?;
            return Err(failure);
        }
        Ok(config::guest_device(disk.position))
    }

    /// Unplugs a disk; `false` when the guest refuses.
    pub async fn unplug_disk(&self, uuid: &str, position: u32, force: bool) -> Result<bool> {
        let domid = self.need(uuid).await?.to_string();
        let device = config::vdev(position, self.is_hvm(uuid)?);
        let mut args = vec!["block-detach", domid.as_str(), device.as_str()];
        if force {
            args.push("--force");
        }
        if let Err(failure) = self.xl.slow(&args).await {
            tracing::info!(%failure, uuid, device, "a disk could not be unplugged");
            return Ok(false);
        }
        let record = self.records.get(uuid)?;
        let disks = record.map(|record| record.spec.disks).unwrap_or_default();
        if let Some(disk) = disks.into_iter().find(|disk| disk.position == position) {
            self.let_go(uuid, &disk).await?;
        }
        self.amend(uuid, |record| record.spec.disks.retain(|known| known.position != position))?;
        Ok(true)
    }

    /// Changes what is in a drive.
    pub async fn change_medium(&self, uuid: &str, disk: Disk) -> Result<()> {
        let domid = self.need(uuid).await?.to_string();
        let device = config::vdev(disk.position, self.is_hvm(uuid)?);
        let record = self.records.get(uuid)?;
        let before = record.and_then(|r| r.spec.disks.into_iter().find(|d| d.position == disk.position));
        match &disk.volume {
            None => {
                self.xl.slow(&["cd-eject", &domid, &device]).await?;
            }
            Some((sr, location)) => {
                self.amend(uuid, |record| record.open.extend(volume(&disk)))?;
                let inserted = async {
                    let path = match self.storage.open_volume(sr, location, false).await? {
                        DataPath::Block(path) | DataPath::File(path) => path,
                        DataPath::Nbd { .. } => {
                            return Err(config::no_socket());
                        }
                    };
                    let path = path.to_string_lossy().into_owned();
                    config::sane("target", &path)?;
                    self.xl.slow(&["cd-insert", &domid, &device, &path]).await.map(|_| ())
                };
                if let Err(failure) = inserted.await {
                    self.let_go(uuid, &disk).await?;
                    return Err(failure);
                }
            }
        }
        if let Some(before) = &before {
            self.let_go(uuid, before).await?;
        }
        self.amend(uuid, |record| {
            record.spec.disks.retain(|known| known.position != disk.position);
            record.spec.disks.push(disk);
        })
    }

    /// Plugs a network card.
    pub async fn plug_nic(&self, uuid: &str, nic: Nic) -> Result<()> {
        let domid = self.need(uuid).await?.to_string();
        let Some(record) = self.records.get(uuid)? else {
            return Err(Failure::internal(format!("domain {uuid} is not ours")));
        };
        let line = config::nic_line(&record.spec, &nic, &self.place)?;
        // The emulated card of a running machine cannot be added.
        let line = line.replace("type=ioemu", "type=vif");
        let words: Vec<&str> = line.split(',').filter(|word| !word.starts_with("model=")).collect();
        let mut args = vec!["network-attach", &domid];
        args.extend(words);
        self.xl.slow(&args).await?;
        self.amend(uuid, |record| {
            record.spec.nics.retain(|known| known.position != nic.position);
            record.spec.nics.push(nic);
        })
    }

    /// The card is on another bridge, whose port was moved by whoever makes bridges. What xl's scripts read follows.
    pub async fn move_nic(&self, uuid: &str, nic: Nic) -> Result<()> {
        let domid = self.need(uuid).await?;
        let node = format!("/local/domain/{domid}/device/vif/{}/backend", nic.position);
        if let Some(backend) = self.store.find(&node).await? {
            let bridge = (format!("{backend}/bridge"), nic.bridge.clone());
            self.store.commit(&[Change::Write(bridge.0, bridge.1)]).await?;
        }
        self.amend(uuid, |record| {
            record.spec.nics.retain(|known| known.position != nic.position);
            record.spec.nics.push(nic);
        })
    }

    /// Unplugs a network card.
    pub async fn unplug_nic(&self, uuid: &str, position: u32) -> Result<()> {
        let domid = self.need(uuid).await?.to_string();
        self.xl.slow(&["network-detach", &domid, &position.to_string()]).await?;
        self.amend(uuid, |record| record.spec.nics.retain(|known| known.position != position))
    }

    /// Takes back a USB device; one the guest does not have is fine.
    pub async fn unplug_usb(&self, uuid: &str, path: &str) -> Result<()> {
        let domid = self.need(uuid).await?.to_string();
        let record = self.records.get(uuid)?;
        let known = record.and_then(|record| record.spec.usb.into_iter().find(|known| known.path == path));
        let Some(known) = known else { return Ok(()) };
        self.xl.slow(&["usbdev-detach", &domid, "0", &known.port.to_string()]).await?;
        self.amend(uuid, |record| record.spec.usb.retain(|known| known.path != path))
    }
}

/// A disk's volume as it is remembered: SR, location, writable.
pub fn volume(disk: &Disk) -> Option<(String, String, bool)> {
    disk.volume.clone().map(|(sr, location)| (sr, location, disk.writable && !disk.cd))
}
