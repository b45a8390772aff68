//! The two things about ublk that can't be said in safe code: putting commands on a ring, whose buffers the kernel
//! uses until it answers, and reading descriptions of requests from memory the kernel writes. Nothing else.
#![allow(unsafe_code)]

use super::wire::{Command, DESCRIPTION, MAX_DEPTH};
use io_uring::{IoUring, cqueue, opcode, squeue, types};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;

/// Sends one command to the control device and waits for its answer.
///
/// # Errors
/// The driver's.
pub(super) fn control(file: &File, op: u32, device: u32, buffer: &mut [u8], data: u64) -> io::Result<i32> {
    let mut ring: IoUring<squeue::Entry128, cqueue::Entry> = IoUring::builder().build(2)?;
    let len = u16::try_from(buffer.len()).map_err(io::Error::other)?;
    let address = if buffer.is_empty() { 0 } else { buffer.as_mut_ptr() as u64 };
    let command = Command { device, buffer: (address, len), data };
    let entry = opcode::UringCmd80::new(types::Fd(file.as_raw_fd()), op).cmd(command.bytes()).build();
    // SAFETY: the driver uses `buffer` only until it answers, which is waited for below while it is borrowed; the
    // file is open as long. A wait that a signal ends is taken up again.
    unsafe { ring.submission().push(&entry) }.map_err(io::Error::other)?;
    loop {
        match ring.submit_and_wait(1) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            // Nothing can be known about the buffer any more: better no process than a wrong one.
            Err(e) if ring.submission().is_empty() => {
                eprintln!("xennix-disk: a command to ublk was lost: {e}");
                std::process::abort();
            }
            Err(e) => return Err(e),
            Ok(_) => {}
        }
        if let Some(answer) = ring.completion().next() {
            return if answer.result() < 0 {
                Err(io::Error::from_raw_os_error(-answer.result()))
            } else {
                Ok(answer.result())
            };
        }
    }
}

/// The descriptions of one queue's requests.
pub(super) struct Descriptions {
    at: NonNull<c_void>,
    len: NonZeroUsize,
    depth: u16,
}

impl Descriptions {
    /// Maps them from the character device.
    ///
    /// # Errors
    /// The driver's.
    pub(super) fn map(file: &File, queue: u16, depth: u16) -> io::Result<Descriptions> {
        let page = 4096;
        let bytes = (usize::from(depth) * DESCRIPTION).next_multiple_of(page);
        let each = (MAX_DEPTH * DESCRIPTION).next_multiple_of(page);
        let len = NonZeroUsize::new(bytes).ok_or(io::ErrorKind::InvalidInput)?;
        let at = i64::try_from(each * usize::from(queue)).map_err(io::Error::other)?;
        // SAFETY: a new mapping of a place the kernel chooses; it is only read, through `get`, and outlives no use.
        let at = unsafe { mmap(None, len, ProtFlags::PROT_READ, MapFlags::MAP_SHARED, file, at) };
        Ok(Descriptions { at: at.map_err(io::Error::from)?, len, depth })
    }

    /// The description of request `tag`, which the driver has handed over.
    pub(super) fn get(&self, tag: u16) -> [u8; DESCRIPTION] {
        assert!(tag < self.depth, "a request of another queue");
        let at = self.at.cast::<[u8; DESCRIPTION]>();
        // SAFETY: inside the mapping, as `tag` is below `depth`; the driver does not write it until it is answered.
        unsafe { at.add(usize::from(tag)).read_volatile() }
    }
}

impl Drop for Descriptions {
    fn drop(&mut self) {
        // SAFETY: mapped by `map`, never handed out.
        let _ = unsafe { munmap(self.at, self.len.get()) };
    }
}

/// The ring of one queue. Commands on it have no buffers: data goes through the character device.
pub(super) struct Ring(IoUring);

impl Ring {
    pub(super) fn new(depth: u16) -> io::Result<Ring> {
        Ok(Ring(IoUring::new(u32::from(depth).next_power_of_two())?))
    }

    /// Puts a command about request `tag` on the ring; it is sent with the next [`wait`](Ring::wait).
    ///
    /// # Errors
    /// The ring is full.
    pub(super) fn push(&mut self, file: &File, op: u32, tag: u16, command: [u8; 16]) -> io::Result<()> {
        let entry = opcode::UringCmd16::new(types::Fd(file.as_raw_fd()), op)
            .cmd(command)
            .build()
            .user_data(u64::from(tag));
        // SAFETY: the command carries no address; the file is kept open by the queue that owns this ring.
        unsafe { self.0.submission().push(&entry) }.map_err(io::Error::other)
    }

    /// Sends what was put on the ring and waits for at least one answer: request and result of each.
    ///
    /// # Errors
    /// The kernel's.
    pub(super) fn wait(&mut self) -> io::Result<Vec<(u16, i32)>> {
        loop {
            match self.0.submit_and_wait(1) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
                Ok(_) => break,
            }
        }
        Ok(self.0.completion().map(|c| (c.user_data() as u16, c.result())).collect())
    }
}
