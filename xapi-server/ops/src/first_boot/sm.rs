//! Storage manager rows: one per type of storage repository.

use xapi_backend::storage::Driver;
use xapi_schema::{
    Class, ClassId, Result, Value,
    classes::{Sm, Sr, sm, sr},
};
use xapi_store::{Read, Tx};

use super::{Pairs, Seed, SmRow};

/// What every driver of virtual disks can do. Unlike the original's, ours revert a disk themselves.
const BASE: &str = "SR_PROBE SR_UPDATE VDI_CREATE VDI_DELETE VDI_ATTACH VDI_DETACH VDI_CLONE VDI_SNAPSHOT VDI_RESIZE \
                    VDI_MIRROR VDI_ACTIVATE VDI_DEACTIVATE VDI_REVERT";
const EXT: &str = "SR_SUPPORTS_LOCAL_CACHING VDI_UPDATE VDI_GENERATE_CONFIG VDI_RESET_ON_BOOT/2 VDI_CONFIG_CBT \
                   THIN_PROVISIONING VDI_READ_CACHING";
const LVM: &str = "SR_TRIM VDI_RESET_ON_BOOT/2 VDI_UPDATE VDI_CONFIG_CBT";
const ISCSI: &str = "SR_TRIM VDI_RESET_ON_BOOT/2 VDI_UPDATE VDI_CONFIG_CBT SR_METADATA VDI_GENERATE_CONFIG";
const NFS: &str = "SR_CACHING VDI_UPDATE VDI_GENERATE_CONFIG VDI_RESET_ON_BOOT/2 VDI_CONFIG_CBT THIN_PROVISIONING \
                   VDI_READ_CACHING";
const FILE: &str = "VDI_GENERATE_CONFIG VDI_CONFIG_CBT THIN_PROVISIONING";

/// See [`TYPES`].
type Known = (&'static str, &'static str, bool, &'static str, &'static [(&'static str, &'static str)]);

/// Type, name, whether the base set applies, further features, keys of `device_config` (required ones
/// marked). Names and versions are those clients show and compare.
#[rustfmt::skip]
const TYPES: &[Known] = &[
    ("ext", "Local EXT3 VHD", true, EXT, &[("device", "local device path (required)")]),
    ("xfs", "Local XFS VHD", true, EXT, &[("device", "local device path (required)")]),
    ("lvm", "Local VHD on LVM", true, LVM, &[("device", "local device path (required)")]),
    ("lvmoiscsi", "LVHD over iSCSI", true, ISCSI, &[("target", "IP address or name of the target (required)"), ("targetIQN", "IQN of the target (required)"), ("SCSIid", "SCSI id of the LUN (required)"), ("chapuser", "user for CHAP (optional)"), ("chappassword", "password for CHAP (optional)"), ("port", "port of the target (optional)")]),
    ("lvmohba", "LVHD over FC", true, ISCSI, &[("SCSIid", "SCSI id of the LUN (required)")]),
    ("nfs", "NFS VHD", true, NFS, &[("server", "name or address of the server (required)"), ("serverpath", "exported path (required)"), ("nfsversion", "protocol version (optional)"), ("options", "mount options (optional)")]),
    ("smb", "SMB VHD", true, NFS, &[("server", "//host/share (required)"), ("username", "user (optional)"), ("password", "password (optional)")]),
    ("file", "Local Path VHD", true, FILE, &[("location", "directory (required)")]),
    ("iso", "ISO", false, "VDI_CREATE VDI_DELETE VDI_ATTACH VDI_DETACH SR_SCAN SR_ATTACH SR_DETACH", &[("location", "path of the directory or share (required)"), ("type", "cifs or nfs_iso (optional)"), ("options", "mount options (optional)")]),
    ("udev", "udev", false, "VDI_INTRODUCE VDI_ATTACH VDI_DETACH VDI_UPDATE SR_UPDATE", &[("location", "directory of the device links (required)")]),
    ("dummy", "dummy", false, "SR_UPDATE", &[]),
];

/// Makes the rows that are missing.
pub fn establish(tx: &mut Tx, seed: &Seed) -> Result<()> {
    let rows = seed.sm.clone().unwrap_or_else(|| TYPES.iter().map(known).collect());
    let mut present = Vec::new();
    for row in tx.all::<Sm>() {
        present.push(tx.get(&row, sm::r#type)?);
    }
    for row in rows.iter().filter(|row| !present.contains(&row.r#type)) {
        create(tx, row)?;
    }
    Ok(())
}

/// Makes the rows of drivers that are programs agree with what they say now: new ones get a row, changed ones are
/// written anew, and rows of programs of `dir` that are gone go. Of our own drivers those that are served have a row;
/// one that is not keeps it only as long as there are SRs of its type.
///
/// # Errors
/// Those of the store.
pub fn agree(tx: &mut Tx, dir: &str, drivers: &[Driver], kinds: &[String]) -> Result<()> {
    let mut used = Vec::new();
    for this in tx.all::<Sr>() {
        used.push(tx.get(&this, sr::r#type)?);
    }
    let mut present = Vec::new();
    for row in tx.all::<Sm>() {
        let (kind, file) = (tx.get(&row, sm::r#type)?, tx.get(&row, sm::driver_filename)?);
        let ours = TYPES.iter().any(|(known, ..)| *known == kind);
        let theirs = std::path::Path::new(&file).parent() == Some(std::path::Path::new(dir));
        let idle = ours && !kinds.contains(&kind) && !used.contains(&kind);
        if idle || (!ours && theirs && !drivers.iter().any(|d| d.kind == kind)) {
            tx.destroy(&row)?;
        } else {
            present.push(kind);
        }
    }
    for row in TYPES.iter().map(known).filter(|row| kinds.contains(&row.r#type)) {
        if !present.contains(&row.r#type) {
            create(tx, &row)?;
        }
    }
    for driver in drivers {
        let row = SmRow {
            r#type: driver.kind.clone(),
            name_label: driver.name.clone(),
            name_description: driver.description.clone(),
            vendor: driver.vendor.clone(),
            copyright: driver.copyright.clone(),
            version: driver.version.clone(),
            required_api_version: driver.required_api_version.clone(),
            configuration: Pairs(driver.configuration.clone()),
            features: driver.features.clone(),
        };
        let members = members(&row, &driver.filename);
        let present =
            tx.all::<Sm>().into_iter().find(|this| tx.get(this, sm::r#type).is_ok_and(|k| k == driver.kind));
        match present {
            Some(present) => {
                for (name, value) in members {
                    let index = Class::of(ClassId::Sm).fields.iter().position(|field| field.name == name);
                    index.map_or(Ok(()), |at| tx.set_value(ClassId::Sm, present.as_str(), at, value))?;
                }
            }
            None => {
                tx.create_value(ClassId::Sm, None, &Value::map(members))?;
            }
        }
    }
    Ok(())
}

fn known((r#type, name, base, more, keys): &Known) -> SmRow {
    let base = if *base { BASE } else { "" };
    SmRow {
        r#type: r#type.to_string(),
        name_label: name.to_string(),
        name_description: format!("Storage repositories of type {type}"),
        vendor: if *r#type == "lvm" { "XenSource Inc" } else { "Citrix Systems Inc" }.into(),
        copyright: String::new(),
        version: "1.0".into(),
        required_api_version: if matches!(*r#type, "udev" | "dummy") { "1.1" } else { "1.0" }.into(),
        configuration: Pairs::of(keys),
        features: format!("{base} {more}").split_whitespace().map(str::to_string).collect(),
    }
}

fn create(tx: &mut Tx, row: &SmRow) -> Result<()> {
    let members = members(row, &format!("/opt/xensource/sm/{}SR", row.r#type));
    tx.create_value(ClassId::Sm, None, &Value::map(members)).map(drop)
}

fn members(row: &SmRow, filename: &str) -> Vec<(&'static str, Value)> {
    let mut features: Vec<(&str, i64)> = row
        .features
        .iter()
        .map(|feature| match feature.split_once('/') {
            Some((name, version)) => (name, version.parse().unwrap_or(1)),
            None => (feature.as_str(), 1),
        })
        .collect();
    features.sort();
    vec![
        ("type", Value::str(row.r#type.as_str())),
        ("name_label", Value::str(row.name_label.as_str())),
        ("name_description", Value::str(row.name_description.as_str())),
        ("vendor", Value::str(row.vendor.as_str())),
        ("copyright", Value::str(row.copyright.as_str())),
        ("version", Value::str(row.version.as_str())),
        ("required_api_version", Value::str(row.required_api_version.as_str())),
        ("configuration", row.configuration.value()),
        ("features", Value::map(features.iter().map(|(name, version)| (*name, Value::Int(*version))))),
        ("capabilities", Value::set(features.iter().map(|(name, _)| Value::str(*name)))),
        ("driver_filename", Value::str(filename)),
    ]
}
