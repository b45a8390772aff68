//! qcow2 images over a memory that records writes and flushes.

use xennix_disk::file::Access;
use xennix_disk::mem::MemVolumes;
use xennix_disk::qcow2::Qcow2Disk;
use xennix_disk::source::Source;

/// What an image, with all it stands on, reads as.
pub fn read_all(v: &MemVolumes, name: &str) -> Vec<u8> {
    let disk = Qcow2Disk::open(v, name, Access::Read).expect("qcow2");
    let mut all = vec![0; disk.size() as usize];
    disk.read_at(0, &mut all).expect("read");
    all
}
