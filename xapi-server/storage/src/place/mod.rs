//! From an SR's configuration to the place its images are in: what has to be mounted, activated, logged in to. Each
//! driver makes, opens, leaves and deletes such places; none of them looks at images.

pub mod iscsi;
pub mod iso;
pub mod local;
pub mod lvm;
pub mod network;
pub mod probe;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex},
};

use xapi_backend::storage::{SrConfig, backend_failure};
use xapi_schema::{Failure, Result};

use crate::{host::Host, images::Images, listing::Listing, policy::Policies};

/// What a driver works with.
#[derive(Clone)]
pub struct Ground {
    /// Programs.
    pub host: Arc<dyn Host>,
    /// Where SRs are mounted: a directory by uuid.
    pub mounts: PathBuf,
    /// Where device nodes are.
    pub dev: PathBuf,
    /// What the records say.
    pub policies: Arc<dyn Policies>,
    /// Where the kernel tells of its devices.
    pub sys: PathBuf,
    /// Targets this host is logged in to, and the SRs that need them.
    pub sessions: Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>,
}

/// What an attached SR holds.
pub enum Content {
    /// A tree of images.
    Images(Images),
    /// A list.
    Listing(Listing),
    /// Nothing.
    Nothing,
}

/// Types that are known and not served.
const REFUSED: &[&str] = &[
    "lvmohba",
    "lvmofcoe",
    "largeblock",
    "zfs",
    "gfs2",
    "linstor",
    "cephfs",
    "glusterfs",
    "moosefs",
    "hba",
    "rawhba",
    "iscsi",
    "shm",
];

/// Types that are served.
pub const KINDS: &[&str] = &["ext", "xfs", "lvm", "lvmoiscsi", "file", "nfs", "smb", "iso", "udev", "dummy"];

/// The value of a key of a configuration.
pub fn value<'a>(config: &'a [(String, String)], key: &str) -> Option<&'a str> {
    config.iter().find(|(k, v)| k == key && !v.is_empty()).map(|(_, v)| v.as_str())
}

/// The value of a key that has to be there.
///
/// # Errors
/// SR_BACKEND_FAILURE with the number and text given.
pub fn needed<'a>(config: &'a [(String, String)], key: &str, number: u32, text: &str) -> Result<&'a str> {
    value(config, key).ok_or_else(|| backend_failure(number, text, ""))
}

/// A uuid becomes a name of directories and volume groups, so it must be one.
///
/// # Errors
/// SR_BACKEND_FAILURE_1.
pub fn plain(uuid: &str) -> Result<()> {
    if crate::naming::is_uuid(uuid) { Ok(()) } else { Err(backend_failure(1, "Invalid argument", uuid)) }
}

/// What is answered for a type that is not served.
pub fn refused(kind: &str) -> Failure {
    if REFUSED.contains(&kind) {
        let told = format!("storage repositories of type {kind} are not part of this version");
        return backend_failure(47, "The SR is not available", &told);
    }
    xapi_schema::errors::SR_UNKNOWN_DRIVER.with([kind])
}

impl Ground {
    /// Makes a new SR. Refuses where there is data that is not to be replaced.
    ///
    /// # Errors
    /// Those of the driver.
    pub async fn create(&self, sr: &SrConfig) -> Result<()> {
        plain(&sr.uuid)?;
        match sr.kind.as_str() {
            "ext" | "xfs" => local::create(self, sr).await,
            "lvm" => lvm::create(self, sr, &lvm::devices(self, sr)?).await,
            "lvmoiscsi" => iscsi::create(self, sr).await,
            "file" => local::create_directory(sr),
            "nfs" | "smb" => network::create(self, sr).await,
            "iso" | "udev" | "dummy" => Ok(()),
            other => Err(refused(other)),
        }
    }

    /// Makes an SR reachable.
    ///
    /// # Errors
    /// Those of the driver; then nothing is left mounted.
    pub async fn attach(&self, sr: &SrConfig) -> Result<Content> {
        plain(&sr.uuid)?;
        match sr.kind.as_str() {
            "ext" | "xfs" => local::attach(self, sr).await.map(|dir| files(sr, dir)),
            "lvm" => lvm::attach(self, sr).await.map(Content::Images),
            "lvmoiscsi" => iscsi::attach(self, sr).await.map(Content::Images),
            "file" => local::attach_directory(sr).map(|dir| files(sr, dir)),
            "nfs" | "smb" => network::attach(self, sr).await.map(|dir| files(sr, dir)),
            "iso" => iso::attach(self, sr).await.map(Content::Listing),
            "udev" => iso::drives(sr).map(Content::Listing),
            "dummy" => Ok(Content::Nothing),
            other => Err(refused(other)),
        }
    }

    /// Lets go of an SR.
    ///
    /// # Errors
    /// Those of the driver.
    pub async fn detach(&self, sr: &SrConfig) -> Result<()> {
        match sr.kind.as_str() {
            "ext" | "xfs" => local::detach(self, sr).await,
            "lvm" => lvm::detach(self, sr).await,
            "lvmoiscsi" => iscsi::detach(self, sr).await,
            "nfs" | "smb" => network::detach(self, sr).await,
            "iso" => iso::detach(self, sr).await,
            _ => Ok(()),
        }
    }

    /// Destroys an attached SR's place, which holds no volumes any more.
    ///
    /// # Errors
    /// Those of the driver.
    pub async fn delete(&self, sr: &SrConfig) -> Result<()> {
        match sr.kind.as_str() {
            "ext" | "xfs" => local::delete(self, sr).await,
            "lvm" => lvm::delete(self, sr).await,
            "lvmoiscsi" => iscsi::delete(self, sr).await,
            "file" => Ok(()),
            "nfs" | "smb" => network::delete(self, sr).await,
            _ => self.detach(sr).await,
        }
    }

    /// Where an SR of files is mounted.
    pub fn mount_point(&self, sr: &SrConfig) -> PathBuf {
        self.mounts.join(&sr.uuid)
    }
}

fn files(sr: &SrConfig, dir: PathBuf) -> Content {
    Content::Images(Images {
        sr: sr.uuid.clone(),
        volumes: Arc::new(xennix_disk::volumes::Directory::new(&dir)),
        naming: crate::naming::Naming::Files,
        dir,
        stuck: Arc::default(),
    })
}
