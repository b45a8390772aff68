//! SRs attached, detached and destroyed: one at a time on a host, journals settled before anybody sees what is there. A
//! guarded SR is only looked at.

use std::{path::Path, sync::Arc};

use xapi_backend::storage::{SrConfig, backend_failure};
use xapi_schema::Result;

use super::{Attached, Native, blocking};
use crate::{
    listing::same_file,
    place::{Content, value},
    repository::{Repository, lock},
};

impl Native {
    /// Attaches an SR; nothing to do for one that is.
    pub(super) async fn plug(&self, sr: &SrConfig) -> Result<()> {
        let _one = self.plugging.lock().await;
        if lock(&self.attached).contains_key(&sr.uuid) {
            return Ok(());
        }
        let content = self.ground.attach(sr).await?;
        let attached = match content {
            Content::Images(images) => {
                if let Err(failure) = self.assert_nobodys(sr, images.dir()) {
                    let _ = self.ground.detach(sr).await;
                    return Err(failure);
                }
                let repository = Arc::new(Repository::new(sr.clone(), images, self.paths.clone()));
                let held = repository.clone();
                blocking(move || {
                    held.hold_open_disks();
                    Ok(())
                })
                .await?;
                // A guarded SR is only looked at: its journals are its old owner's.
                if !self.policies.sr(&sr.uuid).guarded {
                    let settle = repository.clone();
                    if let Err(failure) = blocking(move || settle.change(|| Ok(()))).await {
                        let _ = self.ground.detach(sr).await;
                        return Err(failure);
                    }
                }
                self.recover_disks(&repository).await;
                Attached::Images(repository)
            }
            Content::Listing(listing) => Attached::Listing(sr.clone(), listing),
            Content::Nothing => Attached::Nothing(sr.clone()),
        };
        lock(&self.attached).insert(sr.uuid.clone(), attached);
        Ok(())
    }

    /// Refuses a directory of images that is another SR's: both would have the same disks.
    ///
    /// # Errors
    /// SR_BACKEND_FAILURE_42 with whose it is.
    pub(super) fn assert_nobodys(&self, sr: &SrConfig, dir: &Path) -> Result<()> {
        for (uuid, attached) in &*lock(&self.attached) {
            if let Attached::Images(repository) = attached
                && *uuid != sr.uuid
                && same_file(repository.images.dir(), dir)
            {
                let told = format!("{} is the storage repository {uuid}", dir.display());
                return Err(backend_failure(42, "The SR already exists", &told));
            }
        }
        Ok(())
    }

    /// Refuses to make an SR of a directory that is another's, be it empty.
    ///
    /// # Errors
    /// As [`assert_nobodys`](Native::assert_nobodys).
    pub(super) fn assert_free(&self, sr: &SrConfig) -> Result<()> {
        match value(&sr.device_config, "location").filter(|_| sr.kind == "file") {
            Some(location) => self.assert_nobodys(sr, Path::new(location)),
            None => Ok(()),
        }
    }

    /// Brings disks that were open before a restart to where they belong, as far as their SRs are attached.
    async fn recover_disks(&self, repository: &Arc<Repository>) {
        let (paths, repository) = (self.paths.clone(), repository.clone());
        let done = blocking(move || {
            let dir = repository.images.dir().to_owned();
            Ok(paths.recover(&|record| {
                if record.spec.image.parent() != Some(&dir) {
                    return Err("its storage repository is not attached".into());
                }
                let found = repository.images.find(&record.spec.id).map_err(|e| e.to_string())?;
                Ok(Some(repository.images.path(&found.name)))
            }))
        })
        .await;
        for (disk, error) in done.unwrap_or_default() {
            tracing::warn!(disk, %error, "an open disk could not be brought back");
        }
    }

    /// Detaches an SR whose disks nobody has open; one that could not be detached stays.
    pub(super) async fn unplug(&self, sr: &str) -> Result<()> {
        let _one = self.plugging.lock().await;
        let Ok(attached) = self.attached(sr) else { return Ok(()) };
        let config = match &attached {
            Attached::Images(repository) => {
                let (going, guarded) = (repository.clone(), self.policies.sr(sr).guarded);
                blocking(move || going.let_go(guarded)).await?;
                // A collection ends with its next step.
                drop(repository.collecting.lock().await);
                &repository.config
            }
            Attached::Listing(config, _) | Attached::Nothing(config) => config,
        };
        lock(&self.attached).remove(sr);
        let left = self.ground.detach(config).await;
        if left.is_err() {
            // It is still there: to be used, and to be tried again.
            if let Attached::Images(repository) = &attached {
                repository.stays();
            }
            lock(&self.attached).insert(sr.to_owned(), attached);
        }
        left
    }

    /// Destroys an attached SR that holds no disk.
    pub(super) async fn clear_away(&self, sr: &str) -> Result<()> {
        let _one = self.plugging.lock().await;
        let attached = self.attached(sr)?;
        let config = match attached {
            Attached::Images(repository) => {
                self.policies.sr(sr).assert_changeable(sr)?;
                let config = repository.config.clone();
                blocking(move || {
                    repository.unchanged(|| repository.images.assert_empty())?;
                    repository.let_go(false)?;
                    repository.change(|| repository.images.clear())
                })
                .await?;
                config
            }
            Attached::Listing(config, _) | Attached::Nothing(config) => config,
        };
        lock(&self.attached).remove(sr);
        self.ground.delete(&config).await
    }
}
