//! The bytes of a logical volume. Plain segments only: what is striped, mirrored or thin is refused, never guessed.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::{Group, Logical};
use crate::host::medium::Medium;

/// Bytes of a logical volume, through its segments.
pub struct LogicalMedium {
    pieces: Vec<(u64, u64, Arc<dyn Medium>, u64)>,
    size: u64,
}

impl LogicalMedium {
    /// Of plain segments over physical volumes given by their name in the text.
    ///
    /// # Errors
    /// What kind of segment or which physical volume stands in the way.
    pub fn new(
        group: &Group,
        volume: &Logical,
        physical: &BTreeMap<String, Arc<dyn Medium>>,
    ) -> std::result::Result<LogicalMedium, String> {
        let mut pieces = Vec::new();
        for segment in &volume.segments {
            let ([(on, at)], "striped") = (&segment.stripes[..], segment.kind.as_str()) else {
                return Err(format!(
                    "a segment of {} stripes of kind {:?}",
                    segment.stripes.len(),
                    segment.kind
                ));
            };
            let medium = physical.get(on).ok_or_else(|| format!("physical volume {on} is not here"))?;
            let place =
                group.physical.get(on).ok_or_else(|| format!("physical volume {on} is not in the group"))?;
            let start = at.saturating_mul(group.extent).saturating_add(place.start);
            pieces.push((
                segment.start.saturating_mul(group.extent),
                segment.count.saturating_mul(group.extent),
                Arc::clone(medium),
                start,
            ));
        }
        Ok(LogicalMedium { pieces, size: volume.size })
    }
}

impl Medium for LogicalMedium {
    fn read_at(&self, mut offset: u64, mut into: &mut [u8]) -> io::Result<()> {
        while !into.is_empty() {
            let Some((start, length, medium, at)) =
                self.pieces.iter().find(|(start, length, ..)| offset >= *start && offset - start < *length)
            else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            let inside = offset - start;
            let count = (length - inside).min(into.len() as u64) as usize;
            let (now, later) = into.split_at_mut(count);
            medium.read_at(at + inside, now)?;
            offset += count as u64;
            into = later;
        }
        Ok(())
    }

    fn size(&self) -> u64 {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::lvm::group;

    #[test]
    fn volumes_through_segments() {
        let mut text = group("f", crate::host::lvm::group::tests::TEXT).unwrap();
        text.extent = 4;
        text.physical.get_mut("pv0").unwrap().start = 2;
        let disk: Arc<dyn Medium> = Arc::new((0u8..64).collect::<Vec<_>>());
        let volume =
            LogicalMedium::new(&text, &text.logical["VHD-y"], &BTreeMap::from([("pv0".to_owned(), disk)]))
                .unwrap();
        assert_eq!(volume.bytes(0, 8).unwrap(), (6..14).collect::<Vec<u8>>());
        assert_eq!(volume.bytes(6, 6).unwrap(), [12, 13, 30, 31, 32, 33]);
        assert!(LogicalMedium::new(&text, &text.logical["VHD-y"], &BTreeMap::new()).is_err());
    }
}
