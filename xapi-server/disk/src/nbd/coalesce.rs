//! Merges a leaf into its parent while clients use it: steps in between their requests, and one short pause for the
//! exchange. Never keeps clients waiting for a scan or for the bulk of the data.

use super::export::{Export, Opener};
use crate::error::{Error, Result};
use crate::image::Image;
use crate::vhd::coalesce::LeafPlan;
use crate::volumes::Volumes;

/// Bytes copied while clients wait.
const STEP: u64 = 8 << 20;
/// Bytes that may be left for the pause.
const LAST: u64 = 16 << 20;
/// Steps without progress before it is given up or ended.
const PATIENCE: u32 = 64;

/// Merges the leaf `leaf` of `volumes`, which `export` serves, into its parent, which is called `name` afterwards;
/// `opener` opens it then. `progress` hears how many bytes are left, and an error from it gives the merge up.
///
/// # Errors
/// As [`Image::start_merge`] and [`Image::merge_step`]: the leaf goes on being served. When even that fails the export
/// stays paused.
pub fn coalesce(
    export: &Export,
    volumes: &dyn Volumes,
    leaf: &str,
    name: &str,
    opener: Opener,
    progress: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<()> {
    let plan = LeafPlan::new(volumes, leaf, name)?;
    export.with_mut(|image| image.start_planned(volumes, plan))?;
    if let Err(e) = copy(export, volumes, progress) {
        export.with_mut(|image| {
            image.cancel_merge();
            Ok(())
        })?;
        return Err(e);
    }
    export.exchange(|image| image.finish_merge(volumes), opener)
}

fn copy(export: &Export, volumes: &dyn Volumes, progress: &mut dyn FnMut(u64) -> Result<()>) -> Result<()> {
    let (mut best, mut stuck) = (u64::MAX, 0);
    loop {
        let left = export.with_mut(|image| image.merge_step(volumes, STEP))?;
        progress(left)?;
        stuck = if left < best { 0 } else { stuck + 1 };
        best = best.min(left);
        if left <= LAST {
            // What is left is copied in the pause; what was copied before is not flushed there.
            export.with_mut(Image::merge_flush)?;
            return Ok(());
        }
        if stuck >= PATIENCE {
            return Err(Error::Refused("the guest writes faster than its disk can be merged".into()));
        }
    }
}
