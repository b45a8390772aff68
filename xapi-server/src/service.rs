//! Between HTTP and the operations: who asks, what for, and the handlers' own checks.

use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use xapi_http::{Answer, HandlerRequest, Origin, RpcRequest, Service, Wire, page};
use xapi_ops::{CallInfo, Peer, Xapi};
use xapi_schema::{Result, Value, http::Handler};

/// The toolstack as an HTTP service.
pub struct Api {
    xapi: Arc<Xapi>,
}

impl Api {
    /// Serves this toolstack.
    pub fn new(xapi: Arc<Xapi>) -> Api {
        Api { xapi }
    }
}

fn peer(origin: Origin) -> Peer {
    match origin {
        Origin::LocalSocket => Peer::Local,
        Origin::Plain(address) | Origin::Tls(address) => Peer::Network(address.ip()),
    }
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
        let local = request.origin == Origin::LocalSocket;
        let session =
            request.cookie("session_id").or_else(|| request.query("session_id").map(str::to_string));
        let known = session.is_some_and(|reference| self.xapi.sessions.get(&reference).is_some());
        if !local && !known {
            let mut answer = page(401, "");
            answer.headers.push(("WWW-Authenticate", format!("Basic realm=\"{}\"", handler.name)));
            return answer;
        }
        page(501, handler.path)
    }

    async fn cli(&self, _: Origin, mut stream: Wire) {
        let text = "HTTP/1.1 501 Method not implemented\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        // The client may be gone already; then nobody misses the answer.
        let _ = stream.write_all(text.as_bytes()).await;
        let _ = stream.shutdown().await;
    }
}
