//! `/audit_log`: everything that was asked of this server, one line a call.

use std::path::Path;

use xapi_http::{Answer, page};

pub async fn answer(path: &Path) -> Answer {
    match tokio::fs::read(path).await {
        Ok(lines) => Answer { close: false, ..Answer::text(200, "text/plain", lines) },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Answer::text(200, "text/plain", ""),
        Err(error) => {
            tracing::error!(%error, "the audit log cannot be read");
            page(500, "the audit log cannot be read")
        }
    }
}
