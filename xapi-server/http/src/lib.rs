//! The HTTP side of a XenAPI server: listeners, TLS, routing, limits.
//!
//! Remote procedure calls are read and written here with `xapi-codec`; everything they mean is behind
//! [`Service`]. Never here: methods, sessions, objects.

mod answer;
mod bare;
mod connection;
mod query;
mod request;
mod route;
mod rpc;
mod serve;
pub mod tls;
mod upload;

pub use answer::{Answer, AnswerBody, page};
pub use connection::Wire;
pub use hyper::HeaderMap;
pub use query::{Basic, basic, cookies, query};
pub use request::{HandlerRequest, Headers, Origin, RpcRequest, Upgrade};
pub use route::{Route, route};
pub use serve::{Listeners, Running, start};
pub use upload::RequestBody;

use std::future::Future;

use xapi_schema::{Result, Value, http::Handler};

/// What a server does with requests once they are read.
pub trait Service: Send + Sync + 'static {
    /// Answers a remote procedure call.
    fn call(&self, request: RpcRequest) -> impl Future<Output = Result<Value>> + Send;

    /// Answers any other handler of the schema's table.
    fn handle(
        &self,
        handler: &'static Handler,
        request: HandlerRequest,
    ) -> impl Future<Output = Answer> + Send;

    /// Takes over a whole connection that begins with `POST /cli`; nothing of it has been read.
    fn cli(&self, origin: Origin, stream: Wire) -> impl Future<Output = ()> + Send;
}
