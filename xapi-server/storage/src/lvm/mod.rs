//! Volume groups as storage repositories, in the original stack's layout: a group `VG_XenStorage-<sr>`, an image per
//! logical volume, and the metadata volume `MGT` that tells their names where there is no database.
//!
//! [`tools`] builds command lines and [`report`] reads what they print, both pure; [`notes`] keeps the engine's
//! journals as tags of the group; [`mgt`] is the metadata volume's format; [`group`] is where they meet I/O.
//!
//! Never activates a volume by itself: only while somebody needs it. Never looks inside volumes for further groups,
//! never touches another group, never discards, never writes what is guarded.

pub mod group;
pub mod mgt;
mod mgt_entry;
mod mgt_text;
pub mod notes;
pub mod report;
pub mod tools;

pub use group::VolumeGroup;

/// The volume group of an SR.
pub fn group_of(sr: &str) -> String {
    format!("{PREFIX}{sr}")
}

/// What groups of this layout are called, before the uuid.
pub const PREFIX: &str = "VG_XenStorage-";

/// The metadata volume.
pub const MGT: &str = "MGT";

/// The tag of a raw inner node.
pub const HIDDEN: &str = "hidden";

/// The tag of a log of changes.
pub const LOG_MARK: &str = "cbtlog";

/// The tag of a group that is being made: one without it is whole.
pub const MAKING: &str = "xennix-making";
