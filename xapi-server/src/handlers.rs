//! The HTTP handlers there are so far. What is not here answers 501 with its path.

use std::sync::Arc;

use xapi_http::{Answer, HandlerRequest, page};
use xapi_ops::{Xapi, session::Session};
use xapi_schema::{
    ClassId,
    classes::{Blob, blob},
    http::Handler,
};
use xapi_store::Read;

/// Answers that need no login: what is public, and what this server never offers.
pub fn without_login(handler: &Handler, _: &HandlerRequest) -> Option<Answer> {
    match handler.name {
        // The pages of updates are only for installers of pool members.
        "get_pool_update_download" => Some(page(403, "")),
        _ => None,
    }
}

/// Answers a caller who may use the handler.
pub async fn answer(
    xapi: &Arc<Xapi>,
    _: &Session,
    handler: &'static Handler,
    request: HandlerRequest,
) -> Answer {
    match handler.name {
        "get_blob" => blob(xapi, &request),
        _ => page(501, handler.path),
    }
}

/// The bytes of a blob; nobody can have put any there yet.
fn blob(xapi: &Xapi, request: &HandlerRequest) -> Answer {
    let snapshot = xapi.store.snapshot();
    let by_uuid = request.query("uuid").and_then(|uuid| snapshot.by_uuid(ClassId::Blob, uuid));
    let by_ref = request.query("ref").and_then(|reference| snapshot.row(ClassId::Blob, reference));
    match by_uuid.or(by_ref) {
        Some(row) => {
            let kind = row.record.get::<Blob, String>(blob::mime_type);
            Answer { close: true, ..Answer::text(200, &kind, "") }
        }
        None => {
            let headers = vec![];
            Answer { headers, close: true, ..Answer::text(404, "", "Unknown reference\n") }
        }
    }
}
