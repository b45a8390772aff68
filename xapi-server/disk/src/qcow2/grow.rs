//! Makes a qcow2 image larger. A cut anywhere leaves the old size or the new one, and nothing of the tables is lost.

use super::repair::{mark, repair};
use super::tables::{MAX_L1, Tables, be32, be64};
use crate::error::{Error, Result};
use crate::file::BlockFile;

/// Where the size stands; the kind of encryption and the length and place of the first table follow.
const SIZE: u64 = 24;

/// Grows an image nobody has open to `size` bytes; what is new reads as zeros where no backing file reaches. Durable on
/// return.
///
/// # Errors
/// [`Error::Refused`] for smaller sizes and when it is open elsewhere; [`Error::Unsupported`] for images with snapshots
/// inside, and for very old ones that would need a new table; what is wrong with it; the device's error.
pub fn grow(file: &dyn BlockFile, name: &str, size: u64) -> Result<()> {
    super::prepare(file, name)?;
    let tables = Tables::read(file, false)?;
    let mut head = [0; 104];
    file.read_at(0, &mut head[..72])?;
    let now = be64(&head, SIZE as usize);
    if size < now {
        return Err(Error::Refused("a disk never shrinks".into()));
    }
    if tables.snapshots > 0 {
        return Err(Error::Unsupported("growing a qcow2 with snapshots inside".into()));
    }
    let cluster = 1u64 << tables.bits;
    // Bytes of the disk that one entry of the first table is about.
    let each = cluster / if tables.extended { 16 } else { 8 } * cluster;
    let (have, need) = (tables.l1.len() as u64, size.div_ceil(each).max(1));
    if need * 8 > MAX_L1 {
        return Err(Error::Refused(format!("{size} bytes are too many for its clusters")));
    }
    if need <= have {
        file.write_at(SIZE, &size.to_be_bytes())?;
        return Ok(file.flush()?);
    }
    let mut fields = Vec::from(size.to_be_bytes());
    fields.extend(&head[32..36]);
    fields.extend((need as u32).to_be_bytes());
    if need * 8 <= (have * 8).next_multiple_of(cluster) && have > 0 {
        // The table's last cluster has room: what stands there was no table.
        file.write_at(tables.l1_at + have * 8, &vec![0; ((need - have) * 8) as usize])?;
        file.flush()?;
        file.write_at(SIZE, &fields)?;
        return Ok(file.flush()?);
    }
    if be32(&head, 4) < 3 {
        return Err(Error::Unsupported("growing a qcow2 of an old version by so much".into()));
    }
    // A new table behind everything; until it is counted the image says that counts lag behind.
    let at = file.size()?.next_multiple_of(cluster);
    let mut table: Vec<u8> = tables.l1.iter().flat_map(|entry| entry.to_be_bytes()).collect();
    table.resize((need * 8).next_multiple_of(cluster) as usize, 0);
    mark(file, true)?;
    file.set_size(at + table.len() as u64)?;
    file.write_at(at, &table)?;
    file.flush()?;
    fields.extend(at.to_be_bytes());
    file.write_at(SIZE, &fields)?;
    file.flush()?;
    repair(file)?;
    mark(file, false)
}
