//! The HTTP handlers there are so far. What is not here answers 501 with its path, after the checks that
//! come before the work.

use std::{path::PathBuf, sync::Arc};

use xapi_http::{Answer, HandlerRequest, page};
use xapi_ops::{Xapi, session::Session};
use xapi_schema::{
    Class, ClassId, Failure,
    classes::{Blob, blob},
    errors,
    http::Handler,
};
use xapi_store::{Read, Row};

/// What handlers need besides the toolstack.
pub struct Handlers {
    /// File the audit lines are written to.
    pub audit_log: PathBuf,
}

/// Only a status and headers that end the connection.
fn bare(status: u16) -> Answer {
    Answer { headers: vec![], close: true, ..Answer::text(status, "", "") }
}

/// The page for a failure of the API.
fn failed(failure: &Failure) -> Answer {
    page(500, &format!("{}: [ {} ]", failure.code, failure.params.join("; ")))
}

impl Handlers {
    /// Answers that need no login: what is public, and what this server never offers.
    pub fn without_login(&self, xapi: &Xapi, handler: &Handler, request: &HandlerRequest) -> Option<Answer> {
        match handler.name {
            // The pages of updates are only for installers of pool members.
            "get_pool_update_download" => Some(page(403, "")),
            // A blob can be public, so it is looked up first.
            "get_blob" if named(xapi, ClassId::Blob, request).is_none() => Some(unknown()),
            _ => None,
        }
    }

    /// Answers a caller who may use the handler.
    pub async fn answer(
        &self,
        xapi: &Arc<Xapi>,
        _: &Session,
        handler: &'static Handler,
        request: HandlerRequest,
    ) -> Answer {
        let missing = |class: ClassId, key: &str| {
            let given = request.query(key).unwrap_or_default();
            failed(&errors::UUID_INVALID.with([Class::of(class).name, given]))
        };
        match handler.name {
            "get_audit_log" => self.audit_log().await,
            "get_blob" => blob(xapi, &request),
            "sr_rrd" if request.query("uuid").is_none() => bare(400),
            "get_updates" => bare(404),
            "get_export" if named(xapi, ClassId::Vm, &request).is_none() => missing(ClassId::Vm, "uuid"),
            "connect_console_ws" | "connect_console" if named(xapi, ClassId::Console, &request).is_none() => {
                missing(ClassId::Console, "uuid")
            }
            "get_vncsnapshot" if named(xapi, ClassId::Console, &request).is_none() => {
                missing(ClassId::Console, "uuid")
            }
            "get_export_raw_vdi" if vdi(xapi, &request).is_none() => missing(ClassId::Vdi, "vdi"),
            "get_wlb_report" => failed(&errors::WLB_NOT_INITIALIZED.bare()),
            _ => page(501, handler.path),
        }
    }

    /// Everything that was asked of this server, one line a call.
    async fn audit_log(&self) -> Answer {
        match tokio::fs::read(&self.audit_log).await {
            Ok(lines) => Answer { close: false, ..Answer::text(200, "text/plain", lines) },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Answer::text(200, "text/plain", ""),
            Err(error) => {
                tracing::error!(%error, "the audit log cannot be read");
                page(500, "the audit log cannot be read")
            }
        }
    }
}

/// The object a request names by `uuid` or `ref`.
fn named(xapi: &Xapi, class: ClassId, request: &HandlerRequest) -> Option<Row> {
    let snapshot = xapi.store.snapshot();
    let by_uuid = request.query("uuid").and_then(|uuid| snapshot.by_uuid(class, uuid));
    let by_ref = || request.query("ref").and_then(|reference| snapshot.row(class, reference));
    by_uuid.or_else(by_ref).cloned()
}

/// A disk, named by reference or uuid under one key.
fn vdi(xapi: &Xapi, request: &HandlerRequest) -> Option<Row> {
    let given = request.query("vdi")?;
    let snapshot = xapi.store.snapshot();
    snapshot.row(ClassId::Vdi, given).or_else(|| snapshot.by_uuid(ClassId::Vdi, given)).cloned()
}

fn unknown() -> Answer {
    Answer { headers: vec![], close: true, ..Answer::text(404, "", "Unknown reference\n") }
}

/// The bytes of a blob; nobody can have put any there yet.
fn blob(xapi: &Xapi, request: &HandlerRequest) -> Answer {
    match named(xapi, ClassId::Blob, request) {
        Some(row) => {
            let kind = row.record.get::<Blob, String>(blob::mime_type);
            Answer { close: true, ..Answer::text(200, &kind, "") }
        }
        None => unknown(),
    }
}
