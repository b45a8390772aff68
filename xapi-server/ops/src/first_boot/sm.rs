//! Storage manager rows: one per type of storage repository. What a driver can do is its own to say.

use std::path::{Path, PathBuf};

use xapi_backend::{
    features,
    storage::{Driver, Storage},
};
use xapi_schema::{
    Class, ClassId, Map, Ref, Result, Value,
    classes::{Sm, Sr, sm, sr},
};
use xapi_store::{Read, Tx};

use super::{Pairs, Seed, SmRow};

/// See [`TYPES`].
type Known = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Type, name, keys of `device_config` (required ones marked). Names and versions are those clients show and compare;
/// what the drivers can do they say themselves.
#[rustfmt::skip]
const TYPES: &[Known] = &[
    ("ext", "Local EXT3 VHD", &[("device", "local device path (required)")]),
    ("xfs", "Local XFS VHD", &[("device", "local device path (required)")]),
    ("lvm", "Local VHD on LVM", &[("device", "local device path (required)")]),
    ("lvmoiscsi", "LVHD over iSCSI", &[("target", "IP address or name of the target (required)"), ("targetIQN", "IQN of the target (required)"), ("SCSIid", "SCSI id of the LUN (required)"), ("chapuser", "user for CHAP (optional)"), ("chappassword", "password for CHAP (optional)"), ("port", "port of the target (optional)")]),
    ("lvmohba", "LVHD over FC", &[("SCSIid", "SCSI id of the LUN (required)")]),
    ("nfs", "NFS VHD", &[("server", "name or address of the server (required)"), ("serverpath", "exported path (required)"), ("nfsversion", "protocol version (optional)"), ("options", "mount options (optional)")]),
    ("smb", "SMB VHD", &[("server", "//host/share (required)"), ("username", "user (optional)"), ("password", "password (optional)")]),
    ("file", "Local Path VHD", &[("location", "directory (required)")]),
    ("iso", "ISO", &[("location", "path of the directory or share (required)"), ("type", "cifs or nfs_iso (optional)"), ("options", "mount options (optional)")]),
    ("udev", "udev", &[("location", "directory of the device links (required)")]),
    ("dummy", "dummy", &[]),
];

/// Makes the rows that a file gives, where they are missing. Without such a file they are made of what is served, by
/// [`agree`].
///
/// # Errors
/// Those of the store.
pub fn establish(tx: &mut Tx, seed: &Seed) -> Result<()> {
    let mut present = Vec::new();
    for row in tx.all::<Sm>() {
        present.push(tx.get(&row, sm::r#type)?);
    }
    for row in seed.sm.iter().flatten().filter(|row| !present.contains(&row.r#type)) {
        create(tx, row)?;
    }
    Ok(())
}

/// Who serves which types.
pub struct Served {
    /// Types of our own drivers, and what each can do.
    pub own: Vec<(String, Vec<String>)>,
    /// Drivers that are programs.
    pub programs: Vec<Driver>,
    /// Where such are looked for.
    pub programs_in: Option<PathBuf>,
}

impl Served {
    /// By a storage.
    pub fn by(storage: &dyn Storage) -> Served {
        let (programs_in, programs) = match storage.drivers() {
            Some((dir, drivers)) => (Some(dir.into()), drivers),
            None => (None, Vec::new()),
        };
        let own = storage.kinds().into_iter().filter(|kind| programs.iter().all(|p| p.kind != *kind));
        Served {
            own: own.map(|kind| (kind.clone(), storage.features(&kind))).collect(),
            programs,
            programs_in,
        }
    }
}

/// Makes the rows agree with the drivers there are. Each driver has a row, and that says what the driver can do now,
/// whoever wrote it: an older version of ours, or the stack a host was taken over from. A row
/// goes when its program has gone from the directory of such, or when it is one of ours that is neither served nor used by an
/// SR. Any other that nobody serves stays, as one that can do nothing.
///
/// # Errors
/// Those of the store.
pub fn agree(tx: &mut Tx, served: &Served) -> Result<()> {
    let mut used = Vec::new();
    for this in tx.all::<Sr>() {
        used.push(tx.get(&this, sr::r#type)?);
    }
    let mut present = Vec::new();
    for row in tx.all::<Sm>() {
        let kind = tx.get(&row, sm::r#type)?;
        if served.programs.iter().any(|driver| driver.kind == kind) {
            continue;
        }
        match served.own.iter().find(|(own, _)| *own == kind) {
            Some((_, can)) if !present.contains(&kind) => {
                say(tx, &row, can)?;
                present.push(kind);
            }
            Some(_) => tx.destroy(&row)?,
            None => {
                let ours = TYPES.iter().any(|(known, ..)| *known == kind);
                let file = tx.get(&row, sm::driver_filename)?;
                let gone =
                    served.programs_in.as_deref().is_some_and(|dir| Path::new(&file).parent() == Some(dir));
                if gone || (ours && !used.contains(&kind)) { tx.destroy(&row)? } else { say(tx, &row, &[])? }
            }
        }
    }
    for (kind, can) in served.own.iter().filter(|(kind, _)| !present.contains(kind)) {
        if let Some(known) = TYPES.iter().find(|(known, ..)| known == kind) {
            create(tx, &SmRow { features: can.clone(), ..row_of(known) })?;
        }
    }
    for driver in &served.programs {
        of_program(tx, driver)?;
    }
    Ok(())
}

/// Writes what a driver can do, where its row says something else.
fn say(tx: &mut Tx, this: &Ref<Sm>, can: &[String]) -> Result<()> {
    let versions = versions(can);
    let names: Vec<String> = versions.iter().map(|(name, _)| name.clone()).collect();
    if tx.get(this, sm::features)?.0 == versions && tx.get(this, sm::capabilities)? == names {
        return Ok(());
    }
    tx.set(this, sm::features, Map(versions))?;
    tx.set(this, sm::capabilities, names)
}

fn of_program(tx: &mut Tx, driver: &Driver) -> Result<()> {
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
    let Some(present) = present else {
        return tx.create_value(ClassId::Sm, None, &Value::map(members)).map(drop);
    };
    for (name, value) in members {
        let index = Class::of(ClassId::Sm).fields.iter().position(|field| field.name == name);
        index.map_or(Ok(()), |at| tx.set_value(ClassId::Sm, present.as_str(), at, value))?;
    }
    Ok(())
}

fn row_of((r#type, name, keys): &Known) -> SmRow {
    SmRow {
        r#type: r#type.to_string(),
        name_label: name.to_string(),
        name_description: format!("Storage repositories of type {type}"),
        vendor: if *r#type == "lvm" { "XenSource Inc" } else { "Citrix Systems Inc" }.into(),
        copyright: String::new(),
        version: "1.0".into(),
        required_api_version: if matches!(*r#type, "udev" | "dummy") { "1.1" } else { "1.0" }.into(),
        configuration: Pairs::of(keys),
        features: Vec::new(),
    }
}

/// Words as names and versions, in order.
fn versions(words: &[String]) -> Vec<(String, i64)> {
    let mut found: Vec<(String, i64)> = words
        .iter()
        .map(|word| {
            let (name, version) = features::split(word);
            (name.to_owned(), version)
        })
        .collect();
    found.sort();
    found
}

fn create(tx: &mut Tx, row: &SmRow) -> Result<()> {
    let members = members(row, &format!("/opt/xensource/sm/{}SR", row.r#type));
    tx.create_value(ClassId::Sm, None, &Value::map(members)).map(drop)
}

fn members(row: &SmRow, filename: &str) -> Vec<(&'static str, Value)> {
    let features = versions(&row.features);
    vec![
        ("type", Value::str(row.r#type.as_str())),
        ("name_label", Value::str(row.name_label.as_str())),
        ("name_description", Value::str(row.name_description.as_str())),
        ("vendor", Value::str(row.vendor.as_str())),
        ("copyright", Value::str(row.copyright.as_str())),
        ("version", Value::str(row.version.as_str())),
        ("required_api_version", Value::str(row.required_api_version.as_str())),
        ("configuration", row.configuration.value()),
        (
            "features",
            Value::map(features.iter().map(|(name, version)| (name.as_str(), Value::Int(*version)))),
        ),
        ("capabilities", Value::set(features.iter().map(|(name, _)| Value::str(name.as_str())))),
        ("driver_filename", Value::str(filename)),
    ]
}
