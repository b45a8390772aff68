//! The HTTP handlers there are so far, one noun a file. What is not here answers 501 with its path, after the checks
//! that come before the work.

mod audit;
mod blob;
mod console;
mod database;
pub mod declared;
mod export;
mod import;
mod raw_vdi;
mod transfer;

pub use console::Consoles;
pub use transfer::{Caller, refuse};

use std::{path::PathBuf, sync::Arc};

use xapi_http::{Answer, HandlerRequest, page};
use xapi_ops::Xapi;
use xapi_schema::{ClassId, Failure, errors, http::Handler};
use xapi_store::{Read, Row};

/// What handlers need besides the toolstack.
pub struct Handlers {
    /// File the audit lines are written to.
    pub audit_log: PathBuf,
    /// Consoles somebody looks at.
    pub consoles: Arc<Consoles>,
}

/// Only a status and headers that end the connection.
fn bare(status: u16) -> Answer {
    Answer { headers: vec![], close: true, ..Answer::text(status, "", "") }
}

/// The page for a failure of the API.
pub fn failed(failure: &Failure) -> Answer {
    page(500, &format!("{}: [ {} ]", failure.code, failure.params.join("; ")))
}

impl Handlers {
    /// Answers that need no login: what is public, and what this server never offers.
    pub fn without_login(&self, xapi: &Xapi, handler: &Handler, request: &HandlerRequest) -> Option<Answer> {
        match handler.name {
            // The pages of updates are only for installers of pool members.
            "get_pool_update_download" => Some(page(403, "")),
            // A blob can be public, so it is looked up first.
            "get_blob" if named(xapi, ClassId::Blob, request).is_none() => Some(blob::unknown()),
            _ => None,
        }
    }

    /// Answers a caller who may use the handler.
    pub async fn answer(
        &self,
        xapi: &Arc<Xapi>,
        caller: Caller,
        handler: &'static Handler,
        request: HandlerRequest,
    ) -> Answer {
        match handler.name {
            "connect_console" => return console::raw(xapi, &self.consoles, caller, request).await,
            "connect_console_ws" => return console::socket(xapi, &self.consoles, caller, request).await,
            "get_export" => return export::vm(xapi, caller, request).await,
            "get_export_metadata" => return export::metadata(xapi, caller, request).await,
            "put_import" => return import::archive(xapi, caller, request).await,
            "put_import_metadata" => return import::metadata(xapi, caller, request).await,
            "get_export_raw_vdi" => return raw_vdi::export(xapi, caller, request).await,
            "put_import_raw_vdi" => return raw_vdi::import(xapi, caller, request).await,
            _ => {}
        }
        let answer = match handler.name {
            "get_vncsnapshot" => console::picture(xapi, &self.consoles, &caller, &request).await,
            _ => self.small(xapi, handler, &request).await,
        };
        caller.end(xapi).await;
        answer
    }

    /// Handlers whose answer is made at once.
    async fn small(&self, xapi: &Arc<Xapi>, handler: &'static Handler, request: &HandlerRequest) -> Answer {
        match handler.name {
            "get_audit_log" => audit::answer(&self.audit_log).await,
            "get_blob" => blob::answer(xapi, request),
            "get_pool_xml_db_sync" => database::answer(xapi).await,
            "sr_rrd" if request.query("uuid").is_none() => bare(400),
            "get_updates" => bare(404),
            "get_wlb_report" => failed(&errors::WLB_NOT_INITIALIZED.bare()),
            _ => page(501, handler.path),
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
