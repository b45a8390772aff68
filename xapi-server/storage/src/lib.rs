//! Storage repositories as they are on disk: the drivers behind `Storage` that a host with real devices uses.
//!
//! Everything keeps the original stack's layout, so that an SR it made is read as it is and may go back to it. This
//! crate never formats what holds data unless an SR is made there, never writes to a guarded SR ([`policy`]), and
//! never asks another program to look inside an image.
//!
//! [`native`] dispatches; [`plugins`] are drivers that are programs of their own; [`place`] finds and mounts; [`lvm`]
//! keeps images in volume groups; [`images`] is the tree of images in one place, `changes` what is noted of their
//! changes; [`garbage`] is
//! what may be merged or removed there.

mod both;
mod changes;
mod collect;
pub mod fail;
pub mod garbage;
mod handles;
pub mod head;
pub mod host;
pub mod images;
pub mod listing;
pub mod lun;
pub mod lvm;
pub mod naming;
pub mod native;
pub mod place;
pub mod plugins;
pub mod policy;
mod repository;
mod sharing;
mod volume;

pub use both::Both;
pub use native::{Native, Settings};
