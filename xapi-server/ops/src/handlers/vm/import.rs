//! `VM.import`: an archive this host fetches itself.

use std::{io, sync::Arc};

use xapi_schema::{
    Ref, Result,
    classes::{Sr, Vm, vm},
    errors,
};

use crate::{
    Cx, Registry,
    handlers::sr as repository,
    outside::Pieces,
    rules,
    task::Running,
    transfer::{self, ImportOptions, Sender, Upload},
};

/// Registers the method.
pub fn register(on: &mut Registry) {
    on.on(vm::call::import, import);
}

async fn import(cx: Cx, url: String, home: Ref<Sr>, restore: bool, force: bool) -> Result<Vec<Ref<Vm>>> {
    if rules::rolling_upgrade(&*cx.snapshot()) {
        return Err(errors::NOT_SUPPORTED_DURING_UPGRADE.bare());
    }
    if !home.is_null() {
        repository::plugged(&*cx.snapshot(), &home)?;
    }
    let Some(outside) = cx.xapi.settings.outside.clone() else {
        return Err(errors::IMPORT_ERROR.with(["this host has no way to other machines"]));
    };
    let pieces = outside.fetch(&url).await?;
    let (sender, upload) = Upload::new();
    tokio::spawn(pump(pieces, sender, cx.task.clone()));
    let options = ImportOptions { sr: home.not_null(), restore, force, ..ImportOptions::default() };
    transfer::import(&cx, options, upload).await
}

/// Moves what comes to the work, until somebody cancels.
async fn pump(mut from: Pieces, to: Sender, task: Arc<Running>) {
    loop {
        let piece = tokio::select! {
            piece = from.recv() => piece,
            () = task.cancelled() => {
                let cancelled = errors::TASK_CANCELLED.with([task.key().as_str()]);
                let _ = to.send(Err(io::Error::other(cancelled))).await;
                return;
            }
            () = to.closed() => return,
        };
        let Some(piece) = piece else { return };
        let last = piece.is_err();
        if to.send(piece).await.is_err() || last {
            return;
        }
    }
}
