//! `/import`: VMs come in with their disks; `/import_metadata`: only what VMs are.

use std::sync::Arc;

use xapi_http::{Answer, HandlerRequest};
use xapi_ops::{
    Xapi,
    transfer::{ImportOptions, import},
};
use xapi_schema::{ClassId, Ref, Result, Value, classes::Sr, errors};
use xapi_store::Read;

use super::{
    failed,
    transfer::{Caller, Transfer, flag, given_task, key},
};

/// The SR a request names; `None` when it names none.
pub fn home(xapi: &Xapi, request: &HandlerRequest) -> Result<Option<Ref<Sr>>> {
    let snapshot = xapi.store.snapshot();
    if let Some(given) = key(request, "sr_id").filter(|given| !given.is_empty() && given != "OpaqueRef:NULL")
    {
        let found = snapshot.row(ClassId::Sr, &given).or_else(|| snapshot.by_uuid(ClassId::Sr, &given));
        let found = found.ok_or_else(|| errors::HANDLE_INVALID.with(["SR", given.as_str()]))?;
        return Ok(Some(Ref::new(found.reference.clone())));
    }
    if let Some(uuid) = key(request, "sr_uuid").filter(|uuid| !uuid.is_empty()) {
        let found = snapshot.by_uuid(ClassId::Sr, &uuid);
        let found = found.ok_or_else(|| errors::UUID_INVALID.with(["SR", uuid.as_str()]))?;
        return Ok(Some(Ref::new(found.reference.clone())));
    }
    Ok(None)
}

/// Takes VMs with their disks.
pub async fn archive(xapi: &Arc<Xapi>, caller: Caller, request: HandlerRequest) -> Answer {
    let options = home(xapi, &request).map(|sr| ImportOptions {
        sr,
        restore: flag(&request, "restore"),
        force: flag(&request, "force"),
        ..ImportOptions::default()
    });
    take(xapi, caller, request, "VM.import", options).await
}

/// Takes VMs whose disks are here already.
pub async fn metadata(xapi: &Arc<Xapi>, caller: Caller, request: HandlerRequest) -> Answer {
    let disks = request
        .query
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix("vdi:")?.to_string(), value.clone())));
    let options = ImportOptions {
        restore: flag(&request, "restore"),
        force: flag(&request, "force"),
        dry_run: flag(&request, "dry_run"),
        live: flag(&request, "live"),
        metadata: true,
        disks: disks.collect(),
        sr: None,
    };
    take(xapi, caller, request, "VM.metadata_import", Ok(options)).await
}

async fn take(
    xapi: &Arc<Xapi>,
    caller: Caller,
    request: HandlerRequest,
    label: &str,
    options: Result<ImportOptions>,
) -> Answer {
    let probe = request.body.length() == Some(0) && given_task(&request).is_none();
    let transfer = match Transfer::begin(xapi, caller, label, &request).await {
        Ok(transfer) => transfer,
        Err(answer) => return answer,
    };
    let options = match options {
        Ok(options) => options,
        Err(failure) => return transfer.refuse(failure.clone(), failed(&failure)).await,
    };
    let headers = vec![transfer.header(), ("content-type", "application/octet-stream".into())];
    if probe {
        // Some clients ask with nothing first whether this is the right place.
        transfer.end(Ok(Value::set([]))).await;
        return Answer { headers, close: true, transfer: true, ..Answer::text(200, "", "") };
    }
    transfer.upload(request.body, headers, |cx, from| async move {
        let vms = import(&cx, options, from).await?;
        Ok(Value::set(vms.into_iter().map(|this| Value::Str(this.text().clone()))))
    })
}
