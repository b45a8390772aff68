//! What a new domain finds in xenstore besides what libxl puts there. Pure.

use base64::Engine;
use xapi_backend::hypervisor::{Disk, DomainKind, DomainSpec};

use crate::xenstore::{Change, wire};

/// Nodes a guest's agent writes below; without them agents silently do nothing. libxl makes `attr`, `data`, `drivers`,
/// `error` and `feature` alike, which is why they are not made again: each word to xenstore is a part of what a start costs.
const GUEST_OWNED: &[&str] = &["control", "messages", "rrd", "vm-data", "xenserver"];
/// Prefixes of entries a VM's record may put into its domain.
const PUBLISHED: &[&str] = &["vm-data", "FIST"];
/// Longest value, so that it fits into a message with its path.
const LONGEST: usize = 3_000;

fn write(path: String, value: impl Into<String>) -> Change {
    Change::Write(path, value.into())
}

/// Entries of `VM.xenstore_data` a guest gets to see: path below its domain, value.
pub fn published(data: &[(String, String)]) -> Vec<(String, String)> {
    let ours = |key: &str| PUBLISHED.iter().any(|p| key == *p || key.starts_with(&format!("{p}/")));
    let fit = |key: &str, value: &str| {
        wire::is_path(&format!("/{key}")) && !key.split('/').any(str::is_empty) && value.len() <= LONGEST
    };
    data.iter().filter(|(k, v)| ours(k) && fit(k, v)).cloned().collect()
}

/// A label as a node's value: one line, not too long.
fn label(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(255).collect()
}

/// Everything written between the building of a domain and its first moment.
pub fn entries(spec: &DomainSpec, domid: u32, unique: &str) -> Vec<Change> {
    let domain = format!("/local/domain/{domid}");
    let at = |path: &str| format!("{domain}/{path}");
    let mut all = Vec::new();
    let owner = vec![format!("n{domid}")];
    for node in GUEST_OWNED {
        // Setting the value of a node that is there does no harm: libxl makes `control` empty too.
        all.push(write(at(node), ""));
        all.push(Change::Permit(at(node), owner.clone()));
    }
    // What is new belongs to whom the node above it belongs: here to the guest, further down to us with the guest as reader.
    all.push(write(at("xenserver/attr"), ""));
    let vendor_device = at("control/has-vendor-device");
    all.push(write(vendor_device.clone(), u8::from(spec.details.vendor_device).to_string()));
    all.push(Change::Permit(vendor_device, vec!["n0".into(), format!("r{domid}")]));
    let mut told = |path: &str, value: String| all.push(write(at(path), value));
    told("unique-domain-id", unique.into());
    let kib = |bytes: i64| (bytes / 1024).to_string();
    told("memory/dynamic-min", kib(spec.details.memory_min.min(spec.memory_target)));
    told("memory/dynamic-max", kib(spec.memory_target));
    told("memory/initial-target", kib(spec.memory_target));
    if spec.kind == DomainKind::PvInPvh {
        // xl wrote what guest and shim have together. The guest begins with all it may have and gives back the rest.
        told("memory/target", kib(spec.memory_target));
    }
    for (key, value) in &spec.platform {
        let path = format!("platform/{key}");
        if !key.contains('/') && wire::is_path(&format!("/{path}")) && value.len() <= LONGEST {
            told(&path, value.clone());
        }
    }
    if !spec.details.generation_id.is_empty() {
        told("platform/generation-id", spec.details.generation_id.clone());
    }
    for (key, value) in &spec.details.bios_strings {
        let path = format!("bios-strings/{key}");
        if !value.is_empty()
            && !key.contains('/')
            && wire::is_path(&format!("/{path}"))
            && value.len() <= LONGEST
        {
            told(&path, value.clone());
        }
    }
    for (key, value) in published(&spec.xenstore_data) {
        all.push(write(at(&key), value));
        all.push(Change::Permit(at(&key), owner.clone()));
    }
    // Shown by tools; two VMs may have the same.
    let name = label(&spec.name);
    if !name.is_empty() {
        all.push(write(at("name"), name));
    }
    all
}

/// A device identification page with our vendor's name and the uuid of a disk, and the page of its serial
/// number: by these Windows knows a disk again.
fn pages(vdi: &str) -> [(&'static str, String); 2] {
    let encode = |bytes: Vec<u8>| base64::engine::general_purpose::STANDARD.encode(bytes);
    let mut serial = vec![0x00, 0x80, 0x00, 0x12];
    serial.extend_from_slice(vdi.as_bytes().get(..16).unwrap_or_default());
    serial.extend_from_slice(b"  ");
    let mut identity = vec![0x00, 0x83, 0x00, 0x31, 0x02, 0x01, 0x00, 0x2d];
    identity.extend_from_slice(b"XENSRC  ");
    identity.extend_from_slice(vdi.as_bytes());
    identity.push(b' ');
    [("scsi/0x12/0x80", encode(serial)), ("scsi/0x12/0x83", encode(identity))]
}

/// The backend of a disk has something to say about it: not of an empty drive.
pub fn is_told(disk: &Disk) -> bool {
    disk.vdi.len() == 36
}

/// What the backend of a disk that [`is_told`] says about it.
pub fn disk_entries(backend: &str, disk: &Disk) -> Vec<Change> {
    let at = |key: &str| format!("{backend}/sm-data/{key}");
    let mut all =
        vec![write(at("vdi-uuid"), disk.vdi.clone()), write(at("storage-type"), disk.storage_type.clone())];
    all.extend(pages(&disk.vdi).into_iter().map(|(key, value)| write(at(key), value)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::test_spec;

    fn value<'a>(changes: &'a [Change], path: &str) -> Option<&'a str> {
        changes.iter().find_map(|change| match change {
            Change::Write(at, value) if at == path => Some(value.as_str()),
            _ => None,
        })
    }

    #[test]
    fn a_guest_finds_what_agents_need() {
        let mut spec = test_spec();
        spec.name = "two\nlines".into();
        spec.xenstore_data = vec![
            ("vm-data/role".into(), "web".into()),
            ("vm-data".into(), "top".into()),
            ("vm-datum".into(), "no".into()),
            ("device/vbd".into(), "no".into()),
            ("vm-data/../../0/name".into(), "no".into()),
        ];
        spec.details.bios_strings =
            vec![("bios-vendor".into(), "Xen".into()), ("system-version".into(), String::new())];
        spec.details.generation_id = "1:2".into();
        let all = entries(&spec, 7, "unique");
        let at = |path: &str| value(&all, &format!("/local/domain/7/{path}"));
        assert_eq!(at("vm-data/role"), Some("web"));
        assert_eq!(at("name"), Some("twolines"));
        assert_eq!(at("bios-strings/bios-vendor"), Some("Xen"));
        assert_eq!(at("bios-strings/system-version"), None);
        assert_eq!(at("platform/generation-id"), Some("1:2"));
        assert_eq!(at("unique-domain-id"), Some("unique"));
        assert_eq!(at("memory/dynamic-max"), Some("98304"));
        assert_eq!(at("device/vbd"), None);
        assert_eq!(value(&all, "/local/domain/0/name"), None);
        let permit = |node: &str, whom: &[&str]| {
            let whom = whom.iter().map(|one| one.to_string()).collect();
            all.contains(&Change::Permit(format!("/local/domain/7/{node}"), whom))
        };
        assert!(permit("messages", &["n7"]));
        assert!(permit("vm-data/role", &["n7"]));
        // Below what is the guest's, and not for it to write.
        assert!(permit("control/has-vendor-device", &["n0", "r7"]));
        // No `..` climbs: a node's name cannot be one of the characters' only, and the tree has no parents.
        assert!(all.iter().all(|change| match change {
            Change::Write(path, _) | Change::Remove(path) | Change::Permit(path, _) =>
                path.starts_with("/local/domain/7/"),
        }));
    }

    #[test]
    fn a_guest_behind_a_shim_is_told_its_own_memory_only() {
        let target = |kind: DomainKind| {
            let all = entries(&DomainSpec { kind, ..test_spec() }, 7, "unique");
            value(&all, "/local/domain/7/memory/target").map(str::to_owned)
        };
        assert_eq!(target(DomainKind::PvInPvh).as_deref(), Some("98304"));
        // For others xl has written it.
        assert_eq!(target(DomainKind::Pv), None);
    }

    #[test]
    fn a_disk_is_known_again_by_its_uuid() {
        let disk = Disk {
            position: 0,
            volume: None,
            writable: true,
            cd: false,
            vdi: "0e260f5c-8fb8-48c9-90fb-d389a294d22a".into(),
            storage_type: "lvm".into(),
        };
        let all = disk_entries("/b", &disk);
        assert_eq!(value(&all, "/b/sm-data/vdi-uuid"), Some("0e260f5c-8fb8-48c9-90fb-d389a294d22a"));
        assert_eq!(value(&all, "/b/sm-data/storage-type"), Some("lvm"));
        let decode = |key: &str| {
            let text = value(&all, &format!("/b/sm-data/{key}")).expect("there");
            base64::engine::general_purpose::STANDARD.decode(text).expect("base64")
        };
        let serial = decode("scsi/0x12/0x80");
        assert_eq!(&serial[4..], b"0e260f5c-8fb8-48  ");
        assert_eq!(serial[3] as usize, serial.len() - 4);
        let identity = decode("scsi/0x12/0x83");
        assert_eq!(identity[3] as usize, identity.len() - 4);
        assert_eq!(identity[7] as usize, identity.len() - 8);
        assert_eq!(&identity[8..16], b"XENSRC  ");
    }
}
