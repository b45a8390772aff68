//! A server of disks over NBD (fixed newstyle) for block device clients, emulators and backup tools.
//!
//! [`proto`] is the pure part, [`export`] the disk that is served and its pause, [`session`] one client on any
//! stream, [`server`] the sockets, [`control`] what the daemon tells a server, [`state`] how it finds one again.
//! Never answers success before the disk did.

pub mod coalesce;
pub mod control;
pub mod export;
pub mod handshake;
mod own;
pub mod proto;
pub mod server;
pub mod session;
pub mod state;
