//! Disks of guests and their links. Disks only grow; what isn't declared any longer is unlinked here and removed elsewhere.

use serde_json::json;

use super::{Planner, domain::object};
use crate::{
    action::{Action, Kind},
    manifest::{Boot, Disk, Domain},
    world::{Class, Record, mark, marked, number, text},
};

/// A disk or drive as it is wanted.
pub(super) struct WantedDisk {
    device: String,
    vdi: String,
    kind: &'static str,
    read_only: bool,
    bootable: bool,
}

impl WantedDisk {
    fn mode(&self) -> &'static str {
        if self.read_only { "RO" } else { "RW" }
    }
}

impl Planner<'_> {
    /// Makes what disks are missing; `None` when something that has to exist does not.
    pub(super) fn disks(&mut self, domain: &Domain) -> Option<Vec<WantedDisk>> {
        let mut wanted = Vec::new();
        for disk in &domain.disks {
            let vdi = self.disk(domain, disk)?;
            wanted.push(WantedDisk {
                device: disk.position.to_string(),
                vdi,
                kind: "Disk",
                read_only: disk.read_only,
                bootable: disk.bootable,
            });
        }
        if let Boot::Iso { iso } = &domain.boot {
            let image = self.world.of(Class::Vdi).find(|(_, record)| {
                let sr = self.world.get(Class::Sr, &text(record, "SR"));
                text(record, "name_label") == *iso && sr.is_some_and(|sr| text(sr, "content_type") == "iso")
            });
            let Some((vdi, _)) = image else {
                self.refuse(&domain.option, format!("no ISO repository has an image {iso:?}"));
                return None;
            };
            let vdi = vdi.clone();
            let device = domain.disks.len().max(3).to_string();
            wanted.push(WantedDisk { device, vdi, kind: "CD", read_only: true, bootable: true });
        }
        Some(wanted)
    }

    fn disk(&mut self, domain: &Domain, disk: &Disk) -> Option<String> {
        let option = domain.option.as_str();
        let id = disk_id(disk);
        let mut marks = self.marks(option, &id, domain.policy);
        let copied = disk.path.is_some();
        let on_remove = if copied || !disk.keep { "destroy" } else { "keep" };
        marks.insert(mark::ON_REMOVE, if disk.adopted { "keep" } else { on_remove }.into());
        let label = format!("{} {}", domain.label, disk.name);
        if let Some((reference, record)) = self.world.find(Class::Vdi, &id) {
            let (reference, record) = (reference.clone(), record.clone());
            if !disk.adopted {
                self.fields(Class::Vdi, option, &reference, &record, &[("name_label", json!(label))]);
            }
            self.mark(Class::Vdi, option, &reference, &record, &marks);
            if let Some(path) = &disk.path
                && marked(&record, mark::FILLED) != Some(path)
            {
                self.fill(option, &reference, path);
            }
            return Some(reference);
        }
        if disk.adopted {
            self.refuse(option, format!("the disk {:?} with the UUID {} is not there", disk.name, disk.uuid));
            return None;
        }
        let home = match &disk.repository {
            Some(name) => self.manifest.repository(name).map(|one| one.uuid.clone()),
            None => self.manifest.storage.iter().find(|one| one.default).map(|one| one.uuid.clone()),
        };
        let home = home.and_then(|uuid| self.known.get(&(Class::Sr, uuid)).cloned()).or_else(|| {
            let pool = self.world.of(Class::Pool).next().filter(|_| disk.repository.is_none())?.1;
            let sr = text(pool, "default_SR");
            self.world.get(Class::Sr, &sr).map(|_| sr)
        });
        let Some(home) = home else {
            self.refuse(option, format!("there is no repository for the disk {:?}", disk.name));
            return None;
        };
        let size = match &disk.path {
            Some(path) => self.world.files.get(path).copied(),
            None => disk.size,
        };
        let Some(size) = size else {
            let path = disk.path.as_deref().unwrap_or_default();
            self.refuse(option, format!("the file {path} of the disk {:?} can't be read", disk.name));
            return None;
        };
        let record = object(json!({
            "name_label": label, "name_description": "", "SR": home, "virtual_size": size, "type": "user",
            "sharable": disk.read_only, "read_only": false, "xenstore_data": {}, "sm_config": {}, "tags": [],
        }));
        let what = format!("make the disk {label:?} of {size} bytes");
        let target = self.create(Class::Vdi, option, &id, &what, record, &marks);
        self.known.insert((Class::Vdi, id), target.clone());
        if let Some(path) = &disk.path {
            self.fill(option, &target, path);
        }
        Some(target)
    }

    fn fill(&mut self, option: &str, target: &str, path: &str) {
        let action = Action::Fill { target: target.into(), path: path.into() };
        self.step(Kind::Create, option, format!("copy {path} into it"), action);
        self.put(Kind::Create, Class::Vdi, option, target, mark::FILLED, Some(path));
    }

    pub(super) fn new_disk_link(&mut self, domain: &Domain, vm: &str, disk: &WantedDisk) {
        let id = format!("{}/disk/{}", domain.uuid, disk.device);
        let record = object(json!({
            "VM": vm, "VDI": disk.vdi, "userdevice": disk.device, "bootable": disk.bootable, "mode": disk.mode(),
            "type": disk.kind, "unpluggable": true, "empty": false, "qos_algorithm_type": "",
            "qos_algorithm_params": {},
        }));
        let marks = self.marks(&domain.option, &id, domain.policy);
        let what = format!("give {:?} disk {}", domain.label, disk.device);
        self.create(Class::Vbd, &domain.option, &id, &what, record, &marks);
    }

    pub(super) fn disk_links(&mut self, domain: &Domain, vm: &str, wanted: &[WantedDisk]) {
        let option = domain.option.as_str();
        let have: Vec<(String, Record)> = self.devices(Class::Vbd, vm);
        let mut kept = Vec::new();
        for (reference, record) in have {
            let device = number(&record, "userdevice").to_string();
            let matching = wanted.iter().position(|disk| disk.device == device);
            match matching.map(|at| (at, &wanted[at])) {
                Some((at, disk))
                    if text(&record, "VDI") == disk.vdi
                        && text(&record, "type") == disk.kind
                        && !kept.contains(&at) =>
                {
                    kept.push(at);
                    self.fields(
                        Class::Vbd,
                        option,
                        &reference,
                        &record,
                        &[("mode", json!(disk.mode())), ("bootable", json!(disk.bootable))],
                    );
                    let marks = self.marks(option, &format!("{}/disk/{device}", domain.uuid), domain.policy);
                    self.mark(Class::Vbd, option, &reference, &record, &marks);
                }
                None if text(&record, "type") == "CD" && marked(&record, mark::OPTION).is_none() => {}
                _ => {
                    let action = Action::Destroy { class: Class::Vbd, target: reference };
                    self.step(
                        Kind::Change,
                        option,
                        format!("take disk {device} from {:?}", domain.label),
                        action,
                    );
                }
            }
        }
        self.grow(domain);
        for (at, disk) in wanted.iter().enumerate() {
            if !kept.contains(&at) {
                self.new_disk_link(domain, vm, disk);
            }
        }
    }

    pub(super) fn grow(&mut self, domain: &Domain) {
        for disk in domain.disks.iter().filter(|disk| !disk.adopted) {
            let (Some(wanted), Some((reference, record))) =
                (disk.size, self.world.find(Class::Vdi, &disk_id(disk)))
            else {
                continue;
            };
            if number(record, "virtual_size") < wanted as i64 {
                let action = Action::Grow { target: reference.clone(), bytes: wanted };
                let what = format!("the disk {:?} grows to {wanted} bytes", disk.name);
                self.step(Kind::Change, &domain.option, what, action);
            }
        }
    }
}

/// What a disk is known by. A copy of a file is known by the file, too: another file is another disk.
pub(super) fn disk_id(disk: &Disk) -> String {
    match &disk.path {
        Some(path) if !disk.adopted => format!("{}:{path}", disk.uuid),
        _ => disk.uuid.clone(),
    }
}
