//! What is known of a request.

use std::{io, net::SocketAddr};

use hyper::{HeaderMap, Method, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;
use xapi_codec::Call;

use crate::{Wire, connection::Lent, query, upload::RequestBody};

/// Where a connection came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The local socket.
    LocalSocket,
    /// The network, in the clear.
    Plain(SocketAddr),
    /// The network, over TLS.
    Tls(SocketAddr),
}

/// Headers that matter beyond HTTP itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Headers {
    /// An existing task to run under.
    pub task_id: Option<String>,
    /// Parent of the task a call makes.
    pub subtask_of: Option<String>,
    /// `x-http-other-config-<key>`.
    pub other_config: Vec<(String, String)>,
}

impl Headers {
    pub(crate) fn of(map: &HeaderMap) -> Headers {
        let text = |name: &str| map.get(name).and_then(|v| v.to_str().ok()).map(str::to_string);
        let prefix = "x-http-other-config-";
        let extra = map.iter().filter_map(|(name, value)| {
            Some((name.as_str().strip_prefix(prefix)?.to_string(), value.to_str().ok()?.to_string()))
        });
        Headers { task_id: text("task-id"), subtask_of: text("subtask-of"), other_config: extra.collect() }
    }
}

/// A remote procedure call.
#[derive(Debug, Clone)]
pub struct RpcRequest {
    /// Where it came from.
    pub origin: Origin,
    /// The call.
    pub call: Call,
    /// Headers.
    pub headers: Headers,
}

/// A request for a handler.
#[derive(Debug)]
pub struct HandlerRequest {
    /// Where it came from.
    pub origin: Origin,
    /// HTTP method.
    pub method: Method,
    /// Path as sent, still encoded.
    pub path: String,
    /// Query pairs, decoded, repeated keys apart.
    pub query: Vec<(String, String)>,
    /// All headers.
    pub headers: HeaderMap,
    /// Body, unread.
    pub body: RequestBody,
    /// The connection, for handlers that take it over.
    pub upgrade: Upgrade,
}

/// A connection that may be taken over once the request is answered.
#[derive(Debug)]
pub enum Upgrade {
    /// The HTTP library hands it over.
    Library(OnUpgrade),
    /// The head was read here.
    Bare(oneshot::Receiver<Wire>),
}

impl Upgrade {
    /// The connection, after [`Answer::take_over`](crate::Answer::take_over) was sent.
    ///
    /// # Errors
    /// The client hung up before.
    pub async fn taken(self) -> io::Result<Wire> {
        match self {
            Upgrade::Library(upgrade) => {
                let upgraded = upgrade.await.map_err(io::Error::other)?;
                let parts = upgraded.downcast::<TokioIo<Lent>>().map_err(|_| io::ErrorKind::InvalidInput)?;
                let mut wire = Wire::new(parts.io.into_inner());
                wire.put_back(&parts.read_buf);
                Ok(wire)
            }
            Upgrade::Bare(wire) => wire.await.map_err(|_| io::ErrorKind::ConnectionAborted.into()),
        }
    }
}

impl HandlerRequest {
    /// The first value of a query key.
    pub fn query(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// A cookie by name, decoded.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let header = self.headers.get("cookie")?.to_str().ok()?;
        query::cookies(header).into_iter().find(|(k, _)| k == name).map(|(_, v)| v)
    }

    /// The `Authorization` header.
    pub fn authorization(&self) -> Option<&str> {
        self.headers.get("authorization")?.to_str().ok()
    }
}
