//! Disks and network cards of running domains.

use std::{path::Path, time::Duration};

use xapi_backend::{
    hypervisor::{Devices, Disk, DomainKind, Nic},
    program::Program,
    storage::DataPath,
};
use xapi_schema::{Failure, Result};

use crate::{config, guest, positions, records::Record, shared::Shared, xenstore::Change};

/// The devices of a domain, and the volumes that are open for them.
pub struct Outcome {
    pub disks: Vec<Disk>,
    pub nics: Vec<Nic>,
    pub open: Vec<(String, String, bool)>,
}

/// Where the kernel's driver is that keeps PCI devices for guests.
const PCI_KEEPER: &str = "/sys/bus/pci/drivers/pciback";

/// Sees to it that the kernel can keep PCI devices for guests; xl gives it those it needs.
///
/// # Errors
/// INTERNAL_ERROR where the kernel has no driver for that.
pub async fn keep_pci() -> Result<()> {
    if Path::new(PCI_KEEPER).exists() {
        return Ok(());
    }
    let load = Program::new("modprobe").args(["-q", "xen-pciback"]).deadline(Duration::from_secs(60));
    load.succeed().await.map(drop).map_err(|failure| {
        Failure::internal(format!("the kernel can't keep PCI devices for guests (xen-pciback): {failure}"))
    })
}

impl Shared {
    /// Where xenstore keeps the backend of a disk.
    pub async fn backend(&self, domid: u32, position: u32, hvm: bool) -> Result<Option<String>> {
        let number = config::vdev_number(position, hvm);
        Ok(self.store.find(&format!("/local/domain/{domid}/device/vbd/{number}/backend")).await?)
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
        match self.backend(domid, disk.position, hvm).await? {
            Some(backend) if guest::is_told(disk) => {
                Ok(self.store.commit(&guest::disk_entries(&backend, disk)).await?)
            }
            _ => Ok(()),
        }
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
        let there = positions::positions(&disks, &nics, self.is_hvm(uuid)?);
        let known = self.records.get(uuid)?.map(|record| record.spec.disks).unwrap_or_default();
        let drives = known.into_iter().filter(|disk| disk.cd && there.disks.contains(&disk.position));
        let media =
            drives.map(|drive| (drive.position, drive.volume.map_or_else(String::new, |_| drive.vdi)));
        Ok(Some(Devices { media: media.collect(), ..there }))
    }

    /// Devices of a domain after its toolstack died: where a plug, an unplug or a change of medium was cut short, the
    /// domain tells how it ended. Changes nothing.
    pub async fn look_at_devices(&self, record: &Record) -> Result<Option<Outcome>> {
        let uuid = &record.spec.uuid;
        let (Some(domid), Some(there)) = (self.find(uuid).await?, self.devices(uuid).await?) else {
            return Ok(None);
        };
        let hvm = record.spec.kind == DomainKind::Hvm;
        let (mut disks, mut nics) = (record.spec.disks.clone(), record.spec.nics.clone());
        nics.retain(|nic| there.nics.contains(&nic.position));
        disks.retain(|disk| {
            let stays = there.disks.contains(&disk.position);
            if !stays {
                tracing::warn!(uuid, position = disk.position, "a disk is not in its domain any more");
            }
            stays
        });
        if let Some((wanted, path)) = &record.changing
            && let Some(drive) = disks.iter_mut().find(|disk| disk.position == wanted.position)
        {
            let holds = positions::medium(&self.params(domid, wanted.position, hvm).await?).to_owned();
            if holds == *path {
                *drive = wanted.clone();
            } else if holds.is_empty() {
                // The old one was taken out, and the new one did not come in.
                *drive = Disk { volume: None, vdi: String::new(), ..drive.clone() };
            }
            tracing::warn!(uuid, position = wanted.position, holds, "a change of medium was cut short");
        }
        let mut open = Vec::new();
        for volume in disks.iter().filter_map(volume) {
            if record.open.contains(&volume) {
                open.push(volume);
            }
        }
        Ok(Some(Outcome { disks, nics, open }))
    }

    /// What the backend of a disk serves.
    async fn params(&self, domid: u32, position: u32, hvm: bool) -> Result<String> {
        let number = config::vdev_number(position, hvm);
        let node = format!("/local/domain/{domid}/device/vbd/{number}/backend");
        let Some(backend) = self.store.find(&node).await? else { return Ok(String::new()) };
        Ok(self.store.find(&format!("{backend}/params")).await?.unwrap_or_default())
    }

    /// Writes down how the devices of a domain are.
    pub fn write_devices(&self, uuid: &str, outcome: Outcome) -> Result<()> {
        self.amend(uuid, |record| {
            record.spec.disks = outcome.disks;
            record.spec.nics = outcome.nics;
            record.open = outcome.open;
            record.changing = None;
        })
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
                self.amend(uuid, |record| record.changing = Some((disk.clone(), String::new())))?;
                if let Err(failure) = self.xl.slow(&["cd-eject", &domid, &device]).await {
                    self.amend(uuid, |record| record.changing = None)?;
                    return Err(failure);
                }
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
                    self.amend(uuid, |record| record.changing = Some((disk.clone(), path.clone())))?;
                    self.xl.slow(&["cd-insert", &domid, &device, &path]).await.map(|_| ())
                };
                if let Err(failure) = inserted.await {
                    self.let_go(uuid, &disk).await?;
                    self.amend(uuid, |record| record.changing = None)?;
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
            record.changing = None;
        })
    }

    /// Plugs a network card.
    pub async fn plug_nic(&self, uuid: &str, nic: Nic) -> Result<()> {
        let domid = self.need(uuid).await?.to_string();
        let Some(record) = self.records.get(uuid)? else {
            return Err(Failure::internal(format!("domain {uuid} is not ours")));
        };
        let line = config::nic_line(&record.spec, &nic, self.card_script)?;
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
