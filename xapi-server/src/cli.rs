//! `POST /cli`: the command line's protocol on a taken-over connection, answered by the library of `xe`.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use xapi_http::Wire;
use xapi_ops::{
    CallInfo, Peer, Xapi,
    session::{self, LoginRequest},
};
use xapi_schema::{Failure, Ref, Result, Value, classes, errors};
use xe_cli::{Api, Boxed, Credentials, Login};

/// Longest header of a request.
const HEADER: usize = 16_384;
/// What the sessions of the command line are marked with.
const ORIGINATOR: &str = "cli";

/// Answers one command.
pub async fn serve(xapi: Arc<Xapi>, peer: Peer, mut wire: Wire) {
    let header = match read_header(&mut wire).await {
        Ok(Some(header)) => header,
        _ => return refuse(wire).await,
    };
    let Some(length) = content_length(&header) else { return refuse(wire).await };
    let local = peer.is_local();
    let door = Door { xapi, peer };
    if let Err(error) = xe_cli::serve(wire, length, &door, local).await {
        tracing::debug!(%error, "a command ended early");
    }
}

async fn refuse(mut wire: Wire) {
    let text = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    // The client may be gone already; then nobody misses the answer.
    let _ = wire.write_all(text.as_bytes()).await;
    let _ = wire.shutdown().await;
}

/// Everything up to the empty line; `None` when it is too long.
async fn read_header(wire: &mut Wire) -> std::io::Result<Option<String>> {
    let mut header = Vec::new();
    while !header.ends_with(b"\r\n\r\n") {
        if header.len() >= HEADER {
            return Ok(None);
        }
        header.push(wire.read_u8().await?);
    }
    Ok(String::from_utf8(header).ok())
}

fn content_length(header: &str) -> Option<usize> {
    let mut lines = header.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    value.trim().parse().ok()
}

/// Where the command line's sessions are opened.
struct Door {
    xapi: Arc<Xapi>,
    peer: Peer,
}

/// Calls within one session.
struct Caller {
    xapi: Arc<Xapi>,
    peer: Peer,
    session: Ref<classes::Session>,
}

impl Api for Caller {
    fn call<'a>(&'a self, method: &'a str, args: Vec<Value>) -> Boxed<'a, Result<Value, Failure>> {
        let session = Value::Str(self.session.text().clone());
        let args = std::iter::once(session).chain(args).collect();
        Box::pin(async move { self.xapi.call(&CallInfo::from(self.peer.clone()), method, args).await })
    }

    fn session(&self) -> String {
        self.session.to_string()
    }
}

impl Door {
    fn caller(&self, session: Ref<classes::Session>) -> Box<dyn Api> {
        Box::new(Caller { xapi: self.xapi.clone(), peer: self.peer.clone(), session })
    }

    async fn open(&self, credentials: Credentials) -> Result<Box<dyn Api>> {
        let session = match credentials {
            Credentials::User { name, password } | Credentials::Local { name, password } => {
                let request = LoginRequest { user: name, password, originator: ORIGINATOR.into() };
                session::login(&self.xapi, &self.peer, request).await?
            }
            Credentials::Superuser { .. } => session::open_local(&self.xapi, ORIGINATOR).await?,
            Credentials::Session(reference) => match self.xapi.sessions.get(&reference) {
                Some(known) => known.reference.clone(),
                None => return Err(errors::SESSION_INVALID.with([reference])),
            },
        };
        Ok(self.caller(session))
    }
}

impl Login for Door {
    fn login<'a>(&'a self, credentials: Credentials) -> Boxed<'a, Result<Box<dyn Api>, Failure>> {
        Box::pin(self.open(credentials))
    }

    fn logout<'a>(&'a self, api: &'a dyn Api) -> Boxed<'a, ()> {
        Box::pin(async move { session::close(&self.xapi, &Ref::new(api.session())).await })
    }
}
