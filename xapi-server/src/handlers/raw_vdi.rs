//! `/export_raw_vdi` and `/import_raw_vdi`: one disk out or in, in several forms.

use std::sync::Arc;

use xapi_http::{Answer, HandlerRequest, page};
use xapi_ops::{
    Xapi,
    transfer::{Format, RawExport, RawImport, export_disk, import_disk, import_new_disk},
};
use xapi_schema::{
    ClassId, Failure, Ref, Result, Value,
    classes::{Vdi, vdi},
    errors,
};
use xapi_store::Read;

use super::{
    failed, import,
    transfer::{Caller, Transfer, given_task, key},
};

/// A disk named by reference or uuid.
fn named(xapi: &Xapi, given: &str) -> Result<Ref<Vdi>> {
    let snapshot = xapi.store.snapshot();
    let found = snapshot.row(ClassId::Vdi, given).or_else(|| snapshot.by_uuid(ClassId::Vdi, given));
    found.map(|row| Ref::new(row.reference.clone())).ok_or_else(|| errors::UUID_INVALID.with(["VDI", given]))
}

/// The form a request asks for.
fn format(request: &HandlerRequest) -> Result<Format> {
    let given = key(request, "format");
    let unknown = || Failure::internal(format!("Unknown format {}", given.clone().unwrap_or_default()));
    Format::parse(given.as_deref()).ok_or_else(unknown)
}

/// Sends a disk.
pub async fn export(xapi: &Arc<Xapi>, caller: Caller, request: HandlerRequest) -> Answer {
    let transfer = match Transfer::begin(xapi, caller, "Exporting raw VDI", &request).await {
        Ok(transfer) => transfer,
        Err(answer) => return answer,
    };
    let format = match format(&request) {
        Ok(format) => format,
        Err(failure) => return transfer.refuse(failure, page(404, "Unknown format")).await,
    };
    let told = || {
        let disk = named(xapi, &key(&request, "vdi").unwrap_or_default())?;
        let base = key(&request, "base").filter(|base| !base.is_empty() && base != "OpaqueRef:NULL");
        let base = base.map(|base| named(xapi, &base)).transpose()?;
        let uuid = xapi.store.snapshot().get(&disk, vdi::uuid)?;
        Ok::<_, Failure>((RawExport { disk, format, base }, uuid))
    };
    let (what, uuid) = match told() {
        Ok(told) => told,
        Err(failure) => return transfer.refuse(failure.clone(), failed(&failure)).await,
    };
    let name = format!("attachment; filename=\"{uuid}.{}\"", format.extension());
    let headers = vec![
        transfer.header(),
        ("content-type", format.content_type().into()),
        ("content-disposition", name),
    ];
    transfer.download(headers, |cx, to| async move { export_disk(&cx, what, to).await }).await
}

/// Takes a disk: over one that is there, or as a new one in an SR.
pub async fn import(xapi: &Arc<Xapi>, caller: Caller, request: HandlerRequest) -> Answer {
    let length = request.body.length();
    let probe = length == Some(0) && given_task(&request).is_none();
    let transfer = match Transfer::begin(xapi, caller, "Importing raw VDI", &request).await {
        Ok(transfer) => transfer,
        Err(answer) => return answer,
    };
    let format = match format(&request) {
        Ok(format) => format,
        Err(failure) => return transfer.refuse(failure, page(404, "Unknown format")).await,
    };
    let chunked = key(&request, "chunked").is_some_and(|text| text != "false");
    if chunked && format != Format::Raw {
        let failure = Failure::internal("Only raw disks come in pieces");
        return transfer.refuse(failure, page(404, "Only raw disks come in pieces")).await;
    }
    let headers = vec![transfer.header(), ("content-type", "application/octet-stream".into())];
    let disk = match key(&request, "vdi").map(|given| named(xapi, &given)).transpose() {
        Ok(disk) => disk,
        Err(failure) => return transfer.refuse(failure.clone(), failed(&failure)).await,
    };
    let Some(disk) = disk else {
        let home = match import::home(xapi, &request) {
            Ok(home) => home,
            Err(failure) => return transfer.refuse(failure.clone(), failed(&failure)).await,
        };
        // The size of a new disk is that of the upload.
        let (Some(home), Some(length), Format::Raw, false) = (home, length, format, chunked) else {
            return transfer.refuse(errors::VDI_MISSING.bare(), page(400, "A disk or an SR is needed")).await;
        };
        if probe {
            return nothing(transfer, headers).await;
        }
        return transfer.upload(request.body, headers, move |cx, from| async move {
            let made = import_new_disk(&cx, &home, length, from).await?;
            Ok(Value::Str(made.text().clone()))
        });
    };
    if probe {
        return nothing(transfer, headers).await;
    }
    transfer.upload(request.body, headers, |cx, from| async move {
        let made = Value::Str(disk.text().clone());
        import_disk(&cx, RawImport { disk, format, chunked }, from).await?;
        Ok(made)
    })
}

/// Some clients ask with nothing first whether this is the right place.
async fn nothing(transfer: Transfer, headers: Vec<(&'static str, String)>) -> Answer {
    transfer.end(Ok(Value::EMPTY)).await;
    Answer { headers, close: true, transfer: true, ..Answer::text(200, "", "") }
}
