//! Which blocks of a disk change, and disks of which only that is left.

use std::time::Duration;

use base64::Engine;
use xapi_backend::storage::{CBT_BLOCK, backend_failure};
use xapi_schema::{
    Ref, Result,
    classes::{StorageOperations, Vbd, Vdi, VdiOperations, VdiType, vbd, vdi},
    errors,
};
use xapi_store::{Read, Tx};

use super::{place, restat, settle, within_both};
use crate::{Cx, Registry, handlers::vbd as slot};

/// Longest the users of a disk are waited for before its data goes.
const PATIENCE: Duration = Duration::from_secs(4);

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(vdi::call::enable_cbt, enable);
    on.on(vdi::call::disable_cbt, disable);
    on.on(vdi::call::data_destroy, data_destroy);
    on.on(vdi::call::list_changed_blocks, list_changed_blocks);
}

async fn enable(cx: Cx, this: Ref<Vdi>) -> Result<()> {
    let work = turn(&cx, &this, true);
    within_both(&cx, &this, StorageOperations::VdiEnableCbt, VdiOperations::EnableCbt, work).await
}

async fn disable(cx: Cx, this: Ref<Vdi>) -> Result<()> {
    let work = turn(&cx, &this, false);
    within_both(&cx, &this, StorageOperations::VdiDisableCbt, VdiOperations::DisableCbt, work).await
}

async fn turn(cx: &Cx, this: &Ref<Vdi>, on: bool) -> Result<()> {
    if cx.snapshot().get(this, vdi::cbt_enabled)? == on {
        return Ok(());
    }
    let (place, target) = (place(cx, this)?, this.clone());
    let storage = &cx.xapi.backends.storage;
    if on {
        storage.enable_cbt(&place.sr, &place.location).await?;
    } else {
        storage.disable_cbt(&place.sr, &place.location).await?;
    }
    cx.commit(move |tx| {
        tx.set(&target, vdi::cbt_enabled, on)?;
        settle(tx, &place.home)
    })
    .await
}

/// The bytes of a snapshot go, what changed up to it stays known.
async fn data_destroy(cx: Cx, this: Ref<Vdi>) -> Result<()> {
    if cx.snapshot().get(&this, vdi::r#type)? == VdiType::CbtMetadata {
        return Ok(());
    }
    let work = async {
        let place = place(&cx, &this)?;
        let (target, old) = (this.clone(), cx.snapshot().get(&this, vdi::r#type)?);
        // Nobody begins to use it from here on.
        cx.commit(move |tx| tx.set(&target, vdi::r#type, VdiType::CbtMetadata)).await?;
        let outcome = match unused(&cx, &this).await {
            Ok(()) => cx.xapi.backends.storage.destroy_data(&place.sr, &place.location).await,
            Err(failure) => Err(failure),
        };
        let (target, home) = (this.clone(), place.home.clone());
        if let Err(failure) = outcome {
            cx.commit(move |tx| tx.set(&target, vdi::r#type, old)).await?;
            return Err(failure);
        }
        cx.commit(move |tx| {
            remove_slots(tx, &target)?;
            tx.set(&target, vdi::physical_utilisation, 0)?;
            settle(tx, &home)
        })
        .await?;
        restat(&cx, &place.home).await;
        Ok(())
    };
    within_both(&cx, &this, StorageOperations::VdiDataDestroy, VdiOperations::DataDestroy, work).await
}

fn remove_slots(tx: &mut Tx, this: &Ref<Vdi>) -> Result<()> {
    for user in tx.get(this, vdi::VBDs)? {
        slot::remove(tx, &user)?;
    }
    Ok(())
}

/// Waits a moment for those who still read it.
async fn unused(cx: &Cx, this: &Ref<Vdi>) -> Result<()> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let snapshot = cx.snapshot();
        let active = |user: &Ref<Vbd>| {
            snapshot
                .record(user)
                .is_ok_and(|user| user.get(vbd::currently_attached) || user.get(vbd::reserved))
        };
        if !snapshot.get(this, vdi::VBDs)?.iter().any(active) {
            return Ok(());
        }
        if tokio::time::Instant::now() >= deadline {
            return Err(errors::VDI_IN_USE.with([this.as_str(), "data_destroy"]));
        }
        cx.check_cancelled()?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn list_changed_blocks(cx: Cx, from: Ref<Vdi>, to: Ref<Vdi>) -> Result<String> {
    let work = async {
        let stretches = crate::transfer::changed(&cx, &from, &to).await?;
        let size = u64::try_from(cx.snapshot().get(&to, vdi::virtual_size)?).unwrap_or(0);
        Ok(base64::engine::general_purpose::STANDARD.encode(bitmap(&stretches, size)))
    };
    let (sr_op, op) = (StorageOperations::VdiListChangedBlocks, VdiOperations::ListChangedBlocks);
    within_both(&cx, &to, sr_op, op, work).await
}

/// One bit a block, the most significant of a byte first.
fn bitmap(stretches: &[(u64, u64)], size: u64) -> Vec<u8> {
    let mut bits = vec![0u8; size.div_ceil(CBT_BLOCK).div_ceil(8) as usize];
    for (offset, length) in stretches {
        for block in offset / CBT_BLOCK..(offset + length).div_ceil(CBT_BLOCK) {
            if let Some(byte) = bits.get_mut((block / 8) as usize) {
                *byte |= 0x80 >> (block % 8);
            }
        }
    }
    bits
}

/// Two disks whose changes can't be told.
pub fn unknown_changes() -> xapi_schema::Failure {
    backend_failure(
        460,
        "Failed to calculate changed blocks for given VDIs",
        "Source and target VDI are unrelated",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_block_is_the_highest_bit() {
        let of = |stretches: &[(u64, u64)], blocks: u64| bitmap(stretches, blocks * CBT_BLOCK);
        assert_eq!(of(&[(0, CBT_BLOCK)], 8), [0x80]);
        assert_eq!(of(&[(7 * CBT_BLOCK, 2 * CBT_BLOCK)], 10), [0x01, 0x80]);
        assert_eq!(of(&[], 9), [0, 0]);
        assert_eq!(of(&[(0, 99 * CBT_BLOCK)], 4), [0xff], "what lies behind the end is never read");
    }
}
