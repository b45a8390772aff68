//! How often each cluster of an image is referenced, in as much memory as there are references and no more. Never fails:
//! what is beyond any file is counted like the rest.

use std::collections::HashMap;

/// Clusters of a page.
const PAGE: u64 = 4096;
/// From here on a count is kept elsewhere.
const MANY: u8 = u8::MAX;

/// References by cluster.
#[derive(Default)]
pub(super) struct Counts {
    pages: HashMap<u64, Box<[u8; PAGE as usize]>>,
    many: HashMap<u64, u64>,
}

impl Counts {
    /// Counts `n` more references of a cluster; what there are now.
    pub(super) fn add(&mut self, cluster: u64, n: u64) -> u64 {
        let page = self.pages.entry(cluster / PAGE).or_insert_with(|| Box::new([0; PAGE as usize]));
        let slot = &mut page[(cluster % PAGE) as usize];
        let before =
            if *slot == MANY { self.many.get(&cluster).copied().unwrap_or(0) } else { u64::from(*slot) };
        let now = before.saturating_add(n);
        match u8::try_from(now) {
            Ok(small) if small < MANY => *slot = small,
            _ => {
                *slot = MANY;
                self.many.insert(cluster, now);
            }
        }
        now
    }

    /// References of a cluster.
    pub(super) fn get(&self, cluster: u64) -> u64 {
        match self.pages.get(&(cluster / PAGE)).map_or(0, |page| page[(cluster % PAGE) as usize]) {
            MANY => self.many.get(&cluster).copied().unwrap_or(0),
            small => u64::from(small),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_exact_however_high() {
        let mut counts = Counts::default();
        assert_eq!(counts.add(u64::MAX, 1), 1);
        assert_eq!(counts.add(7, 253), 253);
        for now in 254..260 {
            assert_eq!((counts.add(7, 1), counts.get(7)), (now, now));
        }
        assert_eq!(counts.add(7, u64::MAX), u64::MAX);
        assert_eq!((counts.get(6), counts.get(8), counts.get(u64::MAX)), (0, 0, 1));
    }
}
