//! Places of lists: directories of ISO images, here or on another machine, and the machine's drives.

use std::path::PathBuf;

use xapi_backend::storage::{SrConfig, backend_failure};
use xapi_schema::Result;

use super::{
    Ground, local, needed,
    network::{self, Remote},
    value,
};
use crate::listing::{Kind, Listing};

/// Where the images come from.
enum Origin {
    /// A directory of this machine.
    Here(PathBuf),
    /// Something to mount.
    There(Box<Remote>),
}

fn origin(sr: &SrConfig) -> Result<Origin> {
    let config = &sr.device_config;
    let location = needed(config, "location", 220, "The location parameter is missing")?;
    if value(config, "legacy_mode").is_some_and(|v| v == "true") {
        return Ok(Origin::Here(location.into()));
    }
    let kind = match value(config, "type") {
        Some(kind) => kind,
        None if location.contains(":/") => "nfs_iso",
        // A plain directory that is there: the original stack's local libraries.
        None if location.starts_with('/') && !location.starts_with("//") => {
            return Ok(Origin::Here(location.into()));
        }
        None => "cifs",
    };
    match kind {
        "nfs_iso" => {
            let (server, path) = location
                .rsplit_once(":/")
                .ok_or_else(|| backend_failure(225, "The location is not a server and a path", location))?;
            let mut device_config =
                vec![("server".to_owned(), server.to_owned()), ("serverpath".to_owned(), format!("/{path}"))];
            for key in ["nfsversion", "options"] {
                device_config.extend(value(config, key).map(|v| (key.to_owned(), v.to_owned())));
            }
            let nfs = SrConfig { kind: "nfs".into(), device_config, ..sr.clone() };
            network::remote(&nfs).map(|r| Origin::There(Box::new(r)))
        }
        "cifs" => {
            let version = value(config, "vers").unwrap_or("3.0");
            if !["1.0", "3.0"].contains(&version) {
                return Err(backend_failure(227, "The given SMB version is invalid", version));
            }
            network::smb(location, config, version).map(|r| Origin::There(Box::new(r)))
        }
        "local" | "nfs" => Ok(Origin::Here(location.into())),
        other => Err(backend_failure(1, "Invalid argument", &format!("type={other}"))),
    }
}

/// Makes an ISO library reachable.
///
/// # Errors
/// SR_BACKEND_FAILURE_220 and following.
pub async fn attach(ground: &Ground, sr: &SrConfig) -> Result<Listing> {
    let tools = value(&sr.device_config, "legacy_mode") == Some("true");
    let mut dir = match origin(sr)? {
        Origin::Here(dir) => {
            // The library of guest tools may well not be installed.
            if !tools && !dir.is_dir() {
                return Err(backend_failure(
                    226,
                    "The local path is not a directory",
                    &dir.display().to_string(),
                ));
            }
            dir
        }
        Origin::There(remote) => {
            let dir = ground.mount_point(sr);
            network::mount(ground, &remote, &dir, (222, "Could not mount the directory specified")).await?;
            dir
        }
    };
    if let Some(below) = value(&sr.device_config, "iso_path") {
        let below = PathBuf::from(below.trim_start_matches('/'));
        if below.components().any(|c| !matches!(c, std::path::Component::Normal(_))) {
            return Err(backend_failure(1, "Invalid argument", "iso_path"));
        }
        dir = dir.join(below);
    }
    let kind = if tools { Kind::Tools } else { Kind::Isos };
    Ok(Listing { sr: sr.uuid.clone(), kind, dir })
}

/// Lets go of an ISO library.
///
/// # Errors
/// SR_BACKEND_FAILURE_223.
pub async fn detach(ground: &Ground, sr: &SrConfig) -> Result<()> {
    match origin(sr) {
        Ok(Origin::There(_)) => {
            local::unmount(ground, &ground.mount_point(sr), 223, "Could not unmount the directory").await
        }
        _ => Ok(()),
    }
}

/// The drives of this machine below a directory of links.
///
/// # Errors
/// SR_BACKEND_FAILURE_94 without a location.
pub fn drives(sr: &SrConfig) -> Result<Listing> {
    let dir = needed(&sr.device_config, "location", 94, "The request is missing the location parameter")?;
    let cd = value(&sr.sm_config, "type") == Some("cd");
    let kind = if cd { Kind::Drives } else { Kind::Disks };
    Ok(Listing { sr: sr.uuid.clone(), kind, dir: dir.into() })
}
