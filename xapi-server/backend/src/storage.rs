//! [`Storage`]: storage repositories and the volumes in them.
//!
//! An SR is named by its uuid, a volume by its location in the SR. Bytes are moved, never interpreted.

use std::path::PathBuf;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use xapi_schema::{Failure, Result};

/// What a driver needs to know to reach an SR.
#[derive(Debug, Clone)]
pub struct SrConfig {
    /// uuid.
    pub uuid: String,
    /// Driver.
    pub kind: String,
    /// `PBD.device_config`.
    pub device_config: Vec<(String, String)>,
    /// `SR.sm_config`.
    pub sm_config: Vec<(String, String)>,
}

/// How full an SR is, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SrStat {
    /// All there is.
    pub physical_size: i64,
    /// In use.
    pub physical_utilisation: i64,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Volume {
    /// uuid.
    pub uuid: String,
    /// Name within the SR.
    pub location: String,
    /// Name for people.
    pub name: String,
    /// Longer text.
    pub description: String,
    /// Bytes the guest sees.
    pub virtual_size: i64,
    /// Bytes it takes.
    pub physical_utilisation: i64,
    /// Type, as in `VDI.type`.
    pub kind: String,
    /// Cannot be written.
    pub read_only: bool,
    /// Not a disk for users, only a link of a chain.
    pub hidden: bool,
    /// Location of the volume it was taken from, for a snapshot.
    pub snapshot_of: Option<String>,
    /// What the driver keeps with it.
    pub sm_config: Vec<(String, String)>,
    /// Its changes are tracked, or for a snapshot: were tracked up to it.
    #[serde(default)]
    pub cbt_enabled: bool,
}

/// A volume to be made.
#[derive(Debug, Clone)]
pub struct NewVolume {
    /// Fixed uuid, else a fresh one.
    pub uuid: Option<String>,
    /// Name for people.
    pub name: String,
    /// Longer text.
    pub description: String,
    /// Bytes; the driver may round up.
    pub virtual_size: i64,
    /// Type, as in `VDI.type`.
    pub kind: String,
    /// What the caller tells the driver.
    pub sm_config: Vec<(String, String)>,
}

/// A driver that is a program of its own, as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Driver {
    /// Type of SRs it serves.
    pub kind: String,
    /// Name for people.
    pub name: String,
    /// Longer text.
    pub description: String,
    /// Who made it.
    pub vendor: String,
    /// Whose it is.
    pub copyright: String,
    /// Its version.
    pub version: String,
    /// The version of the protocol it wants.
    pub required_api_version: String,
    /// What it can do: `NAME` or `NAME/2`.
    pub features: Vec<String>,
    /// Keys of `PBD.device_config` and what they mean.
    pub configuration: Vec<(String, String)>,
    /// The program.
    pub filename: String,
}

/// Where a guest's bytes are fetched and put while a volume is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DataPath {
    /// A block device of this host whose bytes are the disk's: `phy`.
    Block(PathBuf),
    /// A raw file whose bytes are the disk's.
    File(PathBuf),
    /// A server of ours on a local socket that speaks NBD.
    Nbd {
        /// Socket.
        socket: PathBuf,
        /// Name of the export.
        export: String,
    },
}

/// Told how much of a copy is done (0 to 1); `false` stops it.
pub type Progress = Box<dyn Fn(f64) -> bool + Send + Sync>;

/// Storage repositories and their volumes.
#[async_trait]
pub trait Storage: Send + Sync + 'static {
    /// Driver types this host can use.
    fn kinds(&self) -> Vec<String>;
    /// What the driver of a type can do, in the words of [`crate::features`].
    fn features(&self, kind: &str) -> Vec<String>;
    /// Drivers among them that are programs of their own, and the directory such programs are looked for in; none where
    /// there are no such programs at all.
    fn drivers(&self) -> Option<(String, Vec<Driver>)> {
        None
    }
    /// Makes a new SR; destroys what was there.
    async fn create(&self, sr: &SrConfig, size: i64) -> Result<()>;
    /// Makes an SR usable on this host.
    async fn attach(&self, sr: &SrConfig) -> Result<()>;
    /// Lets go of an SR.
    async fn detach(&self, sr: &str) -> Result<()>;
    /// Destroys an SR, which must be attached. One that holds a disk, be it one nobody knows of, stays: SR_NOT_EMPTY.
    async fn delete(&self, sr: &str) -> Result<()>;
    /// What people call an SR, as its record says now. For drivers that keep it beside the volumes.
    async fn name_sr(&self, _sr: &str, _name: &str, _description: &str) -> Result<()> {
        Ok(())
    }
    /// How full it is.
    async fn stat(&self, sr: &str) -> Result<SrStat>;
    /// What is in it.
    async fn scan(&self, sr: &str) -> Result<Vec<Volume>>;
    /// What could be used at a place, as XML.
    async fn probe(&self, kind: &str, device_config: &[(String, String)]) -> Result<String>;
    /// Makes a volume full of zeros.
    async fn create_volume(&self, sr: &str, new: NewVolume) -> Result<Volume>;
    /// Makes a volume known that is there already, under the uuid given where the driver can choose.
    async fn introduce_volume(
        &self,
        sr: &str,
        location: &str,
        _uuid: &str,
        _sm_config: &[(String, String)],
    ) -> Result<Volume> {
        self.stat_volume(sr, location).await
    }
    /// What the records say of a volume has changed: its names, what it is a snapshot of. For drivers that keep such.
    async fn records_changed(&self, _: &str, _: &str) -> Result<()> {
        Ok(())
    }
    /// Text by which a volume is attached without a toolstack.
    async fn generate_config(&self, sr: &str, _: &str) -> Result<String> {
        Err(xapi_schema::errors::SR_OPERATION_NOT_SUPPORTED.with([sr]))
    }
    /// Destroys a volume.
    async fn destroy_volume(&self, sr: &str, location: &str) -> Result<()>;
    /// A frozen copy of a volume as it is now, under the uuid given where the driver can choose.
    async fn snapshot_volume(&self, sr: &str, location: &str, uuid: &str) -> Result<Volume>;
    /// A writable copy of a volume as it is now, under the uuid given where the driver can choose.
    async fn clone_volume(&self, sr: &str, location: &str, uuid: &str) -> Result<Volume>;
    /// Makes a volume larger.
    async fn resize_volume(&self, sr: &str, location: &str, size: i64) -> Result<Volume>;
    /// Gives a volume the content of a snapshot.
    async fn revert_volume(&self, sr: &str, location: &str, snapshot: &str) -> Result<Volume>;
    /// Says what a volume shall be when a guest starts on it: each time what it is now (`true`), or what it was left as.
    /// The records are to say the same as soon as this has answered.
    async fn set_reset(&self, sr: &str, location: &str, reset: bool) -> Result<()>;
    /// A guest is about to start on a volume that nobody has open. With `reset` it is what it was when
    /// [`Storage::set_reset`] was called, and what was written since is gone; one that was never told so is kept as it is
    /// now, for the next start. Cut in between, the volume is as before or reset.
    async fn begin_epoch(&self, sr: &str, location: &str, reset: bool) -> Result<()>;
    /// That guest has ended, and the volume is closed.
    async fn end_epoch(&self, _: &str, _: &str) -> Result<()> {
        Ok(())
    }
    /// Copies the content of a volume into another one, which must be large enough.
    async fn copy_volume(&self, from: (&str, &str), to: (&str, &str), progress: Progress) -> Result<()>;
    /// Renames a volume for people.
    async fn name_volume(&self, sr: &str, location: &str, name: &str, description: &str) -> Result<()>;
    /// What is known of one volume.
    async fn stat_volume(&self, sr: &str, location: &str) -> Result<Volume>;
    /// Reads bytes.
    async fn read(&self, sr: &str, location: &str, offset: u64, length: usize) -> Result<Vec<u8>>;
    /// Stretches that hold data, as offset and length in order; everything else reads as zeros. A driver that
    /// cannot tell calls all of the volume data.
    async fn extents(&self, sr: &str, location: &str) -> Result<Vec<(u64, u64)>> {
        let size = self.stat_volume(sr, location).await?.virtual_size;
        Ok(vec![(0, u64::try_from(size).unwrap_or(0))])
    }
    /// Has nothing been written to a volume since it was made: empty, or as a copy that still is what it was taken
    /// from? In doubt it has.
    async fn is_untouched(&self, sr: &str, location: &str) -> Result<bool> {
        Ok(self.extents(sr, location).await?.is_empty())
    }
    /// Writes bytes; durable once [`Storage::flush`] has answered.
    async fn write(&self, sr: &str, location: &str, offset: u64, bytes: Vec<u8>) -> Result<()>;
    /// Makes a volume reachable for a domain; opening again answers the same path. A volume open for writing
    /// is open once; one open only for reading may be open for many, and each opening is closed on its own.
    async fn open_volume(&self, sr: &str, location: &str, writable: bool) -> Result<DataPath>;
    /// Ends what [`Storage::open_volume`] began, everything written being durable; one that is not open is fine.
    async fn close_volume(&self, sr: &str, location: &str) -> Result<()>;
    /// Makes everything written durable.
    async fn flush(&self, sr: &str, location: &str) -> Result<()>;
    /// From now on notes which blocks of a volume change; one that is tracked already stays as it is. A snapshot of
    /// a tracked volume takes what was noted with it, and the volume begins anew.
    async fn enable_cbt(&self, _: &str, _: &str) -> Result<()> {
        Err(backend_failure(457, "Changed blocks cannot be tracked here", ""))
    }
    /// Forgets what was noted of a volume and notes no more. Its snapshots keep what they have.
    async fn disable_cbt(&self, _: &str, _: &str) -> Result<()> {
        Ok(())
    }
    /// Gives up the bytes of a snapshot; what was noted up to it stays, under the type `cbt_metadata`.
    async fn destroy_data(&self, _: &str, _: &str) -> Result<()> {
        Err(backend_failure(66, "Only tracked volumes have metadata of their own", ""))
    }
    /// Stretches that may differ between two volumes of one line, the later one last: offsets and lengths in whole
    /// [`CBT_BLOCK`]s (the last may reach past the end), in order. Everything that changed is in there.
    ///
    /// # Errors
    /// SR_BACKEND_FAILURE_460 when `to` does not follow from `from` or was not tracked all the way, 459 when the
    /// volumes' sizes do not fit.
    async fn changed_blocks(&self, _: &str, _: &str, _: &str) -> Result<Vec<(u64, u64)>> {
        Err(backend_failure(460, "The changes between these volumes are not known", ""))
    }
    /// Stretches outside of which two volumes of one SR hold the same, where the driver knows without reading them.
    async fn difference(&self, _: &str, _: &str, _: &str) -> Result<Option<Vec<(u64, u64)>>> {
        Ok(None)
    }
    /// Is there anything in an SR that [`Storage::collect_garbage`] would remove or merge?
    async fn has_garbage(&self, _: &str) -> Result<bool> {
        Ok(false)
    }
    /// Removes what nobody needs and merges what need not be apart, beside everything else; whoever wants to open or
    /// change a volume meanwhile comes first, and what is left is done by a later call.
    async fn collect_garbage(&self, _: &str, _: Progress) -> Result<()> {
        Ok(())
    }
}

/// Bytes a block of change tracking stands for.
pub const CBT_BLOCK: u64 = 64 << 10;

/// SR_BACKEND_FAILURE_`number` with a text and a detail, as drivers report.
pub fn backend_failure(number: u32, text: &str, detail: &str) -> Failure {
    let told = if detail.is_empty() { text.to_string() } else { format!("{text} [opterr={detail}]") };
    Failure::new(&format!("SR_BACKEND_FAILURE_{number}"), [String::new(), told, String::new()])
}
