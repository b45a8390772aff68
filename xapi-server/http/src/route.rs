//! Which code answers a request: by method, then by longest path prefix. Pure.

use xapi_schema::http::{HANDLERS, Handler};

/// Where a request goes.
#[derive(Debug, Clone, Copy)]
pub enum Route {
    /// XML-RPC.
    Xml,
    /// JSON-RPC.
    Json,
    /// A question of a browser before a call from another origin.
    Preflight,
    /// A handler of the table.
    Handler(&'static Handler),
    /// A method nobody handles.
    NoMethod,
    /// A path nobody handles.
    Forbidden,
}

/// The route of a request. `path` is without the query.
pub fn route(method: &str, path: &str) -> Route {
    let clean = if path.len() > 1 { path.trim_end_matches('/') } else { path };
    match (method, clean) {
        ("POST", "/" | "/RPC2" | "/xmlrpc" | "/json") => return Route::Xml,
        ("POST", "/jsonrpc") => return Route::Json,
        ("OPTIONS", "/" | "/json" | "/jsonrpc" | "/RPC2") => return Route::Preflight,
        _ => {}
    }
    // Paths are never resolved, so anything that would climb is a stranger.
    if path.contains("..") || path.contains('\0') || path.starts_with("//") {
        return Route::Forbidden;
    }
    let mut of_method = HANDLERS.iter().filter(|handler| handler.method == method).peekable();
    if of_method.peek().is_none() {
        return Route::NoMethod;
    }
    let matching = of_method.filter(|handler| handler.path != "/" && is_prefix(handler.path, path));
    match matching.max_by_key(|handler| handler.path.len()) {
        Some(handler) => Route::Handler(handler),
        None => Route::Forbidden,
    }
}

/// `/update` is no prefix of `/updates`.
fn is_prefix(prefix: &str, path: &str) -> bool {
    let rest = path.strip_prefix(prefix.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(method: &str, path: &str) -> &'static str {
        match route(method, path) {
            Route::Handler(handler) => handler.name,
            Route::Xml => "xml",
            Route::Json => "json",
            Route::Preflight => "preflight",
            Route::NoMethod => "501",
            Route::Forbidden => "403",
        }
    }

    #[test]
    fn routes_as_recorded() {
        assert_eq!(name("POST", "/"), "xml");
        assert_eq!(name("POST", "/xmlrpc"), "xml");
        assert_eq!(name("POST", "/jsonrpc"), "json");
        assert_eq!(name("OPTIONS", "/jsonrpc"), "preflight");
        assert_eq!(name("GET", "/nope"), "403");
        assert_eq!(name("FOO", "/"), "501");
        assert_eq!(name("GET", "/export"), "get_export");
        assert_eq!(name("GET", "/export/"), "get_export");
        assert_eq!(name("GET", "/export_metadata"), "get_export_metadata");
        assert_eq!(name("GET", "/services/xenops"), "get_services_xenops");
        assert_eq!(name("GET", "/updates"), "get_updates");
        assert_eq!(name("GET", "/../../etc/passwd"), "403");
    }
}
