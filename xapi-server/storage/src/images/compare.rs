//! What images have of their own, and in what two of one place differ: told from their tables, without reading data.

use std::collections::BTreeSet;

use xapi_schema::Result;
use xennix_disk::{chain::Format, file::Access};

use super::Images;
use crate::{
    fail::Doing,
    head::{self, Found},
};

impl Images {
    /// Has a leaf nothing of its own: no block, where it stands on another image, else no data at all?
    ///
    /// # Errors
    /// VDI_MISSING, SR_BACKEND_FAILURE_65.
    pub fn is_untouched(&self, uuid: &str) -> Result<bool> {
        let found = self.healthy(uuid)?;
        let looked = self.volumes.open(&found.name, Access::Read).and_then(|file| match found.format {
            Format::Vhd => {
                let image = xennix_disk::vhd::reader::Image::open(file)?;
                Ok(image.header().is_some() && image.bat().allocated().next().is_none())
            }
            Format::Qcow2 => xennix_disk::qcow2::create::is_empty(&*file),
            Format::Raw => Ok(file.next_data(0)?.is_none()),
        });
        self.volumes.settle();
        looked.map_err(|e| Doing::Load.disk(&e))
    }

    /// Stretches outside of which two images hold the same: everything in the images that only one of them stands on.
    /// Nothing when they have none in common, or one of those is no VHD.
    ///
    /// # Errors
    /// VDI_MISSING, SR_BACKEND_FAILURE_65.
    pub fn difference(&self, from: &str, to: &str) -> Result<Option<Vec<(u64, u64)>>> {
        let (from, to) = (self.healthy(from)?, self.healthy(to)?);
        let told = self.own_blocks(&from, &to).map_err(|e| Doing::Load.disk(&e));
        self.volumes.settle();
        told
    }

    fn own_blocks(&self, from: &Found, to: &Found) -> xennix_disk::Result<Option<Vec<(u64, u64)>>> {
        let (first, last) = (self.line(&from.name)?, self.line(&to.name)?);
        let Some(common) = last.iter().find(|name| first.contains(name)) else { return Ok(None) };
        let own =
            |line: &[String]| line.iter().take_while(|name| *name != common).cloned().collect::<Vec<_>>();
        let mut stretches = BTreeSet::new();
        for name in own(&first).into_iter().chain(own(&last)) {
            if self.naming.parse(&name).is_none_or(|(_, format)| format != Format::Vhd) {
                return Ok(None);
            }
            let image = xennix_disk::vhd::reader::Image::open(self.volumes.open(&name, Access::Read)?)?;
            if image.header().is_none() {
                return Ok(None);
            }
            let size = u64::from(image.block_size());
            stretches.extend(image.bat().allocated().map(|(block, _)| (block * size, size)));
        }
        let mut merged: Vec<(u64, u64)> = Vec::new();
        for (start, len) in stretches {
            match merged.last_mut() {
                Some((at, before)) if *at + *before >= start => *before = (*before).max(start + len - *at),
                _ => merged.push((start, len)),
            }
        }
        Ok(Some(merged))
    }

    /// An image and everything it stands on, by name.
    fn line(&self, name: &str) -> xennix_disk::Result<Vec<String>> {
        let mut line = vec![name.to_owned()];
        while let Some(found) = head::look(&*self.volumes, self.naming, &line[line.len() - 1], None)? {
            match found.parent {
                Some(parent) if line.len() <= xennix_disk::vhd::MAX_CHAIN => line.push(parent),
                Some(_) => return Err(xennix_disk::Error::format("chain", "too long, or its own ancestor")),
                None => break,
            }
        }
        Ok(line)
    }
}
