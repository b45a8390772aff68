//! A volume of an SR of images: which format a new one gets, and how one is told of. Changes nothing.

use xapi_backend::storage::{SrConfig, Volume, backend_failure};
use xapi_schema::Result;
use xennix_disk::chain::Format;

use crate::{head::Found, place::value, repository::Repository};

/// The format of a new volume: what the caller asks, else what the SR prefers, else VHD.
pub(crate) fn format(sr: &SrConfig, sm_config: &[(String, String)]) -> Result<Format> {
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
    match value(&sr.device_config, "preferred-image-formats") {
        Some(list) => named(list.split(',').next().unwrap_or("vhd").trim()),
        None => Ok(Format::Vhd),
    }
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
