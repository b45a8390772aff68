//! Between HTTP and the operations: who asks, what for, and the handlers' own checks.

use std::sync::Arc;

use base64::Engine;
use xapi_http::{Answer, HandlerRequest, Origin, RpcRequest, Service, Wire, page};
use xapi_ops::{
    CallInfo, Peer, Xapi,
    session::{self, LoginRequest, Session},
};
use xapi_schema::{Failure, Result, Value, errors, http::Handler};

use crate::{
    cli,
    handlers::{Caller, Handlers, declared, failed, refuse},
};

/// The toolstack as an HTTP service.
pub struct Api {
    xapi: Arc<Xapi>,
    handlers: Handlers,
}

impl Api {
    /// Serves this toolstack.
    pub fn new(xapi: Arc<Xapi>, handlers: Handlers) -> Api {
        Api { xapi, handlers }
    }

    /// The session a handler's caller shows, and whether it was opened for this request only.
    async fn session(&self, request: &HandlerRequest) -> Result<(Arc<Session>, bool)> {
        let invalid = || errors::SESSION_INVALID.with([""]);
        let either = |name| request.cookie(name).or_else(|| request.query(name).map(str::to_string));
        let shown = either("session_id");
        if let Some(reference) = shown {
            return self.xapi.sessions.get(&reference).map(|known| (known, false)).ok_or_else(invalid);
        }
        let opened = if let Some((user, password)) = request.authorization().and_then(basic) {
            let login = LoginRequest { user, password, originator: "http".into() };
            session::login(&self.xapi, &peer(request.origin), login).await?
        } else if let Some(secret) = either("pool_secret") {
            session::open_pool(&self.xapi, &secret).await?
        } else if request.origin == Origin::LocalSocket {
            session::open_local(&self.xapi, "http").await?
        } else {
            return Err(invalid());
        };
        self.xapi.sessions.get(opened.as_str()).map(|known| (known, true)).ok_or_else(invalid)
    }
}

/// Name and password of a `Basic` authorization.
fn basic(header: &str) -> Option<(String, String)> {
    let encoded = header.strip_prefix("Basic ")?;
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_string(), password.to_string()))
}

fn peer(origin: Origin) -> Peer {
    match origin {
        Origin::LocalSocket => Peer::Local,
        Origin::Plain(address) | Origin::Tls(address) => Peer::Network(address.ip()),
    }
}

/// Asks for credentials.
fn unauthorised(handler: &Handler) -> Answer {
    let mut answer = page(401, "");
    answer.headers.push(("WWW-Authenticate", format!("Basic realm=\"{}\"", handler.name)));
    answer
}

/// May this session use the handler?
fn assert_role(handler: &Handler, session: &Session) -> Result<()> {
    let held =
        session.superuser || session.pool || session.roles.iter().any(|role| handler.roles.contains(role));
    if held || !handler.rbac_checked {
        return Ok(());
    }
    let permission = format!("http/{}", handler.name);
    Err(errors::RBAC_PERMISSION_DENIED.with([permission.as_str(), "your roles do not include this"]))
}

impl Service for Api {
    async fn call(&self, request: RpcRequest) -> Result<Value> {
        let info = CallInfo {
            peer: peer(request.origin),
            subtask_of: request.headers.subtask_of,
            task_id: request.headers.task_id,
            other_config: request.headers.other_config,
        };
        self.xapi.call(&info, &request.call.method, request.call.args).await
    }

    async fn handle(&self, handler: &'static Handler, request: HandlerRequest) -> Answer {
        if let Some(answer) = self.handlers.without_login(&self.xapi, handler, &request) {
            return answer;
        }
        let (session, opened) = match self.session(&request).await {
            Ok(found) => found,
            Err(Failure { code, .. }) => {
                tracing::debug!(code, handler = handler.name, "a handler's caller is nobody");
                return unauthorised(handler);
            }
        };
        let caller = Caller { session, opened };
        match assert_role(handler, &caller.session) {
            Ok(()) => match declared::check(&self.xapi, &caller.session, handler, &request) {
                Ok(()) => self.handlers.answer(&self.xapi, caller, handler, request).await,
                Err(failure) => {
                    refuse(&self.xapi, &caller.session, &request, failure.clone()).await;
                    caller.end(&self.xapi).await;
                    failed(&failure)
                }
            },
            Err(failure) => {
                refuse(&self.xapi, &caller.session, &request, failure).await;
                caller.end(&self.xapi).await;
                page(403, "")
            }
        }
    }

    async fn cli(&self, origin: Origin, wire: Wire) {
        cli::serve(self.xapi.clone(), peer(origin), wire).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_may_hold_colons() {
        assert_eq!(basic("Basic cm9vdDphOmI="), Some(("root".into(), "a:b".into())));
        for senseless in ["", "Basic", "Basic !!!", "Bearer cm9vdDphOmI=", "Basic cm9vdA=="] {
            assert_eq!(basic(senseless), None, "{senseless}");
        }
    }
}
