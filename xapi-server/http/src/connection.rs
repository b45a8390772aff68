//! One connection: the first bytes decide between HTTP and the command line's protocol.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use hyper::{
    HeaderMap, Request, Response, Version, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::{
    Answer, AnswerBody, Route, Service,
    answer::page,
    bare, query,
    request::{HandlerRequest, Origin, Upgrade},
    route, rpc,
    upload::RequestBody,
};

/// A connection in either direction, with what was read ahead put back.
pub struct Wire {
    ahead: Vec<u8>,
    inner: Box<dyn Duplex>,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").field("ahead", &self.ahead.len()).finish_non_exhaustive()
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Duplex for T {}

impl Wire {
    /// Any stream.
    pub fn new(stream: impl AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static) -> Wire {
        Wire { ahead: Vec::new(), inner: Box::new(stream) }
    }

    /// Puts back what was read.
    pub(crate) fn put_back(&mut self, bytes: &[u8]) {
        self.ahead.splice(0..0, bytes.iter().copied());
    }

    /// Ends it so that the last answer arrives: a connection closed with unread bytes is reset, and the reset may
    /// overtake the answer. So what a client still sends is listened to for a while.
    pub async fn linger(&mut self) {
        let drained = async {
            self.shutdown().await?;
            let (mut bytes, mut left) = (vec![0; 64 << 10], REST);
            loop {
                let read = self.read(&mut bytes).await?;
                match left.checked_sub(read) {
                    Some(less) if read > 0 => left = less,
                    _ => return io::Result::Ok(()),
                }
            }
        };
        let _ = tokio::time::timeout(LINGER, drained).await;
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        }
        let take = self.ahead.len().min(buf.remaining());
        buf.put_slice(&self.ahead[..take]);
        self.ahead.drain(..take);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }
    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

/// A connection in the HTTP library's hands: once it is done, what is left of it is ours again.
#[derive(Debug, Clone)]
pub struct Lent(Arc<Mutex<Wire>>);

impl Lent {
    /// Lends a connection.
    pub fn new(wire: Wire) -> Lent {
        Lent(Arc::new(Mutex::new(wire)))
    }

    fn with<T>(&self, work: impl FnOnce(Pin<&mut Wire>) -> T) -> T {
        work(Pin::new(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Ends it as [`Wire::linger`] does. One that others hold (it was upgraded, or its body is still being read) is
    /// left to them.
    pub async fn linger(self) {
        let Ok(wire) = Arc::try_unwrap(self.0) else { return };
        wire.into_inner().unwrap_or_else(PoisonError::into_inner).linger().await;
    }
}

impl AsyncRead for Lent {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.with(|wire| wire.poll_read(cx, buf))
    }
}

impl AsyncWrite for Lent {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.with(|wire| wire.poll_write(cx, buf))
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|wire| wire.poll_flush(cx))
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|wire| wire.poll_shutdown(cx))
    }
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.with(|wire| wire.poll_write_vectored(cx, bufs))
    }
    fn is_write_vectored(&self) -> bool {
        self.with(|wire| wire.is_write_vectored())
    }
}

/// Longest a client that has its answer is listened to, and how much of what it still sends is taken.
const LINGER: Duration = Duration::from_secs(10);
const REST: usize = 64 << 20;
/// Longest the first byte, and then a request's headers, may take.
const HEADERS: Duration = Duration::from_secs(60);
/// Longest one header line.
const LINE: usize = 1_024;
/// Longest all headers of a request together.
const ALL_LINES: usize = 16_384;
/// How the command line's requests begin.
const CLI: &[u8] = b"POST /cli";

/// Serves a connection until it ends.
pub async fn serve<S: Service>(service: Arc<S>, origin: Origin, mut wire: Wire) -> io::Result<()> {
    let mut first = [0u8; CLI.len()];
    let mut have = 0;
    while have < first.len() && (first[..have] == CLI[..have] || is_bare(&first[..have])) {
        // The shortest request is longer than what tells them apart.
        let read = tokio::time::timeout(HEADERS, wire.read(&mut first[have..])).await??;
        if read == 0 {
            break;
        }
        have += read;
    }
    wire.ahead = first[..have].to_vec();
    if first == CLI {
        service.cli(origin, wire).await;
        return Ok(());
    }
    if have >= bare::UPLOAD.len() && is_bare(&first[..have]) {
        let mut head = Vec::new();
        tokio::time::timeout(HEADERS, bare::read_head(&mut wire, &mut head, ALL_LINES)).await??;
        if let Some(request) = bare::connect(&head) {
            return bare::serve_connect(&*service, origin, request, wire).await;
        }
        if let Some(request) = bare::endless(&head) {
            return bare::serve(&*service, origin, request, wire).await;
        }
        wire.put_back(&head);
    }
    let lent = Lent::new(wire);
    let answering = service_fn(move |request| {
        let service = service.clone();
        async move { Ok::<_, Infallible>(respond(&*service, origin, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .auto_date_header(false)
        .max_buf_size(128 * 1024)
        .preserve_header_case(true)
        .serve_connection(TokioIo::new(lent.clone()), answering)
        .with_upgrades();
    let outcome = connection.await.map_err(io::Error::other);
    lent.linger().await;
    outcome
}

/// A request whose head may be read here, as far as its first bytes tell.
fn is_bare(first: &[u8]) -> bool {
    [bare::UPLOAD, bare::CONNECT].iter().any(|begin| {
        let length = first.len().min(begin.len());
        first[..length] == begin[..length]
    })
}

fn too_long(headers: &HeaderMap) -> bool {
    let lengths = || headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    lengths().any(|length| length > LINE) || lengths().sum::<usize>() > ALL_LINES
}

async fn respond<S: Service>(
    service: &S,
    origin: Origin,
    request: Request<Incoming>,
) -> Response<AnswerBody> {
    let keep_alive = keeps_alive(request.version(), request.headers());
    answer(service, origin, request).await.into_response(keep_alive)
}

/// HTTP/1.0 ends unless asked not to, HTTP/1.1 the other way round.
fn keeps_alive(version: Version, headers: &HeaderMap) -> bool {
    let asked = |word: &str| {
        headers.get("connection").and_then(|v| v.to_str().ok()).is_some_and(|v| v.eq_ignore_ascii_case(word))
    };
    if version == Version::HTTP_10 { asked("keep-alive") } else { !asked("close") }
}

async fn answer<S: Service>(service: &S, origin: Origin, mut request: Request<Incoming>) -> Answer {
    if origin != Origin::LocalSocket && too_long(request.headers()) {
        return page(431, "");
    }
    let method = request.method().as_str().to_string();
    let path = match request.uri().path() {
        "" => request.uri().authority().map_or_else(String::new, ToString::to_string),
        path => path.to_string(),
    };
    match route(&method, &path) {
        found @ (Route::Xml | Route::Json) => {
            let (parts, body) = request.into_parts();
            rpc::answer(service, found, origin, parts.headers, body).await
        }
        Route::Preflight => rpc::preflight(request.headers()),
        Route::NoMethod => page(501, &method),
        Route::Forbidden => page(403, ""),
        Route::Handler(handler) => {
            let upgrade = hyper::upgrade::on(&mut request);
            let length = request.headers().get("content-length").and_then(|v| v.to_str().ok()?.parse().ok());
            let request = request.map(|body| RequestBody::framed(body, length));
            handle(service, handler, origin, request, path, Upgrade::Library(upgrade)).await
        }
    }
}

/// Answers a request whose head was not read by the HTTP library.
pub async fn answer_bare<S: Service>(
    service: &S,
    origin: Origin,
    request: Request<RequestBody>,
    upgrade: Upgrade,
) -> Answer {
    if origin != Origin::LocalSocket && too_long(request.headers()) {
        return page(431, "");
    }
    let path = request.uri().path().to_string();
    match route(request.method().as_str(), &path) {
        Route::Handler(handler) => handle(service, handler, origin, request, path, upgrade).await,
        _ => page(403, ""),
    }
}

async fn handle<S: Service>(
    service: &S,
    handler: &'static xapi_schema::http::Handler,
    origin: Origin,
    request: Request<RequestBody>,
    path: String,
    upgrade: Upgrade,
) -> Answer {
    let query = query::query(request.uri().query().unwrap_or_default());
    let (parts, body) = request.into_parts();
    let request =
        HandlerRequest { origin, method: parts.method, path, query, headers: parts.headers, body, upgrade };
    service.handle(handler, request).await
}
