//! A volume of an SR of images: which format a new one gets, and how one is told of. Changes nothing.

use std::collections::HashMap;

use xapi_backend::storage::{SrConfig, Volume, backend_failure};
use xapi_schema::Result;
use xennix_disk::chain::Format;

use crate::{head::Found, images::rounded, place::value, repository::Repository};

/// The key of a PBD that says which formats new disks get, the first one that fits; and what stands for it where it is
/// not said. Volume groups and SMB hold no qcow2 of themselves, as in the original.
const PREFERRED: &str = "preferred-image-formats";
const USUAL: &str = "vhd,qcow2";
const VHD_ONLY: &str = "vhd";

/// The format of a new volume of `size` bytes: what the caller asks, else the first that the SR prefers and that can be
/// as large, else its first.
pub(crate) fn format(sr: &SrConfig, sm_config: &[(String, String)], size: i64) -> Result<Format> {
    let named = |name: &str| match name {
        "vhd" => Ok(Format::Vhd),
        "raw" | "aio" => Ok(Format::Raw),
        "qcow2" => Ok(Format::Qcow2),
        other => Err(backend_failure(66, "The VDI type is not supported", other)),
    };
    if value(sm_config, "type") == Some("raw") {
        return Ok(Format::Raw);
    }
    if let Some(name) = value(sm_config, "image-format").or(value(sm_config, "vdi_type")) {
        return named(name);
    }
    let usual = match sr.kind.as_str() {
        "lvm" | "lvmoiscsi" | "smb" => VHD_ONLY,
        _ => USUAL,
    };
    let said = value(&sr.device_config, PREFERRED).unwrap_or(usual);
    let formats = said.split(',').map(str::trim).filter(|name| !name.is_empty());
    let formats = formats.map(|name| named(&name.to_ascii_lowercase())).collect::<Result<Vec<Format>>>()?;
    let first = formats.first().copied().unwrap_or(Format::Vhd);
    Ok(formats.into_iter().find(|format| rounded(*format, size).is_ok()).unwrap_or(first))
}

/// One image for each uuid, the one that is found by it; others of that uuid are told of.
pub(crate) fn one_each(sr: &str, found: Vec<Found>) -> Vec<Found> {
    let rank =
        |format: Format| [Format::Vhd, Format::Raw, Format::Qcow2].iter().position(|one| *one == format);
    let mut best: HashMap<String, Option<usize>> = HashMap::new();
    for image in &found {
        let known = best.entry(image.uuid.clone()).or_insert_with(|| rank(image.format));
        *known = (*known).min(rank(image.format));
    }
    let (kept, others): (Vec<Found>, Vec<Found>) =
        found.into_iter().partition(|image| best.get(&image.uuid) == Some(&rank(image.format)));
    for image in others {
        tracing::warn!(sr, image = image.name, "another image has its uuid: it is left alone");
    }
    kept
}

/// What clients are told of an image.
pub(crate) fn volume_of(repository: &Repository, found: &Found) -> Volume {
    let images = &repository.images;
    let head = images.log_head(&found.uuid).ok().flatten();
    if head.is_some() {
        images.volumes.settle();
    }
    let vdi_type = match found.format {
        Format::Vhd => "vhd",
        Format::Raw => "aio",
        Format::Qcow2 => "qcow2",
    };
    let mut sm_config = vec![("vdi_type".to_string(), vdi_type.to_string())];
    if found.format == Format::Raw {
        sm_config.push(("type".into(), "raw".into()));
    }
    if let Some((parent, _)) = found.parent.as_deref().and_then(|p| images.naming.parse(p)) {
        sm_config.push(("vhd-parent".into(), parent.into()));
    }
    let told = images.volumes.known(&found.uuid).unwrap_or_default();
    let name = if found.hidden { "base copy".into() } else { told.name };
    let kind = if told.kind.is_empty() { "user".into() } else { told.kind };
    Volume {
        uuid: found.uuid.clone(),
        location: found.uuid.clone(),
        name,
        description: told.description,
        virtual_size: i64::try_from(found.size).unwrap_or(i64::MAX),
        physical_utilisation: i64::try_from(found.physical).unwrap_or(i64::MAX),
        kind,
        read_only: found.hidden,
        hidden: found.hidden,
        snapshot_of: Some(told.snapshot_of).filter(|of| told.is_a_snapshot && !of.is_empty()),
        sm_config,
        cbt_enabled: !found.hidden && repository.is_tracked(&found.uuid, head.as_ref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(kind: &str, preferred: &str, sm_config: &[(&str, &str)], gib: i64) -> Result<Format> {
        let owned =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let device_config = owned(&[(PREFERRED, preferred)]);
        let sr = SrConfig { uuid: "s".into(), kind: kind.into(), device_config, sm_config: vec![] };
        let sm_config: Vec<(String, String)> = owned(sm_config);
        format(&sr, &sm_config, gib << 30)
    }

    #[test]
    fn a_disk_becomes_the_first_format_that_can_be_as_large() {
        use Format::{Qcow2, Raw, Vhd};
        for (kind, preferred, gib, want) in [
            ("ext", "", 1, Vhd),
            ("ext", "", 2040, Vhd),
            ("ext", "", 2041, Qcow2),
            ("nfs", "vhd,qcow2", 5000, Qcow2),
            ("file", "qcow2, vhd", 1, Qcow2),
            ("file", "QCOW2", 1, Qcow2),
            ("file", "raw,vhd", 1, Raw),
            // Where nothing is as large the size is refused for the first.
            ("file", "vhd", 2041, Vhd),
            ("file", "", 16_382, Vhd),
            ("lvm", "", 2041, Vhd),
            ("smb", "", 2041, Vhd),
            ("smb", "vhd,qcow2", 2041, Qcow2),
        ] {
            assert_eq!(chosen(kind, preferred, &[], gib).unwrap(), want, "{kind} {preferred:?} {gib}");
        }
        // What the caller asks comes first, and is not replaced.
        assert_eq!(chosen("ext", "qcow2", &[("image-format", "vhd")], 1).unwrap(), Vhd);
        assert_eq!(chosen("ext", "", &[("image-format", "qcow2")], 1).unwrap(), Qcow2);
        assert_eq!(chosen("ext", "", &[("image-format", "vhd")], 2041).unwrap(), Vhd);
        assert_eq!(chosen("ext", "", &[("type", "raw")], 2041).unwrap(), Raw);
        for bad in [chosen("ext", "vmdk", &[], 1), chosen("ext", "", &[("vdi_type", "vmdk")], 1)] {
            assert_eq!(bad.unwrap_err().code, "SR_BACKEND_FAILURE_66");
        }
    }
}
