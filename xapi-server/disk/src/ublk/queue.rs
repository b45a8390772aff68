//! One queue of a block device: its requests in the order the driver hands them over, each answered when the disk has
//! done it. Never keeps a request that it can't answer.

use super::sys::{Descriptions, Ring};
use super::wire::{COMMIT_AND_FETCH, FETCH, Request, data_at, operation, queue_command};
use crate::error::{Error, Result};
use crate::nbd::export::Export;
use nix::errno::Errno;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Where the data of requests is fetched and put.
pub(super) trait Data {
    /// What the guest writes.
    fn fetch(&self, at: u64, buf: &mut [u8]) -> io::Result<()>;
    /// What the guest reads.
    fn put(&self, at: u64, buf: &[u8]) -> io::Result<()>;
}

impl Data for File {
    fn fetch(&self, at: u64, buf: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(buf, at)
    }

    fn put(&self, at: u64, buf: &[u8]) -> io::Result<()> {
        self.write_all_at(buf, at)
    }
}

/// A queue, from the thread that serves it.
pub(super) struct Queue {
    file: Arc<File>,
    number: u16,
    depth: u16,
    ring: Ring,
    requests: Descriptions,
    export: Arc<Export>,
    buf: Vec<u8>,
}

impl Queue {
    /// Asks for the first request under each tag. The calling thread must serve the queue.
    pub(super) fn new(
        file: Arc<File>,
        number: u16,
        depth: u16,
        max_bytes: usize,
        export: Arc<Export>,
    ) -> io::Result<Queue> {
        let requests = Descriptions::map(&file, number, depth)?;
        let mut ring = Ring::new(depth)?;
        for tag in 0..depth {
            ring.push(&file, FETCH, tag, queue_command(number, tag, -1))?;
        }
        Ok(Queue { file, number, depth, ring, requests, export, buf: vec![0; max_bytes] })
    }

    /// Serves until the device is stopped.
    pub(super) fn serve(mut self) -> io::Result<()> {
        let mut waiting = self.depth;
        while waiting > 0 {
            for (tag, result) in self.ring.wait()? {
                if result < 0 {
                    // The device is being stopped: this tag gets no further request.
                    waiting -= 1;
                    continue;
                }
                let request = Request::parse(&self.requests.get(tag));
                let at = data_at(self.number, tag);
                let done = perform(&request, &self.export, &*self.file, at, &mut self.buf);
                let result = done.unwrap_or_else(|e| -errno(&e));
                self.ring.push(&self.file, COMMIT_AND_FETCH, tag, queue_command(self.number, tag, result))?;
            }
        }
        Ok(())
    }
}

/// Does one request; the number of bytes done.
pub(super) fn perform(
    r: &Request,
    export: &Export,
    data: &dyn Data,
    at: u64,
    buf: &mut Vec<u8>,
) -> Result<i32> {
    let fua = r.flags & operation::FUA != 0;
    let len = usize::try_from(r.len).map_err(io::Error::other)?;
    if matches!(r.operation, operation::READ | operation::WRITE) && buf.len() < len {
        buf.resize(len, 0);
    }
    match r.operation {
        operation::READ => {
            export.read(r.offset, &mut buf[..len])?;
            data.put(at, &buf[..len])?;
        }
        operation::WRITE => {
            data.fetch(at, &mut buf[..len])?;
            export.write(r.offset, &buf[..len], fua)?;
        }
        operation::FLUSH => export.flush()?,
        operation::DISCARD => export.trim(r.offset, r.len, fua)?,
        operation::ZEROES if r.flags & operation::NO_UNMAP != 0 => {
            export.fill_zeros(r.offset, r.len, fua)?;
        }
        operation::ZEROES => export.zero(r.offset, r.len, fua)?,
        other => return Err(Error::Unsupported(format!("request {other}"))),
    }
    // Data transfers tell their length; it fits, as the driver's limit is 1 MiB.
    let moved = matches!(r.operation, operation::READ | operation::WRITE);
    Ok(if moved { i32::try_from(r.len).unwrap_or(i32::MAX) } else { 0 })
}

/// What the driver calls an error.
fn errno(e: &Error) -> i32 {
    (match e {
        Error::ReadOnly => Errno::EPERM,
        Error::Range { .. } => Errno::EINVAL,
        Error::NoSpace { .. } => Errno::ENOSPC,
        Error::Unsupported(_) => Errno::EOPNOTSUPP,
        Error::Io(e) if e.kind() == io::ErrorKind::StorageFull => Errno::ENOSPC,
        _ => Errno::EIO,
    }) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Format;
    use crate::file::Access;
    use crate::image::Image;
    use crate::mem::MemVolumes;
    use std::sync::Mutex;

    struct Window(Mutex<Vec<u8>>);

    impl Data for Window {
        fn fetch(&self, _: u64, buf: &mut [u8]) -> io::Result<()> {
            let w = self.0.lock().expect("lock");
            buf.copy_from_slice(&w[..buf.len()]);
            Ok(())
        }

        fn put(&self, _: u64, buf: &[u8]) -> io::Result<()> {
            *self.0.lock().expect("lock") = buf.to_vec();
            Ok(())
        }
    }

    #[test]
    fn requests_do_to_the_disk_what_they_say() {
        let v = MemVolumes::files();
        v.put("a.raw", &[1; 8192]).expect("put");
        let open = {
            let v = v.clone();
            Box::new(move || Image::within(&v, "a.raw", Format::Raw, Access::Write))
        };
        let export = Export::new("disk", false, open).expect("export");
        let window = Window(Mutex::new(vec![7; 1024]));
        let mut buf = Vec::new();
        let mut call = |operation, flags, offset, len| {
            perform(&Request { operation, flags, offset, len }, &export, &window, 0, &mut buf)
                .map_err(|e| errno(&e))
        };
        assert_eq!(call(operation::WRITE, operation::FUA, 512, 1024), Ok(1024));
        assert_eq!(call(operation::READ, 0, 0, 2048), Ok(2048));
        let read = window.0.lock().expect("lock").clone();
        assert_eq!((read[511], read[512], read[1535], read[1536]), (1, 7, 7, 1));
        assert_eq!(call(operation::ZEROES, operation::NO_UNMAP, 1024, 512), Ok(0));
        assert_eq!(call(operation::ZEROES, 0, 4096, 4096), Ok(0));
        assert_eq!(call(operation::FLUSH, 0, 0, 0), Ok(0));
        assert_eq!(call(operation::DISCARD, 0, 0, 512), Ok(0));
        assert_eq!(call(operation::READ, 0, 8192, 512), Err(Errno::EINVAL as i32));
        assert_eq!(call(99, 0, 0, 512), Err(Errno::EOPNOTSUPP as i32));
        let b = v.bytes("a.raw").expect("bytes");
        assert_eq!((b[512], b[1024], b[4095], b[4096]), (7, 0, 1, 0));
    }
}
