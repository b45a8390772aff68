//! The kernel's nbd client: a block device over a connection to a disk server. The kernel keeps the connection, so
//! this process may end; when the server ends, requests wait until another connection is handed over.

use crate::client;
use crate::error::{Error, Result};
use crate::netlink::{Attributes, Socket};
use crate::server::EXPORT;
use nix::errno::Errno;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use xennix_disk::nbd::proto::transmission;

const FAMILY: &str = "nbd";

mod command {
    pub(super) const CONNECT: u8 = 1;
    pub(super) const DISCONNECT: u8 = 2;
    pub(super) const RECONFIGURE: u8 = 3;
}

mod attr {
    pub(super) const INDEX: u16 = 1;
    pub(super) const SIZE: u16 = 2;
    pub(super) const BLOCK_SIZE: u16 = 3;
    pub(super) const TIMEOUT: u16 = 4;
    pub(super) const SERVER_FLAGS: u16 = 5;
    pub(super) const SOCKETS: u16 = 7;
    pub(super) const DEAD_TIMEOUT: u16 = 8;
    pub(super) const IDENTIFIER: u16 = 10;
}

/// The one item of each list level.
const ITEM: u16 = 1;
/// Seconds that requests wait for another server before they fail.
const DEAD_TIMEOUT: u64 = 300;
/// Devices tried.
const MOST: u32 = 4096;

/// The device node of a number.
pub(crate) fn node(index: u32) -> PathBuf {
    PathBuf::from(format!("/dev/nbd{index}"))
}

/// Is the kernel's client loaded?
pub(crate) fn is_here() -> bool {
    Path::new("/sys/module/nbd").exists()
}

/// What a connected device says it belongs to; nothing when it is not connected.
fn owner(sys: &Path, index: u32) -> Option<String> {
    let dir = sys.join(format!("block/nbd{index}"));
    // The file is there only while the device is connected.
    std::fs::metadata(dir.join("pid")).ok()?;
    Some(std::fs::read_to_string(dir.join("backend")).unwrap_or_default().trim().to_owned())
}

fn sockets(fd: &impl AsRawFd) -> Attributes {
    let fd = Attributes::default().u32(ITEM, fd.as_raw_fd().cast_unsigned());
    Attributes::default().nested(ITEM, &fd)
}

/// The first number that no device in use and no disk of `taken` has.
///
/// # Errors
/// [`Error::NotHere`] when there is none.
pub(crate) fn free(sys: &Path, taken: &[u32]) -> Result<u32> {
    (0..MOST)
        .find(|n| !taken.contains(n) && owner(sys, *n).is_none())
        .ok_or_else(|| Error::NotHere("a free nbd device".into()))
}

/// Is the device `index` connected for the disk `id`?
pub(crate) fn is_ours(index: u32, id: &str) -> bool {
    owner(Path::new("/sys"), index).is_some_and(|o| o == id)
}

/// Makes the device `index` a block device of the server at `socket`.
///
/// # Errors
/// What the handshake and the kernel say.
pub(crate) fn connect(index: u32, id: &str, socket: &Path, writable: bool) -> Result<PathBuf> {
    let (stream, agreed) = client::connect(socket, EXPORT)?;
    // Not every server says so of an image it only reads.
    let flags = agreed.flags | if writable { 0 } else { transmission::READ_ONLY };
    let attributes = Attributes::default()
        .u32(attr::INDEX, index)
        .u64(attr::SIZE, agreed.size)
        .u64(attr::BLOCK_SIZE, 512)
        // A server that takes its time, paused or behind a slow disk, is not a dead one.
        .u64(attr::TIMEOUT, 0)
        .u64(attr::DEAD_TIMEOUT, DEAD_TIMEOUT)
        .u64(attr::SERVER_FLAGS, u64::from(flags))
        .text(attr::IDENTIFIER, id)
        .nested(attr::SOCKETS, &sockets(&stream));
    Socket::open(FAMILY)?.call(command::CONNECT, &attributes)?;
    Ok(node(index))
}

/// Hands a connected device, whose server was started again, the connection to the new one.
///
/// # Errors
/// What the handshake and the kernel say.
pub(crate) fn reconnect(index: u32, id: &str, socket: &Path) -> Result<PathBuf> {
    let (stream, _) = client::connect(socket, EXPORT)?;
    let attributes = Attributes::default()
        .u32(attr::INDEX, index)
        .text(attr::IDENTIFIER, id)
        .nested(attr::SOCKETS, &sockets(&stream));
    let mut netlink = Socket::open(FAMILY)?;
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        match netlink.call(command::RECONFIGURE, &attributes) {
            Ok(_) => return Ok(node(index)),
            // The kernel has not noticed yet that the old connection is gone.
            Err(Error::Io(e)) if e.raw_os_error() == Some(Errno::ENOSPC as i32) && Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(e) => return Err(e),
        }
    }
}

/// Takes the device away, if it is ours; fine when it is gone already.
///
/// # Errors
/// The kernel's.
pub(crate) fn disconnect(index: u32, id: &str) -> Result<()> {
    if !is_ours(index, id) {
        return Ok(());
    }
    match Socket::open(FAMILY)?.call(command::DISCONNECT, &Attributes::default().u32(attr::INDEX, index)) {
        Err(e) if is_ours(index, id) => Err(e),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_in_use_or_promised_are_not_free() {
        let sys = tempfile::tempdir().expect("tempdir");
        for (n, connected) in [(0, true), (1, false), (2, true)] {
            let dir = sys.path().join(format!("block/nbd{n}"));
            std::fs::create_dir_all(&dir).expect("mkdir");
            if connected {
                std::fs::write(dir.join("pid"), "1\n").expect("write");
                std::fs::write(dir.join("backend"), "somebody\n").expect("write");
            }
        }
        assert_eq!(free(sys.path(), &[]).expect("free"), 1);
        assert_eq!(free(sys.path(), &[1]).expect("free"), 3);
        assert_eq!(owner(sys.path(), 2).as_deref(), Some("somebody"));
        assert_eq!(owner(sys.path(), 1), None);
    }
}
