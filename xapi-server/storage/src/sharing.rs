//! Which qcow2 images use tables for more than one place: into them nothing is merged, and the collection shall not try
//! it at every round. What was found out is remembered until the image changes; it never decides anything else.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::Mutex,
    time::SystemTime,
};

use xennix_disk::{chain::Format, file::Access, qcow2::shares_tables, volumes::Volumes};

use crate::{head::Found, repository::lock};

/// How a file is known to be as it was.
type Stamp = (u64, SystemTime);

/// What was found out, by name.
#[derive(Default)]
pub(crate) struct Sharing(Mutex<HashMap<String, (Stamp, bool)>>);

fn stamp(path: &Path) -> Option<Stamp> {
    let told = std::fs::metadata(path).ok()?;
    Some((told.len(), told.modified().ok()?))
}

impl Sharing {
    /// Does this image, a file at `path`, share tables? In doubt it does not: the merge itself then says what is wrong.
    pub(crate) fn is_known(&self, volumes: &dyn Volumes, image: &Found, path: &Path) -> bool {
        if image.format != Format::Qcow2 {
            return false;
        }
        let Some(now) = stamp(path) else { return false };
        if let Some((then, shares)) = lock(&self.0).get(&image.name)
            && *then == now
        {
            return *shares;
        }
        let looked = volumes.open(&image.name, Access::Read).and_then(|f| shares_tables(&*f));
        let Ok(shares) = looked else { return false };
        if shares {
            tracing::warn!(image = image.name, "nothing is merged into a qcow2 image that shares tables");
        }
        lock(&self.0).insert(image.name.clone(), (now, shares));
        shares
    }

    /// Forgets images that are gone.
    pub(crate) fn keep(&self, found: &[Found]) {
        let names: HashSet<&str> = found.iter().map(|f| f.name.as_str()).collect();
        lock(&self.0).retain(|name, _| names.contains(name.as_str()));
    }
}
