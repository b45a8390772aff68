//! `/blob`: bytes kept with an object.

use xapi_http::{Answer, HandlerRequest};
use xapi_ops::Xapi;
use xapi_schema::{
    ClassId,
    classes::{Blob, blob},
};

use super::named;

/// The bytes of a blob; nobody can have put any there yet.
pub fn answer(xapi: &Xapi, request: &HandlerRequest) -> Answer {
    match named(xapi, ClassId::Blob, request) {
        Some(row) => {
            let kind = row.record.get::<Blob, String>(blob::mime_type);
            Answer { close: true, ..Answer::text(200, &kind, "") }
        }
        None => unknown(),
    }
}

pub fn unknown() -> Answer {
    Answer { headers: vec![], close: true, ..Answer::text(404, "", "Unknown reference\n") }
}
