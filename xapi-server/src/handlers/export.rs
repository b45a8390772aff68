//! `/export`: a VM with its disks as an archive; `/export_metadata`: only what VMs are.

use std::sync::Arc;

use xapi_http::{Answer, HandlerRequest};
use xapi_ops::{
    Xapi,
    transfer::{Compression, ExportOptions, all_vms, export, export_metadata},
};
use xapi_schema::{
    ClassId, Ref, Result, Value,
    classes::{Vm, host},
    errors,
};
use xapi_store::Read;

use super::{
    failed, named,
    transfer::{Caller, Transfer, flag, key},
};

/// Headers of an archive, in the order clients were recorded to get them.
fn headers(xapi: &Xapi, transfer: &Transfer, length: Option<usize>) -> Vec<(&'static str, String)> {
    let software = xapi.store.snapshot().get(&xapi.host, host::software_version).unwrap_or_default();
    let version = software.get("xapi").cloned().unwrap_or_default();
    let mut headers = vec![
        transfer.header(),
        ("Server", format!("xapi/{version}")),
        ("content-type", "application/octet-stream".into()),
    ];
    headers.extend(length.map(|length| ("Content-Length", length.to_string())));
    headers.push(("Content-Disposition", "attachment; filename=\"export.xva\"".into()));
    headers
}

/// The VM a request names.
fn wanted(xapi: &Xapi, request: &HandlerRequest) -> Result<Ref<Vm>> {
    let missing = || match key(request, "uuid") {
        Some(uuid) => errors::UUID_INVALID.with(["VM".to_string(), uuid]),
        None => errors::HANDLE_INVALID.with(["VM".to_string(), key(request, "ref").unwrap_or_default()]),
    };
    named(xapi, ClassId::Vm, request).map(|row| Ref::new(row.reference)).ok_or_else(missing)
}

/// How the archive is compressed.
fn compression(request: &HandlerRequest) -> Compression {
    match key(request, "use_compression").map(|text| text.to_ascii_lowercase()).as_deref() {
        Some("true" | "gzip") => Compression::Gzip,
        Some("zstd") => Compression::Zstd,
        _ => Compression::None,
    }
}

/// Sends a VM with its disks.
pub async fn vm(xapi: &Arc<Xapi>, caller: Caller, request: HandlerRequest) -> Answer {
    let transfer = match Transfer::begin(xapi, caller, "VM.export", &request).await {
        Ok(transfer) => transfer,
        Err(answer) => return answer,
    };
    let this = match wanted(xapi, &request) {
        Ok(this) => this,
        Err(failure) => return transfer.refuse(failure.clone(), failed(&failure)).await,
    };
    let options = ExportOptions {
        compression: compression(&request),
        preserve_power_state: flag(&request, "preserve_power_state"),
    };
    let headers = headers(xapi, &transfer, None);
    transfer.download(headers, |cx, to| async move { export(&cx, &this, &options, to).await }).await
}

/// Describes one VM or all of them.
pub async fn metadata(xapi: &Arc<Xapi>, caller: Caller, request: HandlerRequest) -> Answer {
    let transfer = match Transfer::begin(xapi, caller, "VM.export_metadata", &request).await {
        Ok(transfer) => transfer,
        Err(answer) => return answer,
    };
    let chosen = |key_name: &str, otherwise: bool| match key(&request, key_name).as_deref() {
        Some("true") => true,
        Some("false") => false,
        _ => otherwise,
    };
    let vms = match chosen("all", false) {
        true => Ok(all_vms(&*xapi.store.snapshot(), chosen("include_dom0", true))),
        false => wanted(xapi, &request).map(|this| vec![this]),
    };
    let excluded = key(&request, "excluded_device_types").unwrap_or_default();
    let excluded = excluded.split(',').filter_map(|name| match name.trim().to_ascii_lowercase().as_str() {
        "vif" => Some(ClassId::Vif),
        "vbd" => Some(ClassId::Vbd),
        "vgpu" => Some(ClassId::Vgpu),
        "vtpm" => Some(ClassId::Vtpm),
        _ => None,
    });
    let written = match vms {
        Ok(vms) => {
            let (cx, snapshots) = (transfer.cx(), chosen("export_snapshots", true));
            export_metadata(&cx, &vms, snapshots, excluded.collect()).await
        }
        Err(failure) => Err(failure),
    };
    match written {
        Ok(bytes) => {
            let headers = headers(xapi, &transfer, Some(bytes.len()));
            transfer.end(Ok(Value::EMPTY)).await;
            Answer { headers, close: true, transfer: true, ..Answer::text(200, "", bytes) }
        }
        Err(failure) => transfer.refuse(failure.clone(), failed(&failure)).await,
    }
}
